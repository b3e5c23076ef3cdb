"""One tiny run through all stages, which most tests look at, and what the others need to make their own."""

import dataclasses
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import benches
import drawing
import pytest
from once import once

from tlpipe.conversion.recipes import RECIPES
from tlpipe.demo.digits import BACKBONE
from tlpipe.network.backbones import BACKBONES, DEFAULT
from tlpipe.runs.config import Finetuning, Head, Training
from tlpipe.runs.run_folder import Run
from tlpipe_edge.bench.target import BenchOptions
from tlpipe_edge.contract.benchmark import to_json
from tlpipe_edge.contract.bundle import EVALUATION, Bundle

LABELS = ("-blå ring", "green bars", "kryss")
"""A leading dash, a space and letters beyond ASCII go through the whole pipeline."""


@pytest.fixture(scope="session", autouse=True)
def keras_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keras has downloaded the weights of the default width, as it seems: no test asks the network for them."""
    home = tmp_path_factory.mktemp("keras")
    downloaded = home / "models" / Path(DEFAULT.published.format(alpha=1.0)).name
    downloaded.parent.mkdir()
    downloaded.touch()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KERAS_HOME", str(home))
        yield


@pytest.fixture(scope="session")
def backbone_weights() -> Path:
    """The small backbone that comes with tlpipe: width 0.35, for 64 pixels."""
    return BACKBONE


@pytest.fixture(scope="session")
def config(backbone_weights: Path) -> Training:
    """The smallest network, two views, enough epochs to learn something."""
    head = Head(epochs=12, learning_rate=3e-3)
    return Training(weights=str(backbone_weights), alpha=0.35, image_size=64, views=2, batch_size=8, head=head)


@pytest.fixture
def tiny_weights(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Of the backbone ``tiny``, which is there during the test."""
    import tiny

    monkeypatch.setitem(BACKBONES, "tiny", tiny.TINY)
    return once(tmp_path_factory, "tiny", lambda folder: tiny.write_npz(folder / "tiny.npz")) / "tiny.npz"


@pytest.fixture
def brief(tiny_weights: Path, monkeypatch: pytest.MonkeyPatch) -> Training:
    """For tests that only ask whether training gets through, with whatever network: an epoch of the smallest.

    Its plots are drawn but not rendered, which takes as long as the training.
    """
    from tlpipe.pictures import architecture, plots

    for module in (architecture, plots):
        monkeypatch.setattr(module, "save", lambda _figure, file: file.touch())
    head = Head(epochs=1, learning_rate=3e-3)
    return Training(backbone="tiny", weights=str(tiny_weights), image_size=48, views=1, batch_size=8, head=head)


@pytest.fixture(scope="session")
def options(config: Training) -> list[str]:
    """The options of `train` that get through fastest."""
    named = {"--weights": config.weights, "--alpha": config.alpha, "--image-size": 64, "--views": 1, "--epochs": 1}
    return [str(part) for pair in named.items() for part in pair]


@pytest.fixture(scope="session")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder per class, 20 pictures each. To look at only."""
    return (
        once(tmp_path_factory, "data", lambda folder: drawing.photographs(folder / "photographs", LABELS, count=20))
        / "photographs"
    )


@pytest.fixture
def few(tmp_path: Path) -> Path:
    """Eight pictures of each class, for a test to change."""
    return drawing.photographs(tmp_path / "few", LABELS, count=8, seed=1)


@pytest.fixture(scope="session")
def run(photographs: Path, config: Training, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run with both stages. To look at only."""

    def make(folder: Path) -> None:
        from tlpipe.data import loading
        from tlpipe.training import stages

        frozen = stages.train(loading.load(photographs, test_fraction=0.25), folder / "drawn", config)
        stages.finetune(frozen, Finetuning(top_layers=20, epochs=2, learning_rate=2e-4))

    return Run.open(once(tmp_path_factory, "runs", make) / "drawn")


@pytest.fixture
def tiny_run(photographs: Path, brief: Training, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The first stage of the smallest network, which has learned something. To look at only."""

    def make(folder: Path) -> None:
        from tlpipe.data import loading
        from tlpipe.training import stages

        learning = dataclasses.replace(brief, head=Head(epochs=12, learning_rate=3e-2))
        stages.train(loading.load(photographs, test_fraction=0.25), folder / "drawn", learning)

    return Run.open(once(tmp_path_factory, "tiny-runs", make) / "drawn")


@pytest.fixture(scope="session")
def bundle(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """The run in all number formats, evaluated on the test split of the run. To look at only."""

    def make(folder: Path) -> None:
        from tlpipe.conversion import recipes
        from tlpipe.evaluation import evaluate
        from tlpipe.exporting import assemble

        evaluate.evaluate(assemble.export(run, recipes.parse(RECIPES), folder / "drawn"))

    return Bundle.open(once(tmp_path_factory, "exported", make) / "drawn")


@pytest.fixture(scope="session")
def evaluation(bundle: Bundle) -> dict[str, Any]:
    """The document of the bundle's evaluation."""
    return dict(json.loads((bundle.path / EVALUATION).read_text()))


@pytest.fixture(scope="session")
def benchmark(bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The document of the bundle's benchmark with Keras beside it, by rules so short that it says it is invalid."""

    def make(folder: Path) -> None:
        from tlpipe.benchmark import measure

        measured = measure.bench(bundle, BenchOptions(rules=benches.SHORT), command="tlpipe bench")
        (folder / "bench.json").write_text(to_json([measured]))

    return dict(json.loads((once(tmp_path_factory, "benched", make) / "bench.json").read_text()))


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
