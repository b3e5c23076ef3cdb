"""Fine-tuning: what changes, what must not, and which stage is kept."""

import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import older
import pytest
from tiny import LAYERS

from tlpipe.data.dataset import Dataset
from tlpipe.network import build
from tlpipe.network.backend import keras
from tlpipe.runs import run_folder
from tlpipe.runs.config import Finetuning
from tlpipe.runs.run_folder import FINETUNED, FROZEN, Run
from tlpipe.storage import leftovers
from tlpipe.training import stages
from tlpipe_edge.console.text import percent
from tlpipe_edge.errors import BadData, Unavailable, WrongUsage


@pytest.fixture
def frozen(tiny_run: Run, tmp_path: Path) -> Run:
    """A copy of a run before fine-tuning."""
    return Run.open(Path(shutil.copytree(tiny_run.path, tmp_path / "run")))


def models(run: Run) -> tuple[Any, Any]:
    before, after = (build.load(run.path / name / run_folder.MODEL) for name in (FROZEN, FINETUNED))
    return before, after


@pytest.fixture(scope="module")
def both(run: Run) -> tuple[Any, Any]:
    """The models of both stages."""
    return models(run)


def moved(before: Any, after: Any) -> set[str]:
    """The layers of which a weight differs in any bit."""
    return {
        layer.name
        for layer in after.layers
        for one, other in zip(before.get_layer(layer.name).get_weights(), layer.get_weights(), strict=True)
        if not np.array_equal(one, other)
    }


def test_the_chosen_layers_change_and_no_other_bit_does(both: tuple[Any, Any]) -> None:
    before, after = both

    assert moved(before, after) == {layer.name for layer in build.trained_layers(after, 20)}


def test_moving_mean_and_variance_are_the_same_bits(both: tuple[Any, Any]) -> None:
    before, after = both
    normalizations = [layer for layer in after.layers if isinstance(layer, keras.layers.BatchNormalization)]

    assert len(normalizations) == 52
    for layer in normalizations:
        for name in ("moving_mean", "moving_variance", "gamma", "beta"):
            one, other = (getattr(source, name).numpy() for source in (before.get_layer(layer.name), layer))
            assert one.tobytes() == other.tobytes(), f"{layer.name}/{name}"


@pytest.mark.parametrize("top_layers", [0, LAYERS])
def test_no_layer_and_all_layers_can_be_chosen(frozen: Run, top_layers: int) -> None:
    tuned = stages.finetune(frozen, Finetuning(top_layers=top_layers, epochs=1, learning_rate=1e-4))
    before, after = models(tuned)

    assert moved(before, after) == {layer.name for layer in build.trained_layers(after, top_layers)}


def test_a_stage_that_is_worse_is_not_kept(frozen: Run, capfd: pytest.CaptureFixture[str]) -> None:
    tuned = stages.finetune(frozen, Finetuning(top_layers=3, epochs=1, learning_rate=10.0))

    earlier, later = (run_folder.validation_top1(tuned.path / name) for name in (FROZEN, FINETUNED))
    assert later < earlier
    assert tuned.best == FROZEN == Run.open(tuned.path).best
    selected = f"selected 1-frozen: validation top-1 {percent(earlier)} frozen, {percent(later)} fine-tuned"
    assert selected in capfd.readouterr().err


def test_a_second_time_needs_overwrite(run: Run, tmp_path: Path) -> None:
    copy = Run.open(Path(shutil.copytree(run.path, tmp_path / "run")))
    with pytest.raises(WrongUsage, match="--overwrite"):
        stages.finetune(copy, Finetuning(top_layers=0, epochs=1, learning_rate=1e-4))
    assert copy.training.finetuning.top_layers == 20

    stages.finetune(copy, Finetuning(top_layers=0, epochs=1, learning_rate=1e-4), overwrite=True)
    assert copy.training.finetuning.top_layers == 0


def test_who_trains_over_a_run_is_told_of_its_second_stage(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = Run.open(Path(shutil.copytree(run.path, tmp_path / "run")))

    def ended(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(stages, "_describe", ended)
    with pytest.raises(KeyboardInterrupt):
        stages.train(Dataset.read(copy.path / FROZEN / run_folder.SPLITS), copy.path, copy.training, overwrite=True)
    assert f"warning: {copy.path / FINETUNED} will be deleted with the run" in " ".join(capsys.readouterr().err.split())


def test_a_folder_that_cannot_be_written_to_is_named(frozen: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    access, runs = os.access, frozen.path.parent
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != runs and access(path, mode))
    with pytest.raises(Unavailable, match="cannot be written to") as caught:
        stages.finetune(frozen, Finetuning(top_layers=2, epochs=1))
    assert caught.value.where == str(runs)


def test_a_run_whose_stage_was_put_in_place_when_the_command_ended_is_whole_for_the_next_one(
    frozen: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the folder of the stage and run.json, which says which stage is the best."""
    replace = Path.replace

    def ended(path: Path, target: Path) -> Path:
        if Path(target).name == run_folder.RUN_FILE and FINETUNED in {each.name for each in frozen.stages}:
            raise KeyboardInterrupt
        return replace(path, target)

    monkeypatch.setattr(stages.run_folder, "validation_top1", lambda _: 0.5)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Path, "replace", ended)
        stages.finetune(frozen, Finetuning(top_layers=2, epochs=1))

    assert Run.open(frozen.path).best == FINETUNED
    there = sorted(entry.name for entry in frozen.path.iterdir() if not leftovers.CHECKPOINT.fullmatch(entry.name))
    assert there == [FROZEN, FINETUNED, run_folder.RUN_FILE]


def test_more_layers_than_there_are_leaves_the_run_as_it_was(frozen: Run) -> None:
    with pytest.raises(WrongUsage, match=f"the number of top layers is {LAYERS + 1}"):
        stages.finetune(frozen, Finetuning(top_layers=LAYERS + 1, epochs=1, learning_rate=1e-4))
    assert frozen.stages == (frozen.path / FROZEN,)


def test_a_photograph_that_changed_is_named(frozen: Run, few: Path, photographs: Path) -> None:
    splits = older.without_checksums(frozen.path) / FROZEN / run_folder.SPLITS
    moved_to = few.parent / "moved"
    shutil.copytree(photographs, moved_to)
    splits.write_text(splits.read_text().replace(str(photographs), str(moved_to)))
    changed = moved_to / "kryss/04.jpg"
    changed.write_bytes((moved_to / "kryss/06.jpg").read_bytes() + b"\0")

    with pytest.raises(BadData, match=r"kryss/04\.jpg: changed since"):
        stages.finetune(frozen, Finetuning(top_layers=LAYERS, epochs=1, learning_rate=1e-4))
    assert frozen.stages == (frozen.path / FROZEN,)
