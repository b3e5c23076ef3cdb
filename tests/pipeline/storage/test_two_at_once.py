"""Two commands write one run, evaluation, report or entry of the cache: one is told, or waits and uses the other's."""

import contextlib
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import drawing
import pytest
from holding import held, holding, started
from reports import DRAWN

from tlpipe.storage import atomic, cache
from tlpipe_edge.contract.bundle import EVALUATION

Command = Callable[..., Any]

UNPACKING = """
import sys
from pathlib import Path
from tlpipe.data import archive
add = archive._Unpacking.add
def wait(unpacking, member):
    add(unpacking, member)
    if unpacking.images == 3:
        print("held", flush=True)
        sys.stdin.read()
archive._Unpacking.add = wait
print(archive.unpacked(Path(sys.argv[1])).folder)
"""
UNPACKED = """
import sys
from pathlib import Path
from tlpipe.data import archive
def refuse(*_): raise AssertionError("unpacked again")
if len(sys.argv) > 2: archive._unpack = refuse
print(archive.unpacked(Path(sys.argv[1])).folder)
"""
PUT = """
import sys
from tlpipe.storage import cache
cache.put("shelf/a", b"new")
"""


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return cache.folder()


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """An archive of eight images."""
    folder = drawing.photographs(tmp_path / "photos", ("cat", "dog"), count=4)
    return Path(shutil.make_archive(str(tmp_path / "photos"), "zip", folder))


def is_busy(done: Any) -> bool:
    return bool(done.code == 75 and "another tlpipe process is writing it" in done.stderr and not done.stdout)


@pytest.mark.parametrize("command", ["train", "report", "evaluate"])
def test_the_second_one_is_told(tlpipe: Command, few: Path, tmp_path: Path, command: str) -> None:
    bundle = shutil.copytree(DRAWN, tmp_path / "exported/drawn")
    out, arguments = {
        "train": (Path("runs/few"), ("few", "--out", "runs/few")),
        "report": (Path("reports/drawn"), (bundle, "--out", "reports/drawn")),
        "evaluate": (bundle / EVALUATION, (bundle, "--data", few)),
    }[command]
    (tmp_path / out.parent).mkdir(exist_ok=True)
    before = {file: file.stat().st_mtime_ns for file in (tmp_path / out.parent).iterdir()}
    with held(tmp_path / out):
        assert is_busy(tlpipe(command, *arguments))
    (tmp_path / out).with_name(f".{out.name}.lock").unlink()

    assert {file: file.stat().st_mtime_ns for file in (tmp_path / out.parent).iterdir()} == before


def test_the_second_one_to_unpack_an_archive_uses_what_the_first_one_unpacks(own_cache: Path, photos: Path) -> None:
    with holding(UNPACKING, photos) as first, started(UNPACKED, photos, Path("once")) as second:
        assert second.stderr
        assert [second.stderr.readline() for _ in range(2)] == [
            "reading photos.zip\n",
            "another tlpipe process unpacks photos.zip: waiting for it\n",
        ]
        folder, said = first.communicate("", timeout=120)
        assert first.returncode == 0, said
        assert second.communicate(timeout=120) == (folder, "")
        assert second.returncode == 0
    assert len(list(Path(folder.strip()).rglob("*.*g"))) == 8
    assert not list((own_cache / cache.ARCHIVES).glob(".*"))


def test_if_the_first_one_is_killed_the_second_one_unpacks(own_cache: Path, photos: Path) -> None:
    with holding(UNPACKING, photos) as first, started(UNPACKED, photos) as second:
        assert second.stderr
        while "waiting for it" not in second.stderr.readline():
            assert second.poll() is None
        first.send_signal(signal.SIGKILL)
        folder, said = second.communicate(timeout=120)
        assert second.returncode == 0, said
    assert len(list(Path(folder.strip()).rglob("*.*g"))) == 8
    assert not list((own_cache / cache.ARCHIVES).glob(".*"))


def test_what_a_killed_unpacking_leaves_counts_not_for_the_cache_and_goes(own_cache: Path, photos: Path) -> None:
    cache.put("shelf/a", bytes(100))
    with holding(UNPACKING, photos) as first:
        assert cache.shrink(limit=100) == 0 and cache.size() == 100  # it is being written
        assert list((own_cache / cache.ARCHIVES).glob(".*.tlpipe-*"))
        first.send_signal(signal.SIGKILL)
    assert cache.shrink(limit=100) == 0 and cache.names("shelf") == ["shelf/a"]
    assert not list((own_cache / cache.ARCHIVES).iterdir())


def test_an_entry_of_the_cache_that_another_one_writes_is_written_after_it(own_cache: Path) -> None:
    cache.put("shelf/a", b"old")
    with held(own_cache / "shelf/a") as first, started(PUT) as second:
        assert second.stderr and second.stderr.readline() == "another tlpipe process writes a: waiting\n"
        first.communicate("")
        assert second.communicate(timeout=60) == ("", "") and second.returncode == 0
    assert (own_cache / "shelf/a").read_bytes() == b"new" and cache.names("shelf") == ["shelf/a"]


def test_what_a_killed_command_has_left_in_the_cache_goes(own_cache: Path) -> None:
    """Parts of files, of folders that only one command needs, and the checkpoints of nobody."""
    (own_cache / "features/key").mkdir(parents=True)
    (own_cache / "features/key/.0.npy.tlpipe-abcdefgh").write_bytes(bytes(1000))
    with pytest.raises(KeyboardInterrupt), contextlib.ExitStack() as stack:
        made = stack.enter_context(cache.temporary("adopted"))
        (made / "copy").write_bytes(bytes(1000))
        cache.shrink()
        assert (made / "copy").exists() and cache.size() == 0
        raise KeyboardInterrupt
    assert not made.exists()

    made.mkdir()
    assert cache.shrink() == 0
    assert not list(own_cache.rglob(".*"))


def test_a_tree_that_was_replaced_is_held_again(own_cache: Path) -> None:
    name = f"{cache.ARCHIVES}/0123-1"
    for _ in range(2):
        with atomic.directory(own_cache / name, marker="a", overwrite=True) as folder:
            (folder / "a").touch()
        assert cache.hold(name) == own_cache / name
        assert cache.shrink(limit=-1) == 0 and (own_cache / name).exists()
