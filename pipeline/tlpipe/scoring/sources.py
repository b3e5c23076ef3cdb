"""What is scored: each source gives its images one by one, in an order that it has again when a command continues."""

import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tlpipe.data import object_store
from tlpipe.data.location import Location, Remote
from tlpipe.scoring.work import Item
from tlpipe_edge.contract import kinds
from tlpipe_edge.errors import BadData, MissingInput, TlpipeError

ADVICE = "Name a folder of images, a list of paths, a zip or tar archive, a Parquet file, or an image."
"""The advice for what is no source."""
PACKED = (*kinds.ARCHIVES, ".parquet")
"""The suffixes of files that have images in them."""


@dataclass(frozen=True)
class Place:
    """Where an image is in its source: the ``number`` of the file, line, member or row, from 1; 0 is before the first.

    ``digest`` stands for all up to there, where the source is not a single file.
    """

    number: int = 0
    digest: str = ""


BEGIN = Place()


@dataclass(frozen=True)
class Placed:
    """An image and its place."""

    item: Item
    place: Place


class Source(Protocol):
    """Where images are from: ``path`` as the user has written it."""

    @property
    def path(self) -> Location:
        """What must be there until the end."""
        ...

    def total(self) -> int | None:
        """How many images it has, as far as that is told quickly, at least about; None if it is not.

        Raise BadData for what can be refused as quickly.
        """
        ...

    def images(self, after: Place) -> Iterator[Placed]:
        """The images after a place, without reading those before it.

        Raise NoImages if there is none at all, Changed if the place is of another source, and BadData if it is damaged.
        """
        ...


class NoImages(BadData):
    """A source without images."""


class Changed(TlpipeError):
    """A source is not what it was when the place in it was noted; ``finished``: nor is one before it."""

    def __init__(self, where: object, *, finished: bool = False) -> None:
        super().__init__("changed", where=where)
        self.finished = finished


def stamp(path: Location) -> str:
    """What tells that a file is the same: its size and the time of its last change; of an object, its size and its tag;
    "" of a folder, whose places have digests. Raise MissingInput."""
    if not isinstance(path, Path):
        found = object_store.look(path)
        return "" if found is None else f"{found.size} {found.tag}"
    try:
        status = path.stat()
    except OSError as error:
        raise gone(path) from error
    return "" if stat.S_ISDIR(status.st_mode) else f"{status.st_size} {status.st_mtime_ns}"


def check_there(path: Location) -> None:
    """Raise MissingInput if a file or folder is gone, or if the folder is empty, as that of a lost disk."""
    if not isinstance(path, Path):
        _check_in_store(path)
        return
    try:
        there = any(path.iterdir()) if path.is_dir() else path.exists()
    except OSError:
        there = False
    if not there:
        raise gone(path)


def _check_in_store(path: Remote) -> None:
    try:
        object_store.look(path)
    except MissingInput as error:
        raise gone(path) from error


def gone(path: Location) -> MissingInput:
    """The error for a source that was there before."""
    return MissingInput("gone while it was read", "Put it back.", where=path)
