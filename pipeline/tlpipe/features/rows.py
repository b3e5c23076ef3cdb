"""The inputs of training, by index: pixels that are decoded when they are taken, or rows that the cache has."""

import contextlib
import functools
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from tlpipe.data.augment import View
from tlpipe.data.dataset import Example
from tlpipe.data.pixels import read_pixels
from tlpipe.features import shelf
from tlpipe.features.shelf import Placed
from tlpipe.storage import cache
from tlpipe_edge.contract.manifest import ImageSpec
from tlpipe_edge.errors import Busy
from tlpipe_edge.machine.device import cores

POOL_BYTES = 256_000_000
"""Rows are shuffled within a pool of so many bytes at most, which the system keeps in memory while it is used."""

BLOCK_BYTES = 4_000_000
"""A pool is made of blocks of so many bytes, which are read in one piece: at random, but for the first one."""

MAX_OPEN = 64
"""The number of shards that are open at once: as many as a pool has blocks."""


class Source(Protocol):
    """Rows by index."""

    def take(self, indices: np.ndarray) -> np.ndarray:
        """(K,) indices -> (K, ...) float32."""
        ...

    def in_sequence(self, indices: np.ndarray) -> np.ndarray:
        """The same indices in the order in which they are read fastest."""
        ...

    def pools(self, indices: np.ndarray, random: np.random.Generator | None) -> list[np.ndarray]:
        """The same indices in a random order, or in sequence, in pools to be taken one after the other."""
        ...

    def will_need(self, indices: np.ndarray) -> None:
        """Rows that will be taken soon, so that the system may read them now."""
        ...


class Unordered:
    """Rows that are read as fast in any order."""

    def in_sequence(self, indices: np.ndarray) -> np.ndarray:
        """As ``Source``."""
        return indices

    def pools(self, indices: np.ndarray, random: np.random.Generator | None) -> list[np.ndarray]:
        """As ``Source``: in one pool."""
        return [indices if random is None else indices[random.permutation(len(indices))]]

    def will_need(self, indices: np.ndarray) -> None:
        """As ``Source``: nothing can be read earlier."""


@dataclass(frozen=True)
class Pixels(Unordered):
    """The images themselves, decoded when they are taken."""

    examples: Sequence[Example]
    view: View
    spec: ImageSpec

    def take(self, indices: np.ndarray) -> np.ndarray:
        """(K,) indices -> (K, size, size, 3) float32 of 0..255."""
        chosen = [self.examples[index] for index in indices]
        return np.stack(list(_readers().map(lambda e: read_pixels(e, self.view, self.spec), chosen))).astype(np.float32)


@functools.cache
def _readers() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(cores(), thread_name_prefix="pixels")


class Shelved:
    """Rows on a shelf of the cache, which are read when they are taken.

    If some are lost or damaged meanwhile, ``again`` computes them, and says where all are.
    """

    def __init__(self, placed: Placed, again: Callable[[], Placed]) -> None:
        self._placed, self._again = placed, again

    def take(self, indices: np.ndarray) -> np.ndarray:
        """(K,) indices -> (K, ...) float32. Raise IndexError for one that has no row, Busy if rows are lost again and
        again."""
        try:
            return self._taken(indices)
        except FileNotFoundError:
            self._placed = self._again()
        try:
            return self._taken(indices)
        except FileNotFoundError as error:
            raise lost() from error

    def _taken(self, indices: np.ndarray) -> np.ndarray:
        found = [
            self._row(*place) for place in zip(self._placed.shard[indices], self._placed.row[indices], strict=True)
        ]
        return np.stack(found).astype(np.float32)

    def _row(self, shard: int, row: int) -> np.ndarray:
        """Raise FileNotFoundError if the shard is gone or, after deleting it, if the row is damaged."""
        if shard < 0:
            raise IndexError("an example without a row")
        path, head = self._placed.files[shard], self._placed.heads[shard]
        file = _opened(path, head.inode)  # kept until it is read: another thread may make room for others
        # Not mapped into memory: an error of the disk would end the process.
        content = os.pread(file.descriptor, head.row.itemsize, head.offset + int(row) * head.row.itemsize)
        if len(content) == head.row.itemsize:
            found = np.frombuffer(content, head.row.base).reshape(head.row.shape)
            if shelf.checksum(bytes(head.sha256[row]), found) == head.crc32[row]:
                return found
        path.unlink(missing_ok=True)
        raise FileNotFoundError(path)

    def in_sequence(self, indices: np.ndarray) -> np.ndarray:
        """As ``Source``: in the order of their sha256, in which they are stored. How they came to their shards, such as
        in two parts by a command that was stopped, makes no difference."""
        return indices[np.argsort(self._placed.rank[indices], kind="stable")]

    def pools(self, indices: np.ndarray, random: np.random.Generator | None) -> list[np.ndarray]:
        """As ``Source``. A pool has blocks from anywhere, which have images from anywhere, as the order of the sha256
        is one at random. What fits into one pool is in any order alike."""
        row_bytes = max((head.row.itemsize for head in self._placed.heads), default=1)
        if random is not None and len(indices) * row_bytes <= POOL_BYTES:
            return [indices[random.permutation(len(indices))]]
        ordered = self.in_sequence(indices)
        if random is None:
            rows_of_pool = max(1, POOL_BYTES // row_bytes)
            return np.array_split(ordered, np.arange(rows_of_pool, len(ordered), rows_of_pool))
        of_block = max(1, BLOCK_BYTES // row_bytes)
        blocks = np.array_split(ordered, np.arange(of_block, len(ordered), of_block))
        order = random.permutation(len(blocks))
        of_pool = max(1, POOL_BYTES // BLOCK_BYTES)
        pools = (order[start : start + of_pool] for start in range(0, len(order), of_pool))
        return [random.permutation(np.concatenate([blocks[number] for number in pool])) for pool in pools]

    def will_need(self, indices: np.ndarray) -> None:
        """As ``Source``: block by block."""
        if not hasattr(os, "posix_fadvise"):  # as on macOS
            return
        shards, rows = self._placed.shard[indices], self._placed.row[indices]
        for shard in np.unique(shards[shards >= 0]):
            head, of_shard = self._placed.heads[shard], np.sort(rows[shards == shard])
            with contextlib.suppress(OSError):  # ``take`` finds out
                file = _opened(self._placed.files[shard], head.inode)
                for run in np.split(of_shard, np.flatnonzero(np.diff(of_shard) > 1) + 1):
                    start, size = int(run[0]) * head.row.itemsize, len(run) * head.row.itemsize
                    os.posix_fadvise(file.descriptor, head.offset + start, size, os.POSIX_FADV_WILLNEED)


def lost() -> Busy:
    """The error for rows that were computed a moment ago."""
    return Busy(
        "another tlpipe process removed these features, or the disk damages them",
        "Try again when no other tlpipe process runs.",
        where=cache.folder(),
    )


class _File:
    """A file that is open for reading until nobody has this any more."""

    def __init__(self, path: Path) -> None:
        self.descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)

    def __del__(self) -> None:
        if hasattr(self, "descriptor"):
            os.close(self.descriptor)


@functools.lru_cache(maxsize=MAX_OPEN)
def _opened(path: Path, _inode: int) -> _File:
    """The file, opened once as long as it is the same one."""
    return _File(path)
