"""The frozen stage: what it leaves, what it refuses, and that the same seed gives the same head."""

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from fingerprints import weights_sha256
from PIL import Image

from tlpipe.data import loading
from tlpipe.data.dataset import Dataset, Example
from tlpipe.data.pixels import read_pixels
from tlpipe.features.extractor import Features
from tlpipe.features.rows import Unordered
from tlpipe.network import build
from tlpipe.network.backend import keras
from tlpipe.network.cut import prefix
from tlpipe.runs import run_folder
from tlpipe.runs.config import Finetuning, Head, Training
from tlpipe.runs.history import History
from tlpipe.runs.run_folder import Run
from tlpipe.storage import cache
from tlpipe.training import crop, stages
from tlpipe_edge.console.verbosity import Verbosity, set_verbosity
from tlpipe_edge.contract.files import sha256_of
from tlpipe_edge.contract.manifest import Crop
from tlpipe_edge.errors import TlpipeError, WrongUsage

LEARNED = 0.6
"""Top-1 that chance (a third) does not come to on these pictures."""

PICTURES = ("learning-curve.png", "architecture.png", "confusion-matrix.png", "predictions.png")
FILES = {"model.keras", "config.json", "splits.json", "history.jsonl", "metrics.json", "layers.svg", *PICTURES}


@pytest.fixture(scope="module")
def models(run: Run) -> dict[str, Any]:
    """Of both stages, by their names. To look at only."""
    return {folder.name: build.load(folder / run_folder.MODEL) for folder in run.stages}


def head(run: Run) -> list[np.ndarray]:
    return list(build.load(run.best_stage / run_folder.MODEL).get_layer("head").get_weights())


def test_each_stage_is_complete(run: Run, models: dict[str, Any]) -> None:
    assert [folder.name for folder in run.stages] == ["1-frozen", "2-finetuned"]
    for folder in run.stages:
        assert {file.name for file in folder.iterdir()} == {*FILES, "tensorboard"}
        for name in PICTURES:
            with Image.open(folder / name) as picture:
                picture.load()
                assert min(picture.size) > 100
        ElementTree.parse(folder / "layers.svg")
        assert list((folder / "tensorboard").rglob("events.out.tfevents.*"))
        assert models[folder.name].output_shape == (None, 3)


def test_the_history_starts_before_training(run: Run) -> None:
    for folder, epochs in zip(run.stages, (12, 2), strict=True):
        history = History.read(folder / run_folder.HISTORY)
        assert [epoch.number for epoch in history.epochs] == list(range(len(history.epochs)))
        assert history.epochs[0].seconds == 0 and 1 < len(history.epochs) <= epochs + 1
        kept = max(history.epochs[1:], key=lambda epoch: (epoch.val_accuracy, -epoch.val_loss))
        assert history.best == kept.number
    frozen, tuned = (History.read(folder / run_folder.HISTORY) for folder in run.stages)
    assert frozen.epochs[frozen.best].val_loss < frozen.epochs[0].val_loss
    # Fine-tuning begins with the weights that were kept, and its loss is counted alike. Its inputs are half floats.
    assert tuned.epochs[0].val_accuracy == pytest.approx(frozen.epochs[frozen.best].val_accuracy)
    assert tuned.epochs[0].val_loss == pytest.approx(frozen.epochs[frozen.best].val_loss, rel=0.01)


def test_the_metrics_state_what_was_measured(run: Run) -> None:
    for folder in run.stages:
        metrics = json.loads((folder / run_folder.METRICS).read_text())
        photographs = Dataset.read(folder / run_folder.SPLITS)
        assert metrics["evaluation_split"] == "test"
        for split in ("validation", "test"):
            assert metrics[split]["images"] == len(photographs.splits[split])
            assert metrics[split]["cut_from_train"] is True
        assert metrics["test"]["top1"] > LEARNED
        assert set(metrics["seconds"]) == {"building", "features", "training"}


def test_the_model_gives_the_scores_that_the_metrics_state(run: Run, models: dict[str, Any], config: Training) -> None:
    """model.keras as a whole, from pixels on: the prefix through LiteRT and the suffix came to the same."""
    from tlpipe.data.augment import View

    for folder in run.stages:
        examples = Dataset.read(folder / run_folder.SPLITS).splits["test"]
        pixels = np.stack([read_pixels(example, View(), config.spec) for example in examples]).astype(np.float32)
        scores = models[folder.name].predict(pixels, verbose=0)
        correct = scores.argmax(axis=1) == [example.label for example in examples]
        assert correct.mean() == json.loads((folder / run_folder.METRICS).read_text())["test"]["top1"]


def test_the_configuration_is_kept(run: Run, config: Training) -> None:
    assert Training.read(run.stages[0] / run_folder.CONFIG) == config
    assert run.training == dataclasses.replace(
        config, finetuning=Finetuning(top_layers=20, epochs=2, learning_rate=2e-4)
    )


def test_the_backbone_stays_as_it_came(models: dict[str, Any], config: Training) -> None:
    fresh = build.build(
        "mobilenet_v2", alpha=0.35, size=64, weights=config.weights, labels=("a", "b"), dropout=0.0, seed=0
    )
    frozen = prefix(models["1-frozen"], "pooling")

    assert weights_sha256(prefix(fresh, "pooling")) == weights_sha256(frozen)


def test_the_same_seed_gives_the_same_splits_and_the_same_head(
    run: Run, models: dict[str, Any], photographs: Path, config: Training, tmp_path: Path
) -> None:
    again = stages.train(loading.load(photographs, test_fraction=0.25), tmp_path / "again", config)

    assert (again.path / "1-frozen/splits.json").read_text() == (run.path / "1-frozen/splits.json").read_text()
    first = models["1-frozen"].get_layer("head").get_weights()
    assert all((one == two).all() for one, two in zip(first, head(again), strict=True))


def test_without_a_test_split_the_numbers_are_those_of_validation(few: Path, brief: Training, tmp_path: Path) -> None:
    run = stages.train(loading.load(few, test_fraction=0), tmp_path / "run", brief)
    metrics = json.loads((run.best_stage / run_folder.METRICS).read_text())

    assert metrics["evaluation_split"] == "validation" and "test" not in metrics


def test_the_crop_can_be_chosen_on_validation(
    few: Path, brief: Training, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    results = iter([0.5, 0.4, 0.6])
    monkeypatch.setattr(crop, "_linear_accuracy", lambda *_: next(results))
    run = stages.train(loading.load(few), tmp_path / "run", brief, crop_auto=True)

    assert Training.read(run.best_stage / run_folder.CONFIG).crop is Crop.LETTERBOX
    said = capfd.readouterr().err
    assert "--crop stretch: validation top-1 40.0 %" in said and "selected --crop letterbox" in said


@dataclasses.dataclass(frozen=True)
class Given(Unordered):
    rows: np.ndarray

    def take(self, indices: np.ndarray) -> np.ndarray:
        return self.rows[indices]


def test_a_linear_head_learns_what_the_features_tell() -> None:
    labels = np.arange(40) % 2
    rows = np.random.default_rng(0).normal(size=(40, 8)) + 3 * labels[:, None]
    examples = tuple(Example(Path("x"), int(label), "") for label in labels)
    # Labels of no class that it has: of an example with a problem neither label nor row is looked at.
    examples += (Example(Path("x"), 7, "", "0 bytes"),)

    for inputs, expected in ((rows, 1.0), (np.zeros((40, 8)), 0.5)):
        features = Features(Given(inputs), examples)
        assert crop._linear_accuracy({"train": features, "validation": features}) == expected


def test_without_weights_the_whole_network_trains(few: Path, brief: Training, tmp_path: Path) -> None:
    """BatchNormalization is live here: its statistics move. Features of a network that changes are not cached."""
    config = dataclasses.replace(brief, weights="none", head=Head(epochs=1, learning_rate=1e-4))
    options = {"alpha": 1.0, "size": 48, "weights": "none", "labels": ("a", "b", "c"), "dropout": 0.3, "seed": 0}
    before = build.build("tiny", **options)
    size = cache.size()
    run = stages.train(loading.load(few), tmp_path / "run", config)

    assert cache.size() == size
    file = run.best_stage / run_folder.MODEL
    assert run_folder.backbone_sha256(run.best_stage) == sha256_of(file)  # and not that of a file it started from
    after = build.load(file)
    for layer in after.layers:
        for one, other in zip(before.get_layer(layer.name).weights, layer.weights, strict=True):
            moved = (one.numpy() != other.numpy()).any()
            assert moved, f"{layer.name}/{one.name} did not train"
    assert all(layer.trainable for layer in after.layers if isinstance(layer, keras.layers.BatchNormalization))


def test_a_crop_cannot_be_chosen_without_weights(few: Path, brief: Training, tmp_path: Path) -> None:
    with pytest.raises(WrongUsage, match="--crop auto needs a pre-trained backbone"):
        stages.train(loading.load(few), tmp_path / "run", dataclasses.replace(brief, weights="none"), crop_auto=True)
    assert not (tmp_path / "run").exists()


def test_a_run_that_exists_stays_as_it_is(run: Run, photographs: Path, brief: Training) -> None:
    before = {file: file.stat().st_mtime_ns for file in run.path.rglob("*")}

    with pytest.raises(WrongUsage, match="--overwrite"):
        stages.train(loading.load(photographs), run.path, brief)
    assert {file: file.stat().st_mtime_ns for file in run.path.rglob("*")} == before


@pytest.mark.parametrize("change", [{"weights": "gone.h5"}, {"weights": __file__}, {"alpha": 0.5}])
def test_a_run_that_fails_leaves_nothing(
    few: Path, config: Training, tmp_path: Path, change: dict[str, object]
) -> None:
    with pytest.raises(TlpipeError):
        stages.train(loading.load(few), tmp_path / "runs/run", dataclasses.replace(config, **change))  # type: ignore[arg-type]
    assert list(tmp_path.glob("runs/*")) == []


def test_a_photograph_in_two_splits_is_said_on_stderr(
    few: Path, brief: Training, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for split, numbers in (("train", range(6)), ("validation", range(5, 8))):
        for label in sorted(folder.name for folder in few.iterdir()):
            (tmp_path / "data" / split / label).mkdir(parents=True)
            for file in sorted((few / label).iterdir())[numbers[0] : numbers[-1] + 1]:
                shutil.copy(file, tmp_path / "data" / split / label)
    stages.train(loading.load(tmp_path / "data", test_fraction=0), tmp_path / "run", brief)

    said = capfd.readouterr().err
    where = tmp_path / "data/validation/kryss/05.png"
    assert f"warning: {where}: the same image is in train ({tmp_path}/data/train/kryss/05.png)" in said


def test_a_class_without_test_images_has_no_accuracy(few: Path, brief: Training, tmp_path: Path) -> None:
    rows = ["path,label,split"]
    for label in sorted(folder.name for folder in few.iterdir()):
        for number, file in enumerate(sorted((few / label).iterdir())):
            split = "test" if number > 6 and label != "kryss" else ("validation" if number > 4 else "train")
            rows.append(f"{file.relative_to(few)},{label},{split}")
    (few / "list.csv").write_text("\n".join(rows), "utf-8")
    run = stages.train(loading.load(few / "list.csv"), tmp_path / "run", brief)

    text = (run.best_stage / run_folder.METRICS).read_text()
    assert "NaN" not in text and json.loads(text)["test"]["per_class"]["kryss"] is None


def test_an_early_end_is_said_with_its_reason(
    few: Path, brief: Training, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    still = dataclasses.replace(brief, head=Head(epochs=9, learning_rate=0.0))
    stages.train(loading.load(few), tmp_path / "run", still)

    ended = "; no improvement in 4 epochs\n"
    said = capfd.readouterr().err
    assert ended in said and "kept epoch 1, the best top-1 on validation" in said
    assert "best so far" not in said, "with a learning rate of 0, no epoch is better than the state before"


class Watcher(keras.callbacks.Callback):  # type: ignore[misc]
    """Notes the epochs that it was told of, and ends the training after ``last`` of them."""

    def __init__(self, last: int) -> None:
        super().__init__()
        self.last = last
        self.seen: list[tuple[int, float]] = []

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        self.seen.append((epoch + 1, logs["val_accuracy"]))
        self.model.stop_training = epoch + 1 == self.last


def test_callbacks_see_every_epoch_and_may_end_a_stage(
    few: Path, brief: Training, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    watchers = [Watcher(last=0), Watcher(last=5)]
    training = dataclasses.replace(brief, head=Head(epochs=3))
    run = stages.train(loading.load(few), tmp_path / "run", training, callbacks=watchers[:1])
    run = stages.finetune(run, Finetuning(top_layers=0, epochs=3), callbacks=watchers[1:])

    said = capfd.readouterr().err
    assert "; a callback or a diverging loss ended it\n" in said
    rows = [line.split() for line in said.splitlines() if " of 3 " in line or " of 6 " in line]
    assert [row[0] for row in rows] == ["1", "2", "3", "4", "5"], "the epochs are counted through both stages"
    for watcher, folder, before in zip(watchers, run.stages, (0, 3), strict=True):
        history = History.read(folder / run_folder.HISTORY)
        expected = [(before + each.number, pytest.approx(each.val_accuracy)) for each in history.epochs[1:]]
        assert watcher.seen == expected
    assert [len(watcher.seen) for watcher in watchers] == [3, 2]


class Diverging(keras.callbacks.Callback):  # type: ignore[misc]
    """Makes the weights no numbers at the beginning of an epoch."""

    def __init__(self, epoch: int) -> None:
        super().__init__()
        self.epoch = epoch

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002  (Keras names it)
        if epoch + 1 == self.epoch:
            self.model.set_weights([np.full_like(each, np.nan) for each in self.model.get_weights()])


@pytest.mark.parametrize("epoch", [1, 2])
def test_a_stage_that_diverges_ends_with_the_best_weights_before(
    few: Path, brief: Training, tmp_path: Path, capfd: pytest.CaptureFixture[str], epoch: int
) -> None:
    training = dataclasses.replace(brief, head=Head(epochs=3))
    run = stages.train(loading.load(few), tmp_path / "run", training, callbacks=[Diverging(epoch)])

    assert f"the loss diverged in epoch {epoch}." in capfd.readouterr().err
    history = History.read(run.best_stage / run_folder.HISTORY)
    assert [each.number for each in history.epochs] == list(range(epoch))
    model = keras.models.load_model(run.best_stage / run_folder.MODEL)
    assert all(np.isfinite(each).all() for each in model.get_weights())


def test_what_trains_and_from_where_is_said(
    few: Path, brief: Training, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    set_verbosity(Verbosity.VERBOSE)
    run = stages.train(loading.load(few), tmp_path / "run", brief)
    said = capfd.readouterr().err
    assert "training 1 layer with weights: 99 of 1,459 parameters\n" in said
    assert "on the activations of pooling\n" in said and " MB of at most 8 GB\n" in said
    before, first = (line for line in said.splitlines() if line.split()[:1] in (["before"], ["1"]))
    assert first.split()[:3] == ["1", "of", "1"] and " %" in first
    assert [at for at, mark in enumerate(before) if mark == "%"] == [at for at, mark in enumerate(first) if mark == "%"]

    stages.finetune(run, Finetuning(top_layers=3, epochs=1, learning_rate=1e-4))
    said = capfd.readouterr().err
    assert "training 2 layers with weights: 355 of 1,459 parameters\non the activations of add" in said
