"""The order of rows in an epoch: at random for training, in pieces for the disk, and the same for all shards."""

import threading
from pathlib import Path

import numpy as np
import pytest

from tlpipe.features import rows as cached
from tlpipe.features import shelf
from tlpipe.features.rows import Shelved

COUNT, WIDTH = 600, 8


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


HASHES = np.frombuffer(np.random.default_rng(0).bytes(32 * COUNT), shelf.DIGEST)
ROWS = np.repeat(np.arange(COUNT, dtype=np.float32)[:, None], WIDTH, axis=1)


def shelved(name: str, *, of_shard: int) -> Shelved:
    """The rows 0 to COUNT by their number, as they are stored: in the order of their digests."""
    order = np.argsort(HASHES)
    for start in range(0, COUNT, of_shard):
        some = order[start : start + of_shard]
        shelf.store(name, HASHES[some], ROWS[some])
    index = shelf.Index(name, "float32", HASHES)
    index.refresh()
    return Shelved(index.placed(index.places(HASHES)), lambda: pytest.fail("lost"))


def random() -> np.random.Generator:
    return np.random.default_rng([3, 5])


def test_what_fits_into_a_pool_is_shuffled_as_a_whole() -> None:
    indices = np.arange(0, COUNT, 2)
    (pool,) = shelved("features/a", of_shard=50).pools(indices, random())
    np.testing.assert_array_equal(pool, indices[random().permutation(len(indices))])


def test_a_pool_has_blocks_from_everywhere_and_all_pools_each_row_once(monkeypatch: pytest.MonkeyPatch) -> None:
    row = 4 * WIDTH
    monkeypatch.setattr(cached, "POOL_BYTES", 200 * row)
    monkeypatch.setattr(cached, "BLOCK_BYTES", 10 * row)
    rows = shelved("features/a", of_shard=70)
    pools = rows.pools(np.arange(COUNT), random())

    assert [len(pool) for pool in pools] == [200, 200, 200]
    assert sorted(np.concatenate(pools).tolist()) == [*range(COUNT)]
    rank = np.argsort(np.argsort(HASHES))
    for pool in pools:
        blocks = np.unique(rank[pool] // 10)
        assert len(blocks) == 20  # each block whole
        assert np.ptp(blocks) > 40  # from everywhere
        assert (np.diff(rank[pool]) == 1).mean() < 0.05  # and mixed
    np.testing.assert_array_equal(rows.take(pools[1]), ROWS[pools[1]])
    other = rows.pools(np.arange(COUNT), np.random.default_rng([3, 6]))
    assert set(other[0].tolist()) != set(pools[0].tolist())


def test_the_order_does_not_depend_on_the_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cached, "POOL_BYTES", 200 * 4 * WIDTH)
    monkeypatch.setattr(cached, "BLOCK_BYTES", 10 * 4 * WIDTH)
    few, many = shelved("features/few", of_shard=COUNT), shelved("features/many", of_shard=7)
    for one, other in zip(few.pools(np.arange(COUNT), random()), many.pools(np.arange(COUNT), random()), strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(few.in_sequence(np.arange(COUNT)), many.in_sequence(np.arange(COUNT)))
    assert few.in_sequence(np.arange(COUNT)).tolist() == np.argsort(HASHES).tolist()


def test_the_next_pool_is_read_ahead_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, int]] = []
    monkeypatch.setattr(cached.os, "posix_fadvise", lambda _file, start, size, _advice: asked.append((start, size)))
    rows = shelved("features/a", of_shard=100)
    sequence = rows.in_sequence(np.arange(COUNT))
    rows.will_need(sequence[np.r_[95:105, 250:260]])

    row = 4 * WIDTH
    assert sorted(size for _, size in asked) == [5 * row, 5 * row, 10 * row]


def test_without_a_random_order_the_pools_are_in_sequence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cached, "POOL_BYTES", 200 * 4 * WIDTH)
    pools = shelved("features/a", of_shard=70).pools(np.arange(COUNT), None)
    assert [len(pool) for pool in pools] == [200, 200, 200]
    assert np.concatenate(pools).tolist() == np.argsort(HASHES).tolist()


def test_threads_may_take_from_more_shards_than_are_kept_open() -> None:
    rows = shelved("features/a", of_shard=3)
    wrong: list[object] = []

    def take(seed: int) -> None:
        order = np.random.default_rng(seed).permutation(COUNT)
        try:
            for _ in range(5):
                np.testing.assert_array_equal(rows.take(order), ROWS[order])
        except Exception as error:
            wrong.append(error)

    workers = [threading.Thread(target=take, args=(seed,)) for seed in range(4)]
    for each in workers:
        each.start()
    for each in workers:
        each.join()
    assert not wrong
