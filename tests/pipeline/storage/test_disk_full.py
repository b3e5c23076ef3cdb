"""A disk without room, as a limit on the size of a file: one message, nothing half-written, what was there stays."""

import dataclasses
import resource
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tlpipe.network.backbones import BACKBONES
from tlpipe.runs.config import Training
from tlpipe.runs.run_folder import Run
from tlpipe.storage import cache
from tlpipe_edge.images import walker
from tlpipe_edge.machine.cache import ADVICE_IF_FULL

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
    """All files but locks, what was computed for the next time, and which run uses what of the cache."""
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in sorted(folder.rglob("*"))
        if file.is_file() and not file.name.endswith(".lock") and ".unfinished-" not in str(file)
        if file.relative_to(folder).parts[0] != cache.RECORDS
    }


def said(done: Any, advice: str = "Free some space, or name another path.") -> None:
    assert done.code == 69, done.stderr
    lines = done.stderr.splitlines()
    (error,) = (index for index, line in enumerate(lines) if line.startswith("error: "))
    assert lines[error + 1 :] == [advice]
    assert done.stdout == "" and "Traceback" not in done.stderr


@pytest.fixture
def train(tlpipe: Command, few: Path, brief: Training, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Run `tlpipe train` with the smallest network in the place of the usual one."""
    usual = BACKBONES["mobilenet_v2"]
    monkeypatch.setitem(BACKBONES, usual.name, dataclasses.replace(BACKBONES[brief.backbone], layers=usual.layers))
    options = ("--weights", brief.weights, "--image-size", brief.image_size, "--views", 1, "--epochs", 1)
    return lambda *further: tlpipe("train", few, *options, *further)


@pytest.mark.parametrize("size", [1_000, 30_000], ids=["features", "model"])
def test_training_without_room(train: Command, few: Path, tmp_path: Path, size: int) -> None:
    """With the features in the cache already, the model is what has no room."""
    assert train("--out", "runs/first").code == 0
    shutil.rmtree(tmp_path / "runs")
    if size == 1_000:
        for file in walker.walk(few).images:
            file.write_bytes(file.read_bytes() + b"\0")  # other photographs, of which nothing is cached
    before = contents(cache.folder())
    with room_for(size):
        done = train("--out", "runs/run")

    said(done, *[ADVICE_IF_FULL] * (size == 1_000))
    assert ("kept epoch" in done.stderr) == (size == 30_000)
    assert contents(cache.folder()) == before
    assert contents(tmp_path / "runs") == {}
    again = train("--out", "runs/run")
    assert again.code == 0 and ("after epoch 1 of 1, the last" in again.stderr) == (size == 30_000)
    assert not list((tmp_path / "runs").glob(".*unfinished*"))


def test_what_was_there_survives_training_without_room(train: Command, tmp_path: Path) -> None:
    assert train("--out", "runs/run").code == 0
    before = contents(tmp_path / "runs")
    with room_for(30_000):
        said(train("--out", "runs/run", "--overwrite"))

    assert contents(tmp_path / "runs") == before


def test_what_was_there_survives_an_export_without_room(tlpipe: Command, tiny_run: Run, tmp_path: Path) -> None:
    export = ("export", tiny_run.path, "--quantize", "float32", "--out", "exported/drawn")
    assert tlpipe(*export).code == 0
    before = contents(tmp_path / "exported")
    with room_for(5_000):
        said(tlpipe(*export, "--overwrite"))

    assert contents(tmp_path / "exported") == before
