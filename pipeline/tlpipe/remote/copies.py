"""The folder here into which images of a device are copied: what is in it, and how an image comes into it whole.

An image and its .review.json are written under hidden names and flushed to the disk. Then the .review.json gets its
name, and then the image: an image without it would look sorted. Whoever sorts moves the image alone, so what is said
about it stays, and such an image is not fetched again. If a process was stopped between both names, the hidden image is
still there, and ``recover`` gives it its name.

A person sorts while images come, and two paths may be one file here, as on a disk that takes SHIRT for shirt. So what
is where is looked up again before an image gets its name, and before it counts as safe.
"""

import contextlib
import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path

from tlpipe.storage import disk_errors
from tlpipe_edge.contract import review
from tlpipe_edge.contract.files import sha256_of
from tlpipe_edge.errors import BadData, TlpipeError

_HIDDEN = ".tlpipe-part"


class State(Enum):
    """Whether an image is here."""

    MISSING = auto()
    HERE = auto()
    MOVED = auto()
    """It was here, and a person has moved or deleted it."""


@dataclass(frozen=True)
class Copy:
    """The ``file`` of an image here, and whether it is there."""

    file: Path
    state: State


def find(file: Path, sha256: str) -> Copy:
    """Where the image with this sha256 is or should be: at ``file``, or at NAME-SHA256 if another image is there.

    Raise BadData if other images are at both, or if its folder is a file.
    """
    if os.path.lexists(file.parent) and not file.parent.is_dir():
        raise BadData("a file has the name of its folder here", "Move that away.", where=file.parent)
    for place in (file, file.with_stem(f"{file.stem}-{sha256[:8]}")):
        if _has(place, sha256):
            return Copy(place, State.HERE)
        if os.path.lexists(place):
            continue
        if not os.path.lexists(review.beside(place)):
            return Copy(place, State.MISSING)
        if _said_by(review.beside(place)) == sha256:
            return Copy(place, State.MOVED)
    raise BadData("another image has its name here", "Move that away.", where=file)


def store(file: Path, sha256: str, sidecar: bytes, image: bytes) -> Copy:
    """Write an image and its .review.json to where ``find`` says now, whole or not at all, if it is still missing.

    Raise the errors of ``find``, and BadData if the image does not have this sha256, or the .review.json is not valid,
    or is about another one.
    """
    if hashlib.sha256(image).hexdigest() != sha256:
        raise BadData("damaged: its sha256 is not that of when it was kept")
    copy = find(file, sha256)
    if copy.state is not State.MISSING:
        return copy
    _write_both(copy.file, sha256, sidecar, image)
    return Copy(copy.file, State.HERE)


def _write_both(file: Path, sha256: str, sidecar: bytes, image: bytes) -> None:
    beside = review.beside(file)
    file.parent.mkdir(parents=True, exist_ok=True)
    with disk_errors.naming(file):
        _write(_hidden(beside), sidecar)
        try:
            _check(_hidden(beside), sha256)
        except BadData:
            _hidden(beside).unlink()
            raise
        _write(_hidden(file), image)
        _flush(file.parent)  # the hidden image must be there for as long as its name is not
        _hidden(beside).replace(beside)
        _hidden(file).replace(file)


def recover(folder: Path) -> None:
    """Bring to its end what a stopped process has left in the folders in ``folder``, by the owner of its lock."""
    for hidden in sorted(folder.glob(f"*/.*{_HIDDEN}")):
        file = hidden.with_name(hidden.name[1:].removesuffix(_HIDDEN))
        if not os.path.lexists(file) and _said_by(review.beside(file)) == sha256_of(hidden):
            hidden.replace(file)
        else:
            hidden.unlink()


def flush(files: Mapping[Path, str]) -> set[Path]:
    """The files that have their sha256, when they, what is said about them, and their names are on the disk.

    The others were moved, deleted or changed meanwhile.
    """
    safe = set()
    for file, sha256 in files.items():
        with contextlib.suppress(FileNotFoundError):
            _flush(file)
            _flush(file.parent)
            if _has(file, sha256):
                safe.add(file)
    return safe


def _has(file: Path, sha256: str) -> bool:
    try:
        return file.is_file() and sha256_of(file) == sha256
    except FileNotFoundError:  # it was moved just now
        return False


def _check(sidecar: Path, sha256: str) -> None:
    try:
        kept = review.read(sidecar)
    except TlpipeError as error:
        raise BadData(f"its {review.SUFFIX}: {error.reason}") from error
    if kept.sha256 != sha256:
        raise BadData(f"its {review.SUFFIX} is about another image")


def _said_by(sidecar: Path) -> str:
    """The sha256 of the image that it is about; empty if it is not valid."""
    try:
        return review.read(sidecar).sha256
    except TlpipeError:
        return ""


def _hidden(file: Path) -> Path:
    return file.with_name(f".{file.name}{_HIDDEN}")


def _write(file: Path, content: bytes) -> None:
    with file.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
