"""Accuracy from scores and true labels: top-1, top-5, agreement, per class, intervals, ties and failed images.

A row of NaN is an image that could not be read: it counts as wrong.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from tlpipe_edge.contract.scores import ClassCount


@dataclass(frozen=True)
class ClassAccuracy:
    """The accuracy of one class: how many of its ``images`` were classified as it (``correct``)."""

    label: str
    images: int
    correct: int

    @property
    def top1(self) -> float:
        """The share of correct predictions, 0..1; NaN for a class without images."""
        return self.correct / self.images if self.images else math.nan


@dataclass(frozen=True)
class Accuracy:
    """Accuracy over a number of ``images``; rates are 0..1. ``ties`` counts images with two or more best scores."""

    images: int
    failed: int
    top1: float
    top1_interval: tuple[float, float]
    top5: float
    ties: int
    per_class: tuple[ClassAccuracy, ...]

    @property
    def balanced(self) -> float | None:
        """The mean top-1 of the classes that have images, 0..1."""
        return balanced(self.counts.values())

    @property
    def counts(self) -> dict[str, ClassCount]:
        """Each class as the documents state it."""
        return {each.label: ClassCount.of(each.images, each.correct) for each in self.per_class}


def predictions(scores: np.ndarray) -> np.ndarray:
    """(N, classes) float scores -> (N,) int64 index of the best score, the lowest in a tie, -1 for a failed image."""
    failed = np.isnan(scores).any(axis=1)
    return np.where(failed, -1, np.where(np.isnan(scores), -np.inf, scores).argmax(axis=1))


def best_scores(scores: np.ndarray) -> np.ndarray:
    """(N, classes) float scores -> (N,) the score of each prediction, at most 1 (a softmax in float32 can be a little
    above); NaN for a failed image."""
    return np.minimum(scores.max(axis=1), 1)


def top_k_hits(scores: np.ndarray, true_labels: np.ndarray, k: int) -> np.ndarray:
    """(N, classes) scores, (N,) indices -> (N,) bool: fewer than ``k`` other classes score at least as high."""
    of_true_label = scores[np.arange(len(true_labels)), true_labels][:, None]
    rivals = (scores >= of_true_label).sum(axis=1) - 1
    return (rivals < k) & ~np.isnan(scores).any(axis=1)


def accuracy(scores: np.ndarray, true_labels: np.ndarray, *, labels: Sequence[str]) -> Accuracy:
    """(N, classes) scores against (N,) label indices. Raise ValueError if there is no image or the shapes differ."""
    if len(true_labels) == 0 or scores.shape != (len(true_labels), len(labels)):
        raise ValueError(f"scores {scores.shape} for {len(true_labels)} images and {len(labels)} labels")
    failed = np.isnan(scores).any(axis=1)
    correct = predictions(scores) == true_labels
    counts = np.bincount(true_labels, minlength=len(labels)), np.bincount(true_labels[correct], minlength=len(labels))
    best = np.where(failed, np.nan, scores.max(axis=1))[:, None]
    return Accuracy(
        images=len(true_labels),
        failed=int(failed.sum()),
        top1=float(correct.mean()),
        top1_interval=wilson(int(correct.sum()), len(true_labels)),
        top5=float(top_k_hits(scores, true_labels, 5).mean()),
        ties=int(((scores == best).sum(axis=1) > 1).sum()),
        per_class=tuple(map(ClassAccuracy, labels, *(each.tolist() for each in counts))),
    )


def balanced(counts: Iterable[ClassCount]) -> float | None:
    """Balanced accuracy: the mean top-1 of the classes that have images, 0..1; None if none has."""
    rates = [each.correct / each.images for each in counts if each.images]
    return sum(rates) / len(rates) if rates else None


def agreement(scores: np.ndarray, other: np.ndarray) -> float:
    """The share (0..1) of images for which two models predict the same class, without those that neither could read."""
    ours, theirs = predictions(scores), predictions(other)
    readable = (ours >= 0) | (theirs >= 0)
    return float((ours == theirs)[readable].mean()) if readable.any() else math.nan


def confusion(predicted: np.ndarray, true_labels: np.ndarray, *, classes: int) -> np.ndarray:
    """The cells of the confusion matrix that are not 0, row by row: (K, 3) int64 of true label, predicted label and
    number of images. Failed images (-1) are left out."""
    readable = predicted >= 0
    found, images = np.unique(true_labels[readable] * classes + predicted[readable], return_counts=True)
    return np.column_stack([*np.divmod(found, classes), images]).astype(np.int64)


def wilson(correct: float, images: int) -> tuple[float, float]:
    """The 95 % interval of a proportion. Wilson (1927), JASA 22:209-212; z = 1.959964."""
    z = 1.959964
    share = correct / images
    centre = (share + z * z / (2 * images)) / (1 + z * z / images)
    half = z / (1 + z * z / images) * math.sqrt(share * (1 - share) / images + z * z / (4 * images * images))
    return max(0.0, centre - half), min(1.0, centre + half)
