"""``tlpipe cache``: what is in the cache, by run, and how it is cleared."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tlpipe.storage import cache, used_by

Command = Callable[..., Any]
HOLDER = "import sys; from tlpipe.storage import cache; cache.hold(sys.argv[1]); print(flush=True); sys.stdin.read()"


@pytest.fixture(autouse=True)
def filled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two runs that share a shelf, an archive and a shelf of no run, and a converted prefix."""
    monkeypatch.setenv("TLPIPE_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    for run in ("runs/a", "runs/b"):
        Path(run).mkdir(parents=True)
    for tree, size in (
        ("features/own", 1000),
        ("features/shared", 2000),
        ("archives/photos", 4000),
        ("features/x", 8000),
    ):
        cache.put(f"{tree}/shard.npy", bytes(size * 1000))
    cache.put("prefixes/p", bytes(500_000))
    used_by.record(Path("runs/a"), ["features/own", "features/shared"], anew=True)
    used_by.record(Path("runs/b"), ["features/shared", "archives/photos"], anew=True)
    release()


def release() -> None:
    """As if the commands of the runs had ended."""
    for tree in ("features/own", "features/shared", "archives/photos"):
        os.close(cache._held.pop(cache.folder() / tree))


@pytest.fixture
def in_use(filled: None) -> Iterator[None]:  # noqa: ARG001
    """Another process that uses the shared shelf."""
    command = [sys.executable, "-c", HOLDER, "features/shared"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None and other.stdout.readline()
        yield
        other.kill()


def left() -> set[str]:
    return {entry.name for entry in cache.entries()}


EVERYTHING = {"features/own", "features/shared", "archives/photos", "features/x", "prefixes/p"}


def test_the_cache_is_shown_by_run(tlpipe: Command, tmp_path: Path) -> None:
    shutil.rmtree("runs/b")
    done = tlpipe("cache")
    lines = [line.split("  ") for line in done.stdout.splitlines()]
    rows = {cells[0]: [cell.strip() for cell in cells[1:] if cell.strip()] for cells in lines}

    assert rows[str(tmp_path / "runs/a")][0] == "3.0 MB" and len(rows[str(tmp_path / "runs/a")]) == 2  # b is deleted
    assert rows[str(tmp_path / "runs/b") + " (deleted)"][:2] == ["6.0 MB", "2.0 MB"]
    assert rows["features and images of no known run"][0] == "8.0 MB"
    assert rows["frozen layers, converted"][0] == "0.5 MB"
    assert f"15.5 MB of at most 8.0 GB in {tmp_path / 'cache/tlpipe'}" in " ".join(done.stdout.split())
    assert left() == EVERYTHING


def test_as_json_it_is_one_document(tlpipe: Command, tmp_path: Path) -> None:
    document = json.loads(tlpipe("cache", "runs/b", "--json").stdout)
    (part,) = document["parts"]
    assert part["run"] == str(tmp_path / "runs/b")
    assert (part["bytes"], part["shared_bytes"]) == (6_000_000, 2_000_000)
    cleared = json.loads(tlpipe("cache", "runs/b", "--clear", "--json").stdout)
    assert cleared["cleared"] == 4_000_000 and cleared["in_use"] == []


def test_clearing_a_run_leaves_what_another_one_needs(tlpipe: Command) -> None:
    done = tlpipe("cache", "runs/a", "--clear")
    assert "1.0 MB deleted" in done.stdout and "2.0 MB stay: other runs use them" in done.stderr
    assert left() == EVERYTHING - {"features/own"}
    shutil.rmtree("runs/b")  # which needs nothing any more
    assert "2.0 MB deleted" in tlpipe("cache", "runs/a", "--clear").stdout
    assert left() == EVERYTHING - {"features/own", "features/shared"}


def test_clearing_all_leaves_what_a_command_uses(tlpipe: Command, in_use: None) -> None:  # noqa: ARG001
    done = tlpipe("cache", "--clear")
    assert "warning: 1 folder of the cache stays: a tlpipe command uses it now" in " ".join(done.stderr.split())
    assert left() == {"features/shared"}
    assert {use.run.rpartition("/")[2]: use.trees for use in used_by.uses()} == {
        "a": ("features/own", "features/shared"),
        "b": ("features/shared", "archives/photos"),
    }


def test_what_cannot_be_deleted_is_an_error(tlpipe: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> Path:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("tlpipe.storage.leftovers.set_aside", refuse)
    done = tlpipe("cache", "--clear")
    assert done.code == 69 and "Permission denied" in done.stderr


def test_the_record_of_a_run_that_is_starting_stays(tlpipe: Command) -> None:
    """It has computed nothing yet."""
    used_by.record(Path("runs/c"), ["features/new"], anew=True)
    tlpipe("cache", "--clear")
    assert [use.trees for use in used_by.uses()] == [("features/new",)]


def test_records_go_with_what_they_are_about(tlpipe: Command) -> None:
    tlpipe("cache", "--clear")
    assert used_by.uses() == [] and not cache.names("runs")


@pytest.mark.parametrize("folder", ["~nosuchuser/x", "/proc/nothing"])
def test_a_folder_that_cannot_be_made_is_named_as_it_was_given(tlpipe: Command, folder: str) -> None:
    done = tlpipe("cache", "--cache", folder)
    assert done.code == (69 if folder.startswith("/") else 0) and "Traceback" not in done.stderr
    if done.code:
        assert "--cache /proc/nothing" in done.stderr and "unset" not in done.stderr


def test_an_unknown_run_is_missing_input(tlpipe: Command) -> None:
    done = tlpipe("cache", "runs/c", "--clear")
    assert done.code == 66 and "nothing in the cache" in done.stderr
    assert left() == EVERYTHING


def test_another_folder_is_named_with_an_option(tlpipe: Command, tmp_path: Path) -> None:
    done = tlpipe("cache", "--cache", "other", "--json")
    assert json.loads(done.stdout)["folder"] == str(tmp_path / "other/tlpipe")
    assert "TLPIPE_CACHE" in os.environ


def test_a_fine_tuned_run_keeps_the_features_of_both_stages() -> None:
    used_by.record(Path("runs/a"), ["features/tuned"], anew=False)
    used_by.record(Path("runs/b"), ["features/new"], anew=True)
    assert [use.trees for use in used_by.uses()] == [
        ("features/own", "features/shared", "features/tuned"),
        ("features/new",),
    ]


def test_a_damaged_record_is_passed_over() -> None:
    for name in cache.names("runs"):
        (cache.folder() / name).write_bytes(b'{"run": 3}')
    assert used_by.uses() == []
    used_by.record(Path("runs/a"), ["features/own"], anew=False)
    assert [use.trees for use in used_by.uses()] == [("features/own",)]
