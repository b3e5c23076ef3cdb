"""Shelves of the cache: rows of features in shards, found by the sha256 of their image, each with a checksum."""

import hashlib
import io
import warnings
import zlib
from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tlpipe.storage import cache

VERSION = 2
"""Version of the layout of a shard; 1 had no checksums."""


@dataclass(frozen=True)
class Shelved:
    """Rows of shards that are mapped from the cache, in the order of the examples they were asked for."""

    shards: tuple[np.ndarray, ...]
    places: np.ndarray

    def take(self, indices: np.ndarray) -> np.ndarray:
        """(K,) indices -> (K, ...) float32."""
        return np.stack([self.shards[shard][row] for shard, row in self.places[indices]]).astype(np.float32)


def store(shelf: str, batch: Sequence[tuple[str, np.ndarray]]) -> None:
    """Put a shard on the shelf: (sha256, row) of some images."""
    row = batch[0][1]
    shard = np.empty(len(batch), _layout(row.dtype, row.shape))
    for place, (sha256, values) in enumerate(batch):
        shard[place] = sha256.encode(), 0, values
    shard["crc32"] = _checksums(shard, range(len(batch)))
    buffer = io.BytesIO()
    np.save(buffer, shard)
    name = hashlib.sha256(shard["sha256"].tobytes()).hexdigest()[:24]
    cache.put(f"{shelf}/{name}.npy", buffer.getvalue())


Places = dict[str, tuple[int, int]]


def index(shelf: str, dtype: str, wanted: Set[str]) -> tuple[tuple[np.ndarray, ...], Places]:
    """The rows of the shelf's shards, mapped into memory, and where the row of each ``wanted`` image is: (shard, row).

    A damaged shard is deleted, so that its rows are computed again.
    """
    shards: list[np.ndarray] = []
    places: Places = {}
    for name in cache.names(shelf):
        file = cache.get(name)
        if file is None:
            continue
        try:
            shard = _read(file, dtype)
            found = {} if shard is None else _found(shard, wanted)
        except FileNotFoundError:  # another run needed the room
            continue
        if shard is None or found is None:
            file.unlink(missing_ok=True)
            continue
        places |= {sha256: (len(shards), row) for sha256, row in found.items()}
        shards.append(shard["row"])
    return tuple(shards), places


def _read(file: Path, dtype: str) -> np.ndarray | None:
    """A shard, mapped into memory, or None if it is damaged. Raise OSError if it cannot be opened."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # of a header that is not as NumPy writes it
            shard = np.load(file, mmap_mode="r")
    except OSError:
        raise
    except Exception:  # for a damaged header, NumPy raises errors of its parser, of Python's and of mmap
        return None
    if not isinstance(shard, np.ndarray) or shard.ndim != 1 or shard.dtype.names != ("sha256", "crc32", "row"):
        return None
    row = shard.dtype["row"]
    if shard.dtype != np.dtype(_layout(np.dtype(dtype), row.shape)):
        return None
    return shard


def _found(shard: np.ndarray, wanted: Set[str]) -> dict[str, int] | None:
    """The rows of the ``wanted`` images, by sha256, or None if the checksum of one of them is wrong."""
    keys = [sha256.decode(errors="replace") for sha256 in shard["sha256"].tolist()]
    rows = {sha256: row for row, sha256 in enumerate(keys) if sha256 in wanted}
    places = list(rows.values())
    return rows if np.array_equal(shard["crc32"][places], _checksums(shard, places)) else None


def _layout(dtype: np.dtype, shape: tuple[int, ...]) -> list[tuple[str, object] | tuple[str, object, tuple[int, ...]]]:
    return [("sha256", "S64"), ("crc32", "<u4"), ("row", dtype, shape)]


def _checksums(shard: np.ndarray, places: Iterable[int]) -> np.ndarray:
    """The CRC-32 of the bytes of these rows, with their shape and the sha256 of their images: (K,) uint32."""
    shape = zlib.crc32(repr(shard.dtype["row"].shape).encode())
    keys, rows = shard["sha256"], shard["row"]
    return np.array([zlib.crc32(rows[place].data, zlib.crc32(bytes(keys[place]), shape)) for place in places], "<u4")
