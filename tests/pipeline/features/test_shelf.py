"""A flipped bit in a shard of the cache never gives a wrong row: the image is computed again."""

import contextlib
import hashlib
import random
import warnings
from pathlib import Path

import numpy as np
import pytest

from tlpipe.features import prefix, shelf
from tlpipe.features.rows import Shelved
from tlpipe.features.shelf import Placed
from tlpipe.storage import cache

ROWS = 12
SHAPE = (3, 5)


@pytest.fixture
def rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, np.ndarray]:
    """By the sha256 of their images; one shard has them."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    chance = np.random.default_rng(0)
    hashes = [hashlib.sha256(bytes([number])).hexdigest() for number in range(ROWS)]
    rows = {sha256: chance.random(SHAPE, np.float32) for sha256 in hashes}
    shelf.store("features/a", shelf.digests(hashes), np.stack(list(rows.values())))
    return rows


def found(rows: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        hashes = shelf.digests(list(rows))
        index = shelf.Index("features/a", "float32", hashes)
        index.refresh()
        there = Shelved(index.placed(index.places(hashes)), lost)
        result = {}
        for place, sha256 in enumerate(rows):
            with contextlib.suppress(IndexError, Lost):
                result[sha256] = there.take(np.array([place]))[0]
    assert not warned, "the user would see it"
    return result


class Lost(Exception):
    """A row would be computed again."""


def lost() -> Placed:
    raise Lost


def test_no_flipped_bit_gives_a_wrong_row(rows: dict[str, np.ndarray]) -> None:
    """Each bit of the header, and some of keys, checksums and rows."""
    (file,) = cache.folder().rglob("*.npy")
    sound = file.read_bytes()
    header, index = 128, ROWS * (32 + 4)
    assert len(sound) == 2 * header + index + ROWS * 4 * 15
    chance = random.Random(0)
    headers = {*range(8 * header), *range(8 * (header + index), 8 * (2 * header + index))}
    places = [*headers, *(chance.randrange(8 * len(sound)) for _ in range(300))]
    lost = 0
    for place in places:
        damaged = bytearray(sound)
        damaged[place // 8] ^= 1 << place % 8
        file.write_bytes(damaged)
        there = found(rows)
        lost += len(there) < ROWS
        assert there.keys() <= rows.keys()
        for sha256, row in there.items():
            np.testing.assert_array_equal(row, rows[sha256], strict=True)
        assert len(there) < ROWS or place in headers  # bits of their padding say nothing
    assert lost > 300
    file.write_bytes(sound)
    assert len(found(rows)) == ROWS


def test_a_shard_that_is_gone_is_forgotten(rows: dict[str, np.ndarray]) -> None:
    index = shelf.Index("features/a", "float32", shelf.digests(list(rows)))
    assert index.refresh() and not len(index.missing()) and not index.refresh()
    (file,) = cache.folder().rglob("*.npy")
    file.unlink()
    assert index.refresh() and len(index.missing()) == ROWS
    shelf.store("features/a", shelf.digests(list(rows)), np.stack(list(rows.values())))
    assert index.refresh() and not len(index.missing())


def test_no_flipped_bit_of_a_prefix_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(prefix, "to_tflite", lambda _model, _cut: b"a converted model" * 9)
    made = prefix.Weights("mobilenet_v2", 1.0, "0" * 64).prefix("pooling", 64, lambda: None)  # type: ignore[arg-type, return-value]
    sound = made.load()
    (file,) = (cache.folder() / "prefixes").iterdir()
    stored = file.read_bytes()
    for place in range(8 * len(stored)):
        damaged = bytearray(stored)
        damaged[place // 8] ^= 1 << place % 8
        file.write_bytes(damaged)
        assert made.cached() is None and not file.exists()
    assert made.load() == sound and file.read_bytes() == stored
