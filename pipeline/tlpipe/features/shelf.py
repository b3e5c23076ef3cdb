"""Shelves of the cache: rows of features in shards, found by the sha256 of their image."""

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tlpipe.features import cache


@dataclass(frozen=True)
class Shelved:
    """Rows of shards that are mapped from the cache, in the order of the examples they were asked for."""

    shards: tuple[np.ndarray, ...]
    places: np.ndarray

    def take(self, indices: np.ndarray) -> np.ndarray:
        """(K,) indices -> (K, ...) float32."""
        return np.stack([self.shards[shard]["row"][row] for shard, row in self.places[indices]]).astype(np.float32)


def store(shelf: str, batch: Sequence[tuple[str, np.ndarray]]) -> None:
    """Put a shard on the shelf: (sha256, row) of some images."""
    row = batch[0][1]
    shard = np.empty(len(batch), [("sha256", "S64"), ("row", row.dtype, row.shape)])
    for place, (sha256, values) in enumerate(batch):
        shard[place] = sha256.encode(), values
    buffer = io.BytesIO()
    np.save(buffer, shard)
    name = hashlib.sha256(shard["sha256"].tobytes()).hexdigest()[:24]
    cache.put(f"{shelf}/{name}.npy", buffer.getvalue())


Places = dict[str, tuple[int, int]]


def index(shelf: str) -> tuple[tuple[np.ndarray, ...], Places]:
    """The shelf's shards, mapped into memory, and where the row of each image is: (shard, row)."""
    shards: list[np.ndarray] = []
    places: Places = {}
    for name in cache.names(shelf):
        file = cache.get(name)
        if file is None:
            continue
        try:
            shard = np.load(file, mmap_mode="r")
        except FileNotFoundError:  # another run needed the room
            continue
        except (ValueError, EOFError):  # damaged: to be computed again
            file.unlink(missing_ok=True)
            continue
        places |= {sha256.decode(): (len(shards), row) for row, sha256 in enumerate(shard["sha256"].tolist())}
        shards.append(shard)
    return tuple(shards), places
