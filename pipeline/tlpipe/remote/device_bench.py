"""Runs ``tlpipe-edge bench`` on another machine over ssh: sends the missing files, and receives the document."""

import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from tlpipe.data.dataset import Example
from tlpipe.remote import failures, ssh, wheel
from tlpipe.remote.address import Address
from tlpipe_edge import errors
from tlpipe_edge.console import progress
from tlpipe_edge.contract.benchmark import Bench, benches
from tlpipe_edge.contract.bundle import GOLDEN, LABELS, MANIFEST, REFERENCE, Bundle
from tlpipe_edge.contract.files import parse_json, sha256_of
from tlpipe_edge.errors import BadData, MissingInput
from tlpipe_edge.images import walker
from tlpipe_edge.remote_job.messages import (
    KINDS,
    AwaitsJob,
    AwaitsWheels,
    Busy,
    Ended,
    Failed,
    File,
    Installing,
    Job,
    Missing,
    NotInstalled,
    Result,
    Running,
    Said,
    Wheels,
)

BUNDLE, IMAGES = "bundle", "images"
"""Names of both on the device, in the working directory of tlpipe-edge."""


UNREADABLE = b"\xff\xd8\xff"
"""Sent for an image that cannot be read here: the beginning of a JPEG, so that it is an image there, and wrong, too."""


@dataclass(frozen=True)
class Content:
    """The content of a file for the device: a file here, or bytes."""

    source: Path | bytes
    sha256: str
    size: int

    @classmethod
    def read(cls, source: Path | bytes) -> "Content":
        """Hash it. Raise MissingInput if the file cannot be read."""
        if isinstance(source, bytes):
            return cls(source, hashlib.sha256(source).hexdigest(), len(source))
        try:
            with source.open("rb") as stream:  # hash and size of one open file: it may be replaced meanwhile
                return cls(source, sha256_of(stream), stream.tell())
        except OSError as error:
            raise MissingInput(
                f"cannot be read ({error.strerror})", "Put it back, or leave it out.", where=source
            ) from error


def bench_on(
    address: Address,
    bundle: Bundle,
    images: Mapping[str, Path],
    *,
    images_name: str | None = None,
    trained_on: int | None = None,
    recipes: Sequence[str] = (),
    threads: Sequence[int] = (1,),
    runtime: str = "auto",
    wheelhouse: Path | None = None,
) -> Bench:
    """The benchmark of the bundle on the device, with its address.

    ``images`` are as ``in_folders`` returns them; if empty, the golden images of the bundle are used. ``images_name``
    says which images these are, ``trained_on`` how many of them are training images. ``wheelhouse`` is a folder of
    wheels that replaces the package index of the device.
    Raise Unavailable if the device fails, BadData if its answer is invalid, Busy if another run holds the lock there,
    and the error of tlpipe-edge on the device.
    """
    files: dict[str, Path | bytes] = {f"{BUNDLE}/{name}": file for name, file in bundle_files(bundle).items()}
    readable = _readable(images.values())
    files |= {f"{IMAGES}/{name}": file if file in readable else UNREADABLE for name, file in images.items()}
    arguments = ["bench", BUNDLE, "--json", "--runtime", runtime, "--threads", ",".join(map(str, threads))]
    arguments += [part for recipe in recipes for part in ("--recipe", recipe)]
    arguments += ["--data", IMAGES] if images else []
    bench = bench_of(run_edge(address, files, arguments, wheelhouse=wheelhouse), str(address))
    scored = bench.images
    if scored is None:
        raise BadData("its benchmark does not state the images", "Run it again.", where=address)
    if images and scored.count != len(images):
        advice = "If it names a format that it does not read, convert these images; else run it again."
        raise BadData(f"it used {scored.count} of {len(images)} images", advice, where=address)
    if scored.scored < len(images):
        progress.warn(
            f"{address}: accuracy covers {scored.scored} of {len(images)} images: the other labels cannot be names of "
            "folders, so the device does not know them"
        )
    return replace(
        bench,
        device=replace(bench.device, address=str(address)),
        images=scored if images_name is None else replace(scored, name=images_name, trained_on=trained_on),
    )


def in_folders(examples: Iterable[Example], labels: Sequence[str]) -> dict[str, Path]:
    """The images by their names on the device: in a folder per label.

    If a label cannot be the name of a folder, the device finds it by the reference of the bundle. Files of the same
    name get a number. A file that would be passed over there for its name gets another one.
    """
    named: dict[str, Path] = {}
    for example in examples:
        label = labels[example.label]
        folder = label if _is_name(label) else f"class {example.label}"
        while folder != label and folder in labels:
            folder += "_"
        file = example.file if walker.is_walked(example.file.name) else Path("image.jpg")
        name, number = f"{folder}/{file.name}", 1
        while name in named:
            number += 1
            name = f"{folder}/{file.stem}-{number}{file.suffix}"
        named[name] = example.file
    return named


def _is_name(text: str) -> bool:
    """Whether it can be the name of a folder that is looked into."""
    plain = bool(text) and walker.is_walked(text) and not {"/", "\0"} & set(text)
    return plain and len(os.fsencode(text)) <= 255


def _readable(files: Iterable[Path]) -> frozenset[Path]:
    """Those that can be opened and begin like an image."""
    found = walker.sort_out(files, Path())
    return frozenset(file for file in found.images if os.access(file, os.R_OK))


def bundle_files(bundle: Bundle) -> dict[str, Path]:
    """The files of a bundle that a device needs, by their names there: without the histories of training.

    Raise BadData if one of them is damaged, or if an artifact is missing. The device says so of others that it reads.
    """
    for artifact in bundle.manifest.artifacts:
        bundle.read(artifact)  # raises if it is damaged, before it is sent
    names = [MANIFEST, *(artifact.file for artifact in bundle.manifest.artifacts)]
    golden = sorted(f"{GOLDEN}/{file.name}" for file in (bundle.path / GOLDEN).glob("*"))
    others = [name for name in (LABELS, REFERENCE, *golden) if (bundle.path / name).is_file()]
    return {name: bundle.path / name for name in names} | {name: bundle.checked(name) for name in others}


def run_edge(
    address: Address, files: Mapping[str, Path | bytes], arguments: Sequence[str], *, wheelhouse: Path | None = None
) -> bytes:
    """The output of ``tlpipe-edge`` with these arguments on the device, in a folder with ``files`` by their names.

    Its lines on stderr are shown here. Raise the errors of ``bench_on``.
    """
    for name in files:
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or "\0" in name:
            raise BadData("not a path below a folder", "Rename it.", where=name)
    packed = wheel.pack("tlpipe-edge", "tlpipe_edge")
    own = Content.read(packed.content)
    wheels = None if wheelhouse is None else {file.name: Content.read(file) for file in wheel_files(wheelhouse)}
    contents = {name: Content.read(file) for name, file in files.items()}
    offered = {content.sha256: content for content in (own, *(wheels or {}).values(), *contents.values())}
    progress.say(f"{address}: connecting")
    with ssh.connected(address, ssh.BOOTSTRAP) as connection:
        for event, output in connection.events(KINDS):
            match event:
                case AwaitsWheels():
                    listed = None if wheels is None else _listed(wheels)
                    connection.send(Wheels(File(packed.name, own.sha256, own.size), listed))
                case AwaitsJob():
                    connection.send(Job(_listed(contents), tuple(arguments)))
                case Missing():
                    _send(connection, address, _asked(address, event, offered))
                case Installing():
                    progress.say(f"{address}: installing tlpipe-edge on the device: this takes some minutes, once")
                case Running():
                    progress.say(f"{address}: tlpipe-edge {arguments[0]}")
                case Said():
                    progress.say(f"{address}: {event.line}")
                case Busy():
                    raise errors.Busy(
                        "another tlpipe process is using the device", "Wait for it to end.", where=address
                    )
                case NotInstalled():
                    raise failures.not_installed(address, event)
                case Failed():
                    raise failures.failed(address, event)
                case Ended():
                    raise failures.ended(address, event)
                case Result():
                    return output
    raise AssertionError("events() always ends with an error")


def bench_of(output: bytes, where: str) -> Bench:
    """Parse the output. Raise BadData if it is not the document of one benchmark."""
    try:
        document = parse_json(output)
    except (ValueError, RecursionError) as error:
        raise BadData("its output is not a benchmark", "Does its shell print anything else?", where=where) from error
    first, *more = benches(document, where, "Run it again.")
    if more:
        raise BadData(f"{len(more) + 1} benchmarks, expected one", "Run it again.", where=where)
    return first


def wheel_files(wheelhouse: Path) -> list[Path]:
    """The wheels in the folder. Raise MissingInput if there are none."""
    if not wheelhouse.is_dir():
        raise MissingInput("no such folder", "Name a folder of wheels with --wheelhouse.", where=wheelhouse)
    wheels = sorted(wheelhouse.glob("[!.]*.whl"))
    if not wheels:
        raise MissingInput(
            "no wheels here",
            "Fill it for the device: pip download --only-binary=:all: --platform ...",
            where=wheelhouse,
        )
    return wheels


def _listed(contents: Mapping[str, Content]) -> tuple[File, ...]:
    return tuple(File(name, content.sha256, content.size) for name, content in contents.items())


def _asked(address: Address, event: Missing, offered: dict[str, Content]) -> list[Content]:
    """The contents that the device requests, each once. Raise BadData for anything else."""
    if not offered.keys() >= set(event.files) or len(set(event.files)) < len(event.files):
        raise BadData("it requests a file that was not offered", "Check what runs there.", where=address)
    return [offered.pop(sha256) for sha256 in event.files]


def _send(connection: ssh.Connection, address: Address, contents: Sequence[Content]) -> None:
    if not contents:
        progress.say(f"{address}: nothing to send")
        return
    megabytes = sum(content.size for content in contents) / 1e6
    with progress.bar(f"{address}: sending files, {megabytes:.1f} MB", total=len(contents)) as advance:
        for content in contents:
            connection.send_file(content.source, size=content.size)
            advance(1)
