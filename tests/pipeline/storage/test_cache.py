"""The cache on disk: found again, whole, and bounded."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tlpipe.storage import cache, locks


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    yield


def fill(**used: int) -> None:
    """Files of 100 bytes, each with the time of its last use."""
    for name, seconds in used.items():
        os.utime(cache.put(f"shelf/{name}", bytes(100)), (seconds, seconds))


def test_what_was_put_is_got() -> None:
    file = cache.put("shelf/a", b"content")

    assert cache.get("shelf/a") == file and file.read_bytes() == b"content"
    assert cache.get("shelf/b") is None
    assert cache.names("shelf") == ["shelf/a"] and cache.names("other") == []
    assert cache.folder() in file.parents


def test_the_oldest_goes_first() -> None:
    fill(c=30, a=10, b=20)

    assert cache.shrink(limit=250) == 100
    assert cache.names("shelf") == ["shelf/b", "shelf/c"] and cache.size() == 200


def test_using_a_file_makes_it_young() -> None:
    fill(a=10, b=20)
    cache.get("shelf/a")
    cache.shrink(limit=100)

    assert cache.names("shelf") == ["shelf/a"]


def test_a_run_keeps_its_own_files() -> None:
    fill(a=10, b=20, c=30)

    assert cache.shrink(limit=0, keep_since=20) == 100
    assert cache.names("shelf") == ["shelf/b", "shelf/c"]


def test_below_the_limit_nothing_goes() -> None:
    fill(a=10)

    assert cache.shrink(limit=100) == 0 and cache.size() == 100


def test_a_file_that_another_run_deletes_meanwhile_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    fill(a=10, b=20)
    found = Path.rglob

    def deleting(folder: Path, pattern: str) -> list[Path]:
        entries = list(found(folder, pattern))
        (folder / "shelf/a").unlink()
        return entries

    monkeypatch.setattr(Path, "rglob", deleting)
    assert cache.size() == 100


def test_an_empty_cache_has_no_size() -> None:
    assert cache.size() == 0 and cache.shrink(limit=0) == 0


def test_without_locks_features_are_deleted_and_archives_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on NFS without a lock daemon: nobody can tell what is used. Features can be computed again."""

    def unsupported(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(locks.fcntl, "flock", unsupported)
    for tree in ("features/a", "archives/b"):
        cache.put(f"{tree}/file", bytes(100))
        assert cache.hold(tree) == cache.folder() / tree
    assert cache.shrink(limit=0) == 100
    assert [entry.name for entry in cache.entries()] == ["archives/b"]
    assert cache.delete("archives/b") and cache.size() == 0


def test_an_empty_tree_can_be_deleted() -> None:
    cache.hold("features/empty", make=True)
    os.close(cache._held.pop(cache.folder() / "features/empty"))
    assert [entry.name for entry in cache.entries()] == ["features/empty"]
    assert cache.delete("features/empty") and not cache.entries()
