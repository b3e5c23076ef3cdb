"""The files and folders that a device keeps between two jobs."""

import hashlib
import io
import os
from pathlib import Path

import pytest

from tlpipe_edge.errors import BadData
from tlpipe_edge.remote_job.cache import Cache
from tlpipe_edge.remote_job.messages import File

CONTENT = b"content" * 100_000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    (tmp_path / "venvs").mkdir()
    (tmp_path / "temporary").mkdir()
    return Cache(tmp_path, tmp_path / "temporary")


def test_a_file_is_kept_by_its_content(cache: Cache) -> None:
    stream = io.BytesIO(CONTENT + b"next")
    assert not cache.holds(SHA256)
    cache.receive(stream, len(CONTENT), SHA256)

    assert cache.holds(SHA256) and stream.read() == b"next"


def test_a_damaged_file_goes(cache: Cache, tmp_path: Path) -> None:
    cache.receive(io.BytesIO(CONTENT), len(CONTENT), SHA256)
    (tmp_path / "files" / SHA256).write_bytes(CONTENT + b"x")

    assert not cache.holds(SHA256) and not list((tmp_path / "files").iterdir())


def test_what_is_not_as_announced_is_not_kept(cache: Cache, tmp_path: Path) -> None:
    with pytest.raises(BadData, match="a file changed while it was sent"):
        cache.receive(io.BytesIO(b"x" + CONTENT), len(CONTENT), SHA256)
    with pytest.raises(EOFError):
        cache.receive(io.BytesIO(CONTENT[1:]), len(CONTENT), SHA256)

    assert not list((tmp_path / "files").iterdir())


def test_a_tree_replaces_an_older_one_of_the_same_files(cache: Cache, tmp_path: Path) -> None:
    cache.receive(io.BytesIO(CONTENT), len(CONTENT), SHA256)
    files = [File("bundle/a b", SHA256, len(CONTENT)), File("images/x/y.png", SHA256, len(CONTENT))]
    first = cache.tree(files)
    (first / "bundle/a b").unlink()
    (tmp_path / "temporary").rename(tmp_path / "temporary-1")  # each run has one of its own
    (tmp_path / "temporary").mkdir()
    second = Cache(tmp_path, tmp_path / "temporary").tree(files[::-1])

    assert first == second
    assert {str(path.relative_to(second)) for path in second.rglob("*") if path.is_file()} == {f.path for f in files}
    assert (second / "images/x/y.png").read_bytes() == CONTENT


@pytest.mark.parametrize("listing", ["{", "3", "[" * 100_000])  # as when power fails, or a disk does
def test_the_newest_are_kept_with_their_files(cache: Cache, tmp_path: Path, listing: str) -> None:
    for number in range(4):
        content = bytes([number])
        sha256 = hashlib.sha256(content).hexdigest()
        cache.receive(io.BytesIO(content), 1, sha256)
        tree = cache.tree([File("x", sha256, 1)]).parent
        os.utime(tree, (number, number))
        (tmp_path / f"venvs/{number}").mkdir()
        os.utime(tmp_path / f"venvs/{number}", (number, number))
    (tree / "listing.json").write_text(listing)
    (tmp_path / "wheels/1").mkdir(parents=True)
    wanted = hashlib.sha256(b"\0").hexdigest()
    cache.prune(keep=[wanted])

    assert {path.name for path in (tmp_path / "venvs").iterdir()} == {"2", "3"}
    assert len(list((tmp_path / "trees").iterdir())) == 3
    kept = {hashlib.sha256(bytes([number])).hexdigest() for number in (1, 2)}
    assert {path.name for path in (tmp_path / "files").iterdir()} == kept | {wanted}
    assert not (tmp_path / "wheels").exists()
