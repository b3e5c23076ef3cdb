"""What a training stage leaves: a complete folder, with everything a person wants to look at."""

import json
from collections import Counter
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from tlpipe import architecture, features, pictures
from tlpipe.dataset import Dataset, Example
from tlpipe.history import History
from tlpipe.runs import Config
from tlpipe.views import View
from tlpipe_edge import accuracy
from tlpipe_edge.errors import BadConfiguration

MODEL = "model.keras"
CONFIG = "config.json"
SPLITS = "splits.json"
HISTORY = "history.jsonl"
METRICS = "metrics.json"
TENSORBOARD = "tensorboard"


def write(
    folder: Path,
    whole: Any,
    photographs: Dataset,
    config: Config,
    histories: Sequence[History],
    scores: dict[str, np.ndarray],
    seconds: dict[str, float],
) -> None:
    """Fill ``folder``. ``histories`` are those of all stages up to this one; ``scores`` (N, classes) by split."""
    folder.mkdir(exist_ok=True)
    whole.save(folder / MODEL)
    (folder / CONFIG).write_text(config.to_json(versions()))
    (folder / SPLITS).write_text(photographs.to_json())
    (folder / HISTORY).write_text(histories[-1].to_jsonl())
    (folder / METRICS).write_text(json.dumps(_metrics(photographs, scores, seconds), indent=2) + "\n")
    pictures.learning_curve(histories, folder / "learning-curve.png")
    trained = [layer.name for layer in whole.layers if layer.trainable and layer.weights]
    architecture.diagram(whole, folder / "architecture.png", first_trained=trained[0])
    architecture.layer_table(whole, folder / "layers.svg")
    split = photographs.evaluation_split
    examples, of_split = photographs.splits[split], scores[split]
    truth = np.array([example.label for example in examples])
    predicted = accuracy.predictions(of_split)
    counts = np.zeros((len(photographs.labels),) * 2, np.int64)
    np.add.at(counts, (truth, predicted), 1)
    pictures.confusion_matrix(counts, photographs.labels, folder / "confusion-matrix.png")
    shown = _sample(examples, 20)
    images = np.stack([features.pixels(examples[index], View(), config.spec) for index in shown])
    pictures.predictions(images, truth[shown], of_split[shown], photographs.labels, folder / "predictions.png")


def validation_top1(folder: Path) -> float:
    """The validation top-1 (0..1) that a stage's metrics state. Raises BadConfiguration where they are damaged."""
    try:
        return float(json.loads((folder / METRICS).read_text())["validation"]["top1"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadConfiguration(f"{folder / METRICS}: cannot be read ({error})", "Train the run again.") from None


def versions() -> dict[str, str]:
    """The versions of what a result depends on."""
    names = ("tlpipe", "tensorflow", "keras", "ai-edge-litert", "numpy", "opencv-python-headless", "pillow")
    return {name: version(name) for name in names}


def _metrics(photographs: Dataset, scores: dict[str, np.ndarray], seconds: dict[str, float]) -> dict[str, Any]:
    document: dict[str, Any] = {"schema": 1, "evaluation_split": photographs.evaluation_split}
    for split, of_split in scores.items():
        truth = np.array([example.label for example in photographs.splits[split]])
        result = accuracy.accuracy(of_split, truth, labels=photographs.labels)
        document[split] = {
            "images": result.images,
            "cut_from_train": split in photographs.cut,
            "top1": result.top1,
            "top1_interval": result.top1_interval,
            "per_class": {each.label: each.top1 for each in result.per_class},
        }
    return document | {"seconds": seconds}


def _sample(examples: Sequence[Example], count: int) -> np.ndarray:
    """Indices of up to ``count`` examples, spread over the classes in turn."""
    seen: Counter[int] = Counter()
    turns = []
    for index, example in enumerate(examples):
        turns.append((seen[example.label], example.label, index))
        seen[example.label] += 1
    return np.array([index for _, _, index in sorted(turns)[:count]])
