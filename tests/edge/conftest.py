"""A real bundle, made by the pipeline and kept in tests/data: the device side has no other way to come by a model."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tlpipe_edge import Bundle, Classifier

DRAWN = Path(__file__).parents[1] / "data" / "bundle"

Command = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def drawn() -> Bundle:
    """The bundle: int8, three classes of drawn pictures. To look at only."""
    return Bundle.open(DRAWN)


@pytest.fixture(scope="session")
def classifier() -> Classifier:
    """The bundle's classifier."""
    return Classifier.open(DRAWN)


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """A copy of the bundle, to damage."""
    return Path(shutil.copytree(DRAWN, tmp_path / "drawn"))


@pytest.fixture
def importable_cameras(monkeypatch: pytest.MonkeyPatch) -> None:
    """The capture process finds ``cameras``, the module of the tests."""
    paths = [str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, paths)))


@pytest.fixture(scope="session")
def tlpipe_edge() -> Command:
    """The command, in a process of its own."""

    def run(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "tlpipe_edge", *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)

    return run
