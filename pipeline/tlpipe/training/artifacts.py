"""Writes the folder of a training stage: the model, its configuration, splits, history, metrics and plots."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tlpipe.data.augment import View
from tlpipe.data.dataset import Dataset, label_indices
from tlpipe.data.pixels import read_pixels
from tlpipe.pictures import architecture, plots
from tlpipe.runs import run_folder
from tlpipe.runs.config import PACKAGES, Stage, Training
from tlpipe.runs.history import History
from tlpipe_edge.classify import accuracy
from tlpipe_edge.contract.manifest import ImageSpec
from tlpipe_edge.machine.versions import versions

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class Sample:
    """A few images of the evaluation split: their indices in it, and their pixels (K, size, size, 3) uint8."""

    places: np.ndarray
    pixels: np.ndarray


@dataclass(frozen=True)
class Outcome:
    """The result of training. ``dataset`` has the problems that were found. ``scores`` are (N, classes) float32 by
    split, in the order of the split, NaN for an image that cannot be read. ``seconds`` are by step; "features" does
    not count what was extracted while the network was built ("building"). ``frozen_weights`` is the sha256 of the
    weights file of the backbone, if training did not change the backbone."""

    dataset: Dataset
    history: History
    scores: dict[str, np.ndarray]
    seconds: dict[str, float]
    sample: Sample
    frozen_weights: str | None = None


def sample(dataset: Dataset, spec: ImageSpec) -> Sample:
    """Up to ``plots.MAX_PREDICTIONS`` readable images of the evaluation split, the classes in turn."""
    split = dataset.evaluation_split
    seen: Counter[int] = Counter()
    turns = []
    for place, example in enumerate(dataset.splits[split]):
        if example.problem is None:
            turns.append((seen[example.label], example.label, place))
            seen[example.label] += 1
    places = [place for _, _, place in sorted(turns)[: plots.MAX_PREDICTIONS]]
    pixels = [read_pixels(dataset.splits[split][place], View(), spec) for place in places]
    return Sample(np.array(places, int), np.array(pixels, np.uint8).reshape(-1, spec.size, spec.size, 3))


def write(
    folder: Path,
    model: "keras.Model",
    training: Training,
    stage: Stage,
    outcome: Outcome,
    *,
    earlier: Sequence[History] = (),
) -> None:
    """Write all files to ``folder``; the learning curve also shows the histories of ``earlier`` stages."""
    dataset = outcome.dataset
    folder.mkdir(exist_ok=True)
    model.save(folder / run_folder.MODEL)
    weights = outcome.frozen_weights
    frozen = None if weights is None else run_folder.frozen_backbone(folder, weights)
    (folder / run_folder.CONFIG).write_text(training.to_json(stage, versions(PACKAGES), frozen))
    (folder / run_folder.SPLITS).write_text(dataset.to_json())
    (folder / run_folder.HISTORY).write_text(outcome.history.to_jsonl())
    (folder / run_folder.METRICS).write_text(json.dumps(_metrics(outcome), indent=2, allow_nan=False) + "\n")
    plots.learning_curve([*earlier, outcome.history], folder / "learning-curve.png")
    trained = [layer.name for layer in model.layers if layer.trainable and layer.weights]
    architecture.diagram(model, folder / "architecture.png", first_trained=trained[0])
    architecture.layer_table(model, folder / "layers.svg")
    split, labels = dataset.evaluation_split, dataset.labels
    scores, true_labels = outcome.scores[split], label_indices(dataset.splits[split])
    predicted = accuracy.predictions(scores)
    counts = np.zeros((len(labels), len(labels)), np.int64)
    np.add.at(counts, (true_labels[predicted >= 0], predicted[predicted >= 0]), 1)
    unreadable = int((predicted < 0).sum())
    caption = f"{split} images{' (held out from train)' if split in dataset.cut else ''}"
    plots.confusion_matrix(counts, labels, folder / "confusion-matrix.png", caption=caption, unreadable=unreadable)
    places, pixels = outcome.sample.places, outcome.sample.pixels
    if len(places):
        file = folder / "predictions.png"
        plots.predictions(pixels, true_labels[places], scores[places], labels, file, caption=caption)


def _metrics(outcome: Outcome) -> dict[str, Any]:
    dataset = outcome.dataset
    document: dict[str, Any] = {"schema": 1, "evaluation_split": dataset.evaluation_split}
    for split, of_split in outcome.scores.items():
        true_labels = label_indices(dataset.splits[split])
        result = accuracy.accuracy(of_split, true_labels, labels=dataset.labels)
        document[split] = {
            "images": result.images,
            "unreadable": result.failed,
            "cut_from_train": split in dataset.cut,
            "top1": result.top1,
            "top1_interval": result.top1_interval,
            "per_class": {each.label: each.top1 if each.images else None for each in result.per_class},
        }
    return document | {"seconds": outcome.seconds}
