"""Shards of the cache of features: a damaged one is dropped, without an error, and never gives other rows."""

import contextlib
from pathlib import Path

import numpy as np

from fuzz import mutations
from fuzz.loop import Fuzzed
from tlpipe.features import shelf
from tlpipe.features.rows import Shelved
from tlpipe.features.shelf import Placed
from tlpipe.storage import cache

SHELF = "features/fuzzed"
HASHES = shelf.digests([f"{number:064x}" for number in range(3)])


class Lost(Exception):
    """A row would be computed again."""


def again() -> Placed:
    raise Lost


def prepare(_folder: Path) -> Fuzzed:
    seeds = []
    for dtype in (np.float16, np.float32):
        shelf.store(SHELF, HASHES, np.stack([np.full((2, 2), number + 0.5, dtype) for number in range(3)]))
        (name,) = cache.names(SHELF)
        file = cache.folder() / name
        seeds.append(file.read_bytes())
        file.unlink()
    file = cache.folder() / SHELF / "shard.npy"

    def read(content: bytes) -> None:
        file.write_bytes(content)
        for dtype in ("float16", "float32"):
            index = shelf.Index(SHELF, dtype, HASHES)
            index.refresh()
            rows = Shelved(index.placed(index.places(HASHES)), again)
            for number in range(3):
                with contextlib.suppress(IndexError, Lost):
                    taken = rows.take(np.array([number]))
                    assert np.array_equal(taken, np.full((1, 2, 2), number + 0.5)), "another row"

    words = (
        b"'shape': (3,)",
        b"'shape': (3, 2, 2)",
        b"'descr': ",
        b"'fortran_order': True",
        b"|O",
        b"<f2",
        b"<f4",
        b"(3, 1, 4)",
        b"V",
    )
    return Fuzzed(read, seeds, mutations.octets(words))
