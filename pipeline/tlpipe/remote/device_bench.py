"""``tlpipe-edge bench`` on another machine, over ssh: what is missing there is sent, and its document brought back."""

import hashlib
import json
import os
import signal
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from tlpipe.data.dataset import Example
from tlpipe.remote import ssh, wheel
from tlpipe.remote.address import Address
from tlpipe_edge.console import progress
from tlpipe_edge.contract import benchmark
from tlpipe_edge.contract.bundle import GOLDEN, MANIFEST, REFERENCE, Bundle
from tlpipe_edge.contract.files import sha256_of
from tlpipe_edge.errors import BadData, MissingInput, TlpipeError, Unavailable
from tlpipe_edge.images.walker import SUFFIXES

BUNDLE, IMAGES = "bundle", "images"
"""Where both are on the device, in the folder in which tlpipe-edge runs there."""


@dataclass(frozen=True)
class Content:
    """What is to be on the device: a file here, or its bytes."""

    source: Path | bytes
    sha256: str
    size: int

    @classmethod
    def of(cls, source: Path | bytes) -> "Content":
        """Hash it. Raises MissingInput where the file cannot be read."""
        if isinstance(source, bytes):
            return cls(source, hashlib.sha256(source).hexdigest(), len(source))
        try:
            with source.open("rb") as stream:  # both of one open file: it may be replaced meanwhile
                return cls(source, sha256_of(stream), stream.tell())
        except OSError as error:
            raise MissingInput(
                f"{source}: cannot be read ({error.strerror})", "Put it back, or leave it out."
            ) from None


def bench_on(
    address: Address,
    bundle: Bundle,
    images: Mapping[str, Path],
    *,
    images_name: str | None = None,
    recipes: Sequence[str] = (),
    threads: Sequence[int] = (1,),
    runtime: str = "auto",
    wheelhouse: Path | None = None,
) -> dict[str, Any]:
    """The document of ``tlpipe-edge bench --json`` on the device, with its address.

    ``images`` are as ``in_folders`` gives them, and ``images_name`` says which these are; without any, the bundle's
    golden ones are taken. ``wheelhouse`` is a folder of wheels that replaces the device's package index.
    Raises Unavailable for a device that does not do its part, Busy where another run works there, and what tlpipe-edge
    there itself ends with.
    """
    files: dict[str, Path | bytes] = {f"{BUNDLE}/{name}": file for name, file in bundle_files(bundle).items()}
    # What cannot be read here is an empty file there, and so counts as wrong on both sides.
    files |= {f"{IMAGES}/{name}": file if os.access(file, os.R_OK) else b"" for name, file in images.items()}
    arguments = ["bench", BUNDLE, "--json", "--runtime", runtime, "--threads", ",".join(map(str, threads))]
    arguments += [part for recipe in recipes for part in ("--recipe", recipe)]
    arguments += ["--data", IMAGES] if images else []
    document = document_of(run_edge(address, files, arguments, wheelhouse=wheelhouse), str(address))
    document["device"]["address"] = str(address)
    if images and document["images"]["count"] != len(images):
        raise BadData(f"{address}: it looked at {document['images']['count']} of {len(images)} images", "Run it again.")
    if document["images"]["labelled"] < len(images):
        progress.warn(
            f"{address}: accuracy is on {document['images']['labelled']} of {len(images)} images: of the others the "
            "label is not known there, for it cannot be a folder's name"
        )
    if images_name is not None:
        document["images"]["name"] = images_name
    return document


def in_folders(examples: Iterable[Example], labels: Sequence[str]) -> dict[str, Path]:
    """The photographs by the names that they get on the device: in a folder for each label.

    A label that cannot be a folder's name is left for the bundle's reference to tell. Files of one name get a number,
    and those that the device would not take for a photograph by their name another one: their first bytes count.
    """
    named: dict[str, Path] = {}
    for example in examples:
        label = labels[example.label]
        folder = label if _is_name(label) else f"class {example.label}"
        while folder != label and folder in labels:
            folder += "_"
        suffix = example.file.suffix
        stem, suffix = (example.file.stem, suffix) if suffix.lower() in SUFFIXES else (example.file.name, ".jpg")
        name, number = f"{folder}/{stem}{suffix}", 1
        while name in named:
            number += 1
            name = f"{folder}/{stem}-{number}{suffix}"
        named[name] = example.file
    return named


def _is_name(text: str) -> bool:
    """Whether a folder can be called so."""
    return text not in ("", ".", "..") and not {"/", "\0"} & set(text) and len(os.fsencode(text)) <= 255


def bundle_files(bundle: Bundle) -> dict[str, Path]:
    """What of a bundle a device needs, by its name there: not the histories and the report of training."""
    for artifact in bundle.manifest.artifacts:
        bundle.read(artifact)  # a damaged one is found here, before it travels
    names = [MANIFEST, *(artifact.file for artifact in bundle.manifest.artifacts)]
    names += [name for name in ("labels.txt", REFERENCE) if (bundle.path / name).is_file()]
    golden = sorted(file for file in (bundle.path / GOLDEN).glob("*") if file.is_file())
    return {name: bundle.path / name for name in names} | {f"{GOLDEN}/{file.name}": file for file in golden}


def run_edge(
    address: Address, files: Mapping[str, Path | bytes], arguments: Sequence[str], *, wheelhouse: Path | None = None
) -> bytes:
    """What ``tlpipe-edge`` with these arguments prints on the device, in a folder that holds ``files`` by their names.

    Its lines on stderr are shown here. Raises as ``bench_on`` does.
    """
    for name in files:
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or "\0" in name:
            raise BadData(f"{name}: not a path below a folder", "Rename it.")
    contents = {name: Content.of(file) for name, file in files.items()}
    packed = wheel.pack("tlpipe-edge", "tlpipe_edge")
    wheels = None if wheelhouse is None else _wheels(wheelhouse)
    known = [*contents.values(), Content.of(packed.content), *(wheels or {}).values()]
    by_hash = {content.sha256: content for content in known}
    job = {
        "tree": [(name, content.sha256) for name, content in contents.items()],
        "wheel": (packed.name, packed.sha256),
        "wheelhouse": None if wheels is None else [(name, content.sha256) for name, content in wheels.items()],
        "sizes": {sha256: content.size for sha256, content in by_hash.items()},
        "arguments": list(arguments),
    }
    lines: list[str] = []
    progress.say(f"{address}: connecting")
    with ssh.connected(address) as connection:
        connection.send(job)
        for event, output in connection.events():
            match event["event"]:
                case "missing":
                    _send(connection, address, [by_hash[sha256] for sha256 in event["files"]])
                case "installing":
                    progress.say(f"{address}: installing tlpipe-edge there: some minutes, once")
                case "running":
                    progress.say(f"{address}: tlpipe-edge {arguments[0]}")
                case "said":
                    lines = [*lines[-20:], event["line"]]
                    if not _is_error(event["line"]):
                        progress.say(f"{address}: {event['line']}")
                case "result" if event["code"]:
                    raise _ended(address, event["code"], lines)
                case "result":
                    return output
    raise AssertionError("events end with a result")


def document_of(output: bytes, where: str) -> dict[str, Any]:
    """The document that was printed. Raises BadData where it is none, or is of another schema."""
    try:
        document: dict[str, Any] = json.loads(output)
    except ValueError:
        raise BadData(f"{where}: its answer is no bench document", "Is its shell's output clean?") from None
    benchmark.benches(document, where)
    return document


def _wheels(wheelhouse: Path) -> dict[str, Content]:
    if not wheelhouse.is_dir():
        raise MissingInput(f"{wheelhouse}: no such folder", "Name a folder of wheels with --wheelhouse.")
    wheels = {file.name: Content.of(file) for file in sorted(wheelhouse.glob("*.whl"))}
    if not wheels:
        raise MissingInput(
            f"{wheelhouse}: no wheels here", "Fill it for the device: pip download --only-binary=:all: --platform ..."
        )
    return wheels


def _send(connection: ssh.Connection, address: Address, contents: Sequence[Content]) -> None:
    if not contents:
        progress.say(f"{address}: nothing to send")
        return
    megabytes = sum(content.size for content in contents) / 1e6
    with progress.bar(f"{address}: sending files, {megabytes:.1f} MB", total=len(contents)) as advance:
        for content in contents:
            connection.send_file(content.source, size=content.size)
            advance(1)


def _is_error(line: str) -> bool:
    return line.startswith("error: ")


def _ended(address: Address, code: int, lines: Sequence[str]) -> TlpipeError:
    """The error that tlpipe-edge printed there, or what else ended it."""
    at = next((index for index in reversed(range(len(lines))) if _is_error(lines[index])), None)
    if at is not None:
        advice = lines[at + 1] if at + 1 < len(lines) else ""
        return ssh.error(code, f"{address}: {lines[at].removeprefix('error: ')}", advice)
    if code < 0:
        advice = "Is its memory too small?" if -code == signal.SIGKILL else ""
        return Unavailable(f"{address}: tlpipe-edge was killed there by signal {-code}", advice)
    last = lines[-1] if lines else f"exit code {code}"
    return Unavailable(f"{address}: tlpipe-edge failed there: {last}", "Try it there by hand: tlpipe-edge doctor")
