"""Fine-tuning: what changes, what must not, and which stage is kept."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tlpipe.network import build
from tlpipe.network.backend import keras
from tlpipe.runs import run_folder
from tlpipe.runs.config import Finetuning
from tlpipe.runs.run_folder import FINETUNED, FROZEN, Run
from tlpipe.training import stages
from tlpipe_edge.errors import BadData, WrongUsage


@pytest.fixture
def frozen(run: Run, tmp_path: Path) -> Run:
    """A copy of the run before fine-tuning."""
    path = Path(shutil.copytree(run.path / FROZEN, tmp_path / "run" / FROZEN)).parent
    shutil.copy(run.path / "run.json", path)
    (path / "run.json").write_text((path / "run.json").read_text().replace(FINETUNED, FROZEN))
    return Run.open(path)


def models(run: Run) -> tuple[Any, Any]:
    before, after = (build.load(run.path / name / run_folder.MODEL) for name in (FROZEN, FINETUNED))
    return before, after


def moved(before: Any, after: Any) -> set[str]:
    """The layers of which a weight differs in any bit."""
    return {
        layer.name
        for layer in after.layers
        for one, other in zip(before.get_layer(layer.name).get_weights(), layer.get_weights(), strict=True)
        if not np.array_equal(one, other)
    }


def test_the_chosen_layers_change_and_no_other_bit_does(run: Run) -> None:
    before, after = models(run)

    assert moved(before, after) == {layer.name for layer in build.trained_layers(after, 50)}


def test_moving_mean_and_variance_are_the_same_bits(run: Run) -> None:
    before, after = models(run)
    normalizations = [layer for layer in after.layers if isinstance(layer, keras.layers.BatchNormalization)]

    assert len(normalizations) == 52
    for layer in normalizations:
        for name in ("moving_mean", "moving_variance", "gamma", "beta"):
            one, other = (getattr(source, name).numpy() for source in (before.get_layer(layer.name), layer))
            assert one.tobytes() == other.tobytes(), f"{layer.name}/{name}"


@pytest.mark.parametrize("top_layers", [0, 154])
def test_no_layer_and_all_layers_can_be_chosen(frozen: Run, top_layers: int) -> None:
    tuned = stages.finetune(frozen, Finetuning(top_layers=top_layers, epochs=1, learning_rate=1e-4))
    before, after = models(tuned)

    assert moved(before, after) == {layer.name for layer in build.trained_layers(after, top_layers)}


def test_a_stage_that_is_worse_is_not_kept(frozen: Run, capfd: pytest.CaptureFixture[str]) -> None:
    tuned = stages.finetune(frozen, Finetuning(top_layers=50, epochs=1, learning_rate=10.0))

    earlier, later = (run_folder.validation_top1(tuned.path / name) for name in (FROZEN, FINETUNED))
    assert later < earlier
    assert tuned.best == FROZEN == Run.open(tuned.path).best
    assert f"kept 1-frozen: validation top-1 {earlier:.3f} frozen, {later:.3f} fine-tuned" in capfd.readouterr().err


def test_a_second_time_needs_overwrite(run: Run, tmp_path: Path) -> None:
    copy = Run.open(Path(shutil.copytree(run.path, tmp_path / "run")))
    with pytest.raises(WrongUsage, match="--overwrite"):
        stages.finetune(copy, Finetuning(top_layers=0, epochs=1, learning_rate=1e-4))
    assert copy.training.finetuning.top_layers == 50

    stages.finetune(copy, Finetuning(top_layers=0, epochs=1, learning_rate=1e-4), overwrite=True)
    assert copy.training.finetuning.top_layers == 0


def test_more_layers_than_there_are_leaves_the_run_as_it_was(frozen: Run) -> None:
    with pytest.raises(WrongUsage, match="155 top layers"):
        stages.finetune(frozen, Finetuning(top_layers=155, epochs=1, learning_rate=1e-4))
    assert frozen.stages == (frozen.path / FROZEN,)


def test_a_photograph_that_changed_is_named(frozen: Run, few: Path, photographs: Path) -> None:
    splits = frozen.path / FROZEN / run_folder.SPLITS
    moved_to = few.parent / "moved"
    shutil.copytree(photographs, moved_to)
    splits.write_text(splits.read_text().replace(str(photographs), str(moved_to)))
    changed = moved_to / "kryss/04.jpg"
    changed.write_bytes((moved_to / "kryss/06.jpg").read_bytes() + b"\0")

    with pytest.raises(BadData, match=r"kryss/04\.jpg: changed since"):
        stages.finetune(frozen, Finetuning(top_layers=154, epochs=1, learning_rate=1e-4))
    assert frozen.stages == (frozen.path / FROZEN,)
