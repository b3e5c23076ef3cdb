"""A disk without room, as a limit on the size of a file: one message, nothing half-written, what was there stays."""

import resource
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tlpipe.runs.run_folder import Run

Command = Callable[..., Any]


@contextmanager
def room_for(size: int) -> Iterator[None]:
    """No file of this process may grow beyond ``size`` bytes in the block."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in sorted(folder.rglob("*"))
        if file.is_file() and not file.name.endswith(".lock")
    }


def said(done: Any) -> None:
    assert done.code == 69, done.stderr
    lines = done.stderr.splitlines()
    (error,) = (index for index, line in enumerate(lines) if line.startswith("error: "))
    assert lines[error + 1 :] == ["Free some space, or name another path."]
    assert done.stdout == "" and "Traceback" not in done.stderr


@pytest.mark.parametrize("kilobytes", [20, 500], ids=["features", "model"])
def test_training_without_room(tlpipe: Command, few: Path, options: list[str], tmp_path: Path, kilobytes: int) -> None:
    """With the features in the cache already, the model is what has no room."""
    if kilobytes == 500:
        assert tlpipe("train", few, *options, "--out", "runs/first").code == 0
        shutil.rmtree(tmp_path / "runs")
    else:
        for file in few.rglob("*.jpg"):
            file.write_bytes(file.read_bytes() + b"\0")  # other photographs, of which nothing is cached
    with room_for(1000 * kilobytes):
        done = tlpipe("train", few, *options, "--out", "runs/run")

    said(done)
    assert contents(tmp_path / "runs") == {}


def test_what_was_there_survives_training_without_room(
    tlpipe: Command, few: Path, options: list[str], tmp_path: Path
) -> None:
    assert tlpipe("train", few, *options, "--out", "runs/run").code == 0
    before = contents(tmp_path / "runs")
    with room_for(500_000):
        said(tlpipe("train", few, *options, "--out", "runs/run", "--overwrite"))

    assert contents(tmp_path / "runs") == before


def test_what_was_there_survives_an_export_without_room(tlpipe: Command, run: Run, tmp_path: Path) -> None:
    export = ("export", run.path, "--quantize", "float32", "--out", "exported/drawn")
    assert tlpipe(*export).code == 0
    before = contents(tmp_path / "exported")
    with room_for(500_000):
        said(tlpipe(*export, "--overwrite"))

    assert contents(tmp_path / "exported") == before
