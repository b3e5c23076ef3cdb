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
class Scored:
    """The scores of a model. ``dataset`` has the problems that were found. ``scores`` are (N, classes) float32 by
    split, in the order of the split, NaN for an image that cannot be read. ``seconds`` are by step."""

    dataset: Dataset
    scores: dict[str, np.ndarray]
    seconds: dict[str, float]
    sample: Sample


@dataclass(frozen=True)
class Outcome(Scored):
    """The result of training. The seconds of "features" do not count what was extracted while the network was built
    ("building"). ``frozen_weights`` is the sha256 of the weights file of the backbone, if training did not change the
    backbone."""

    history: History
    frozen_weights: str | None = None


def sample(dataset: Dataset, spec: ImageSpec, scores: np.ndarray) -> Sample:
    """Up to ``plots.MAX_PREDICTIONS`` images of the evaluation split with their ``scores`` (N, classes): the wrong
    predictions first, half of the images if there are as many, each half from as many classes as possible."""
    split = dataset.splits[dataset.evaluation_split]
    true_labels, predicted = label_indices(split), accuracy.predictions(scores)
    wrong, right = ((predicted >= 0) & differs for differs in (predicted != true_labels, predicted == true_labels))
    room = plots.MAX_PREDICTIONS
    mistakes = _spread(np.flatnonzero(wrong), true_labels, max(room // 2, room - int(right.sum())))
    places = [*mistakes, *_spread(np.flatnonzero(right), true_labels, room - len(mistakes), seen=mistakes)]
    pixels = [read_pixels(split[place], View(), spec) for place in places]
    return Sample(np.array(places, int), np.array(pixels, np.uint8).reshape(-1, spec.size, spec.size, 3))


def _spread(places: np.ndarray, labels: np.ndarray, count: int, *, seen: Sequence[int] = ()) -> list[int]:
    """``count`` of the places, in the order of their labels: the classes in turn, those of ``seen`` places later; in
    the last turn, which has no room for all classes, at even distances."""
    taken: list[int] = []
    turns: dict[int, list[int]] = {}
    number = Counter(int(labels[place]) for place in seen)
    for place in sorted(places.tolist(), key=lambda each: (labels[each], each)):
        turns.setdefault(number[int(labels[place])], []).append(place)
        number[int(labels[place])] += 1
    for _, turn in sorted(turns.items()):
        room = min(count - len(taken), len(turn))
        taken += [turn[(2 * step + 1) * len(turn) // (2 * room)] for step in range(room)]
    return sorted(taken, key=lambda each: (labels[each], each))


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
    folder.mkdir(exist_ok=True)
    model.save(folder / run_folder.MODEL)
    (folder / run_folder.HISTORY).write_text(outcome.history.to_jsonl(), "utf-8")
    plots.learning_curve([*earlier, outcome.history], folder / "learning-curve.png")
    trained = [layer.name for layer in model.layers if layer.trainable and layer.weights]
    write_scored(folder, model, outcome, first_trained=trained[0])
    document = training.document(stage, versions(PACKAGES))
    run_folder.write_config(folder, document, frozen_weights=outcome.frozen_weights)


def write_scored(folder: Path, model: "keras.Model", outcome: Scored, *, first_trained: str | None = None) -> None:
    """Write the splits, the metrics, and the pictures of the layers and of the predictions to ``folder``."""
    dataset = outcome.dataset
    dataset.write(folder / run_folder.SPLITS)
    metrics = json.dumps(_metrics(outcome), indent=2, allow_nan=False)
    (folder / run_folder.METRICS).write_text(metrics + "\n", "utf-8")
    architecture.diagram(model, folder / "architecture.png", first_trained=first_trained)
    architecture.layer_table(model, folder / "layers.svg")
    split, labels = dataset.evaluation_split, dataset.labels
    scores, true_labels = outcome.scores[split], label_indices(dataset.splits[split])
    predicted = accuracy.predictions(scores)
    cells = accuracy.confusion(predicted, true_labels, classes=len(labels))
    unreadable = int((predicted < 0).sum())
    caption = f"{split} images{' (held out from train)' if split in dataset.cut else ''}"
    plots.confusion_matrix(cells, labels, folder / "confusion-matrix.png", caption=caption, unreadable=unreadable)
    places, pixels = outcome.sample.places, outcome.sample.pixels
    if len(places):
        right = predicted == true_labels
        heading = f"{shown_of_all(right[predicted >= 0], right[places])} predictions of {caption}"
        file = folder / "predictions.png"
        plots.predictions(pixels, true_labels[places], scores[places], labels, file, caption=heading)


def shown_of_all(right: np.ndarray, shown: np.ndarray) -> str:
    """How many of the correct and of the wrong predictions are shown, without a kind that does not occur."""
    kinds = (("correct", right.sum(), shown.sum()), ("wrong", (~right).sum(), (~shown).sum()))
    return " and ".join(f"{here:,} of the {total:,} {kind}" for kind, total, here in kinds if total)


def _metrics(outcome: Scored) -> dict[str, Any]:
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
