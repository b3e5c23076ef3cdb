"""Shelves of the cache: rows of features by the sha256 of their image, in files (shards) that are opened when needed.

A shard has two arrays of NumPy: its index (the sha256 and the checksum of each row), then the rows. So what is on a
shelf is known from the heads of its files.
"""

import hashlib
import io
import math
import os
import warnings
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from tlpipe.storage import cache

VERSION = 3
"""Version of the layout of a shard; 2 had index and rows interleaved, 1 had no checksums."""

DIGEST = np.dtype("S32")
"""The sha256 of an image. NumPy does not tell two that differ in final zeros only, but all have 32 bytes."""

_INDEX = np.dtype([("sha256", DIGEST), ("crc32", "<u4")])
INDEX_BYTES = _INDEX.itemsize
"""What a row takes besides its numbers."""


def digests(hashes: Sequence[str]) -> np.ndarray:
    """Hexadecimal sha256 sums -> (N,) ``DIGEST``."""
    return np.frombuffer(bytes.fromhex("".join(hashes)), DIGEST)


def store(shelf: str, hashes: np.ndarray, rows: np.ndarray) -> None:
    """Put a shard on the shelf: the ``rows`` (N, ...) of the images with these ``digests`` (N,)."""
    index = np.empty(len(hashes), _INDEX)
    index["sha256"], index["crc32"] = hashes, [checksum(*each) for each in zip(hashes.tolist(), rows, strict=True)]
    buffer = io.BytesIO()
    np.save(buffer, index)
    np.save(buffer, rows)
    name = hashlib.sha256(hashes.tobytes()).hexdigest()[:24]
    cache.put(f"{shelf}/{name}.npy", buffer.getvalue())


@dataclass(frozen=True)
class Head:
    """What is known of a shard without its rows: the digests and the checksums of N rows, each of a ``row``'s dtype and
    shape, from the byte ``offset`` of the file with this ``inode``."""

    sha256: np.ndarray
    crc32: np.ndarray
    row: np.dtype
    offset: int
    inode: int


@dataclass(frozen=True)
class Placed:
    """Where the rows of N examples are: ``shard`` (N,) int32 is a number of ``files`` and of their ``heads``, or -1 for
    an example without a row; ``row`` (N,) int32 is that of the row in it. ``rank`` (N,) int64 is the order of the
    sha256 of their images, in which rows are stored."""

    files: Sequence[Path]
    heads: Sequence[Head]
    shard: np.ndarray
    row: np.ndarray
    rank: np.ndarray


class Index:
    """Where the rows of N different images are on the ``shelf``, as far as ``refresh`` has seen it.

    ``hashes`` are their digests, sorted; ``shard`` (N,) int32 is the number of the file in ``files``, or -1, and
    ``row`` (N,) int32 that of the row in it.
    """

    def __init__(self, shelf: str, dtype: str, hashes: np.ndarray) -> None:
        self.hashes = np.unique(hashes)
        self.files: list[Path] = []
        self.heads: list[Head] = []
        self.shard = np.full(len(self.hashes), -1, np.int32)
        self.row = np.zeros(len(self.hashes), np.int32)
        self.shelf, self._dtype = shelf, np.dtype(dtype)
        self._seen: dict[str, int] = {}

    def refresh(self) -> bool:
        """Look for new shards, and forget those that are gone; gives whether there are any of these. A damaged one is
        deleted, so that its rows are computed again."""
        names = [name for name in cache.names(self.shelf) if name.endswith(".npy")]
        gone = self._seen.keys() - names
        for name in gone:
            self.shard[self.shard == self._seen.pop(name)] = -1
        before = len(self._seen)
        for name in names:
            if name in self._seen:
                continue
            file = cache.folder() / name
            try:
                head = read_head(file, self._dtype)
            except FileNotFoundError:  # another process has deleted it meanwhile
                continue
            if head is None:
                file.unlink(missing_ok=True)
                continue
            self._seen[name] = len(self.files)
            self._add(file, head)
        return bool(gone) or len(self._seen) > before

    def _add(self, file: Path, head: Head) -> None:
        places = self.places(head.sha256)
        known = np.flatnonzero(places >= 0)
        self.shard[places[known]], self.row[places[known]] = len(self.files), known
        self.files.append(file)
        self.heads.append(head)

    def places(self, hashes: np.ndarray) -> np.ndarray:
        """The places of these digests in the index: (K,) int64, -1 for one that it does not have."""
        if not len(self.hashes):
            return np.full(len(hashes), -1)
        places = np.searchsorted(self.hashes, hashes).clip(max=len(self.hashes) - 1)
        return np.where(self.hashes[places] == hashes, places, -1)

    def placed(self, places: np.ndarray) -> Placed:
        """Where the rows of these places are; a place may be -1."""
        there = places >= 0
        shard, row = np.full(len(places), -1, np.int32), np.zeros(len(places), np.int32)
        shard[there], row[there] = self.shard[places[there]], self.row[places[there]]
        return Placed(tuple(self.files), tuple(self.heads), shard, row, places)

    def missing(self) -> np.ndarray:
        """The places of the images that have no row, ascending: (K,) int64. That is the order of their sha256, which
        is one at random."""
        return np.flatnonzero(self.shard < 0)


def read_head(file: Path, dtype: np.dtype) -> Head | None:
    """The head of a shard, or None if the file is damaged. Raise OSError if it cannot be opened."""
    with file.open("rb") as stream:
        status = os.fstat(stream.fileno())
        try:
            (length,), key = _header(stream)
            if key != _INDEX or not 0 < length <= status.st_size // _INDEX.itemsize:
                return None
            index = np.frombuffer(stream.read(length * _INDEX.itemsize), _INDEX, length)
            shape, row = _header(stream)
        except OSError:
            raise
        except Exception:  # for a damaged header, NumPy raises errors of its parser and of Python's
            return None
        offset = stream.tell()
    if row != dtype or shape[:1] != (length,) or status.st_size != offset + row.itemsize * math.prod(shape):
        return None
    return Head(index["sha256"], index["crc32"], np.dtype((row, shape[1:])), offset, status.st_ino)


def _header(stream: BinaryIO) -> tuple[tuple[int, ...], np.dtype]:
    """The shape and the dtype of the array that begins here. Raise ValueError if it is not as ``store`` writes it."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # of a header that is not as NumPy writes it
        np.lib.format.read_magic(stream)  # type: ignore[no-untyped-call, unused-ignore]  # NumPy 1
        shape, fortran_order, dtype = np.lib.format.read_array_header_1_0(stream)  # type: ignore[no-untyped-call, unused-ignore]
    if fortran_order:
        raise ValueError("in Fortran order")
    return shape, dtype


def checksum(sha256: bytes, row: np.ndarray) -> int:
    """The CRC-32 of the bytes of a row, with its shape and the digest of its image."""
    return zlib.crc32(row.data, zlib.crc32(sha256, zlib.crc32(repr(row.shape).encode())))
