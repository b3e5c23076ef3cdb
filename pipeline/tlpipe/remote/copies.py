"""The folder here into which images of a device are copied: what is in it, and how an image comes into it whole.

An image and its .review.json are written under hidden names and flushed to the disk. Then the .review.json gets its
name, and then the image: an image without it would look sorted. Whoever sorts moves the image alone, so what is said
about it stays, and such an image is not fetched again. If a process was stopped between both names, the hidden image is
still there, and ``recover`` gives it its name.
"""

import hashlib
import os
from collections.abc import Iterable
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

    Raise BadData if other images are at both.
    """
    for place in (file, file.with_stem(f"{file.stem}-{sha256[:8]}")):
        if os.path.lexists(place):
            if place.is_file() and sha256_of(place) == sha256:
                return Copy(place, State.HERE)
        elif not os.path.lexists(review.beside(place)):
            return Copy(place, State.MISSING)
        elif _said_by(review.beside(place)) == sha256:
            return Copy(place, State.MOVED)
    raise BadData("another image has its name here", "Move that away.", where=file)


def store(file: Path, sha256: str, sidecar: bytes, image: bytes) -> None:
    """Write an image and its .review.json, whole or not at all. Raise BadData if the image does not have this sha256,
    or the .review.json is not valid, or is about another one."""
    if hashlib.sha256(image).hexdigest() != sha256:
        raise BadData("damaged: its sha256 is not that of when it was kept")
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


def flush(files: Iterable[Path]) -> None:
    """Return when the files, what is said about them, and their names are on the disk."""
    folders = set()
    for file in files:
        _flush(file)
        folders.add(file.parent)
    for folder in folders:
        _flush(folder)


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
