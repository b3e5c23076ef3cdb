"""Warnings about single classes: few training images, and none recognized on validation."""

from collections.abc import Sequence

import numpy as np

from tlpipe.data.dataset import Dataset, label_indices
from tlpipe.runs.config import ClassWeights
from tlpipe_edge.classify.accuracy import accuracy
from tlpipe_edge.console import progress

FEW = 10
"""Fewer training images of a class than this are few."""
IMBALANCE = 10
"""Of a class that is so many times smaller than the largest, the loss sees too little, unless its images weigh more."""
SHOWN = 8
"""Maximum number of classes that a warning names."""


def warn_of_small_classes(dataset: Dataset, class_weights: ClassWeights) -> None:
    """Name the classes with few training images, in themselves or, if they have no weight of their own, beside the
    largest class."""
    counts = np.bincount(label_indices(dataset.splits["train"]), minlength=len(dataset.labels))
    largest = int(np.argmax(counts))
    enough = counts[largest] / IMBALANCE if class_weights is ClassWeights.NONE else 0.0
    small = [int(at) for at in counts.argsort(kind="stable") if counts[at] < max(FEW, enough)]
    if not small:
        return
    named = _listed([f"{dataset.labels[at]!r} ({counts[at]})" for at in small])
    if counts[small[0]] < enough:
        progress.warn(
            f"few training images: {named}; the largest class is {dataset.labels[largest]!r} ({counts[largest]}). "
            "Add images, or train with --class-weights balanced"
        )
    else:
        progress.warn(f"few training images: {named}. Add images")


def warn_of_lost_classes(dataset: Dataset, scores: np.ndarray) -> None:
    """Name the classes none of whose validation images is recognized; ``scores`` are (N, classes) of validation."""
    true_labels = label_indices(dataset.splits["validation"])
    per_class = accuracy(scores, true_labels, labels=dataset.labels).per_class
    lost = [f"{each.label!r} (of {each.images})" for each in per_class if each.images and not each.correct]
    if lost:
        progress.warn(f"no validation image is recognized: {_listed(lost)}")


def _listed(names: Sequence[str]) -> str:
    rest = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + rest
