"""One tiny run through all stages, which most tests look at, and what the others need to make their own."""

import dataclasses
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import benches
import drawing
import pytest

from tlpipe.conversion.recipes import RECIPES
from tlpipe.demo.digits import BACKBONE
from tlpipe.runs.config import Finetuning, Head, Training
from tlpipe.runs.run_folder import Run
from tlpipe_edge.contract.bundle import Bundle

LABELS = ("-blå ring", "green bars", "kryss")
"""A leading dash, a space and letters beyond ASCII go through the whole pipeline."""


@pytest.fixture(scope="session")
def backbone_weights() -> Path:
    """The small backbone that comes with tlpipe: width 0.35, for 64 pixels."""
    return BACKBONE


@pytest.fixture(scope="session")
def config(backbone_weights: Path) -> Training:
    """The smallest network, two views, enough epochs to learn something."""
    head = Head(epochs=12, learning_rate=3e-3)
    return Training(weights=str(backbone_weights), alpha=0.35, image_size=64, views=2, batch_size=8, head=head)


@pytest.fixture(scope="session")
def brief(config: Training) -> Training:
    """The same, for tests that only ask whether training gets through."""
    return dataclasses.replace(config, views=1, head=dataclasses.replace(config.head, epochs=1))


@pytest.fixture(scope="session")
def options(config: Training) -> list[str]:
    """The options of `train` that get through fastest."""
    named = {"--weights": config.weights, "--alpha": config.alpha, "--image-size": 64, "--views": 1, "--epochs": 1}
    return [str(part) for pair in named.items() for part in pair]


@pytest.fixture(scope="session")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder per class, 20 pictures each. To look at only."""
    return drawing.photographs(tmp_path_factory.mktemp("data") / "photographs", LABELS, count=20)


@pytest.fixture
def few(tmp_path: Path) -> Path:
    """Eight pictures of each class, for a test to change."""
    return drawing.photographs(tmp_path / "few", LABELS, count=8, seed=1)


@pytest.fixture(scope="session")
def run(photographs: Path, config: Training, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run with both stages. To look at only."""
    from tlpipe.data import dataset
    from tlpipe.training import stages

    found = dataset.load(photographs, test_fraction=0.25)
    frozen = stages.train(found, tmp_path_factory.mktemp("runs") / "drawn", config)
    return stages.finetune(frozen, Finetuning(top_layers=50, epochs=2, learning_rate=2e-4))


@pytest.fixture(scope="session")
def bundle(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """The run in all number formats. To look at only."""
    from tlpipe.conversion import recipes
    from tlpipe.exporting import assemble

    return assemble.export(run, recipes.parse(RECIPES), tmp_path_factory.mktemp("exported") / "drawn")


@pytest.fixture(scope="session")
def evaluation(bundle: Bundle) -> dict[str, Any]:
    """The document of the bundle's evaluation on the test split of its run; it is in the bundle, too."""
    from tlpipe.evaluation import evaluate

    return dict(json.loads(evaluate.evaluate(bundle).to_json()))


@pytest.fixture(scope="session")
def benchmark(bundle: Bundle) -> dict[str, Any]:
    """The document of the bundle's benchmark with Keras beside it, by rules so short that it says it is invalid."""
    from tlpipe.benchmark import measure
    from tlpipe_edge.bench.latency import Rules
    from tlpipe_edge.bench.target import BenchOptions

    short = Rules(window_runs=2, window_seconds=0, runs=20, seconds=0, processes=1, full_seconds=0.1)
    return benches.document_of(measure.bench(bundle, BenchOptions(rules=short), command="tlpipe bench"))


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    stdout: str
    stderr: str


@pytest.fixture
def tlpipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable[..., Done]:
    """The command, run in this process in an empty folder: a process of its own would load TensorFlow each time."""
    from tlpipe.cli import commands

    monkeypatch.chdir(tmp_path)

    def run(*arguments: str | Path) -> Done:
        monkeypatch.setattr(sys, "argv", ["tlpipe", *map(str, arguments)])
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            commands.main()
        return Done(int(ended.value.code or 0), *capfd.readouterr())

    return run


@pytest.fixture(scope="session")
def in_a_process() -> Callable[..., "subprocess.CompletedProcess[str]"]:
    """Run Python source in a process of its own."""

    def run(program: str, *arguments: str | Path) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-c", program, *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)

    return run
