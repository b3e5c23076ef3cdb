"""Shards of the cache of features: a damaged one is dropped, without an error, and never gives other rows."""

from pathlib import Path

import numpy as np

from fuzz import mutations
from fuzz.loop import Fuzzed
from tlpipe.features import shelf
from tlpipe.storage import cache

SHELF = "features"
KEYS = [f"{number:064x}" for number in range(3)]


def prepare(_folder: Path) -> Fuzzed:
    seeds = []
    for dtype in (np.float16, np.float32):
        rows = [(key, np.full((2, 2), number + 0.5, dtype)) for number, key in enumerate(KEYS)]
        shelf.store(SHELF, rows)
        (name,) = cache.names(SHELF)
        file = cache.folder() / name
        seeds.append(file.read_bytes())
        file.unlink()
    file = cache.folder() / SHELF / "shard.npy"

    def read(content: bytes) -> None:
        file.write_bytes(content)
        for dtype in ("float16", "float32"):
            shards, places = shelf.index(SHELF, dtype, set(KEYS))
            for key, (shard, row) in places.items():
                assert np.array_equal(shards[shard][row], np.full((2, 2), KEYS.index(key) + 0.5)), "another row"

    words = (
        b"'shape': (3,)",
        b"'descr': ",
        b"'fortran_order': True",
        b"|O",
        b"<f2",
        b"<f4",
        b"(2, 2)",
        b"(1, 4)",
        b"V",
    )
    return Fuzzed(read, seeds, mutations.octets(words))
