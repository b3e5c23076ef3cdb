"""The content of a file, or of an object in a store: opened, its first bytes, its size."""

import io
from pathlib import Path
from typing import BinaryIO, TextIO

from tlpipe.data import object_store
from tlpipe.data.location import Location
from tlpipe_edge.errors import BadData


def opened(place: Location) -> BinaryIO:
    """The file, open for reading. Raise OSError for one of this machine, the errors of the store for another one."""
    return place.open("rb") if isinstance(place, Path) else object_store.opened(place)


def text(place: Location, codec: str) -> TextIO:
    """The file as text, with its own line ends. Raise as ``opened``."""
    return io.TextIOWrapper(opened(place), encoding=codec, newline="")


def head(place: Location, count: int) -> bytes:
    """The first ``count`` bytes. Raise BadData if they cannot be read, and the errors of the store."""
    if not isinstance(place, Path):
        return object_store.head(place, count)
    try:
        with place.open("rb") as stream:
            return stream.read(count)
    except OSError as error:
        raise BadData(f"cannot be read ({error.strerror})", "Check the file.", where=place) from error


def size(place: Location) -> int:
    """The number of bytes. Raise OSError, or the errors of the store; 0 of a prefix."""
    if isinstance(place, Path):
        return place.stat().st_size
    found = object_store.look(place)
    return found.size if found is not None else 0
