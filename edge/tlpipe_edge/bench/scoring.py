"""Predictions of a classifier, compared with the true labels and with the Keras model, image by image."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from tlpipe_edge.classify import batch
from tlpipe_edge.classify.accuracy import accuracy, agreement, confusion, predictions
from tlpipe_edge.classify.classifier import Classifier
from tlpipe_edge.console import progress
from tlpipe_edge.contract.benchmark import Comparison, Disagreement
from tlpipe_edge.contract.bundle import Reference
from tlpipe_edge.contract.confusion import Confusion, stored
from tlpipe_edge.errors import TlpipeError
from tlpipe_edge.images.labelled import LabelledImage


@dataclass(frozen=True)
class Scored:
    """(N, classes) float32 ``scores`` of N images, NaN for an image that cannot be read; ``failed`` maps the index of
    such an image to the reason."""

    scores: np.ndarray
    failed: dict[int, str]


def score(
    open_classifier: Callable[[], Classifier], images: Sequence[LabelledImage], *, classes: int, description: str
) -> Scored:
    """Classify all images on all cores; ``description`` is shown with the progress."""
    scores = np.full((len(images), classes), np.nan, np.float32)
    failed = {}
    files = [image.file for image in images]
    results = batch.classify(open_classifier, files, workers=batch.workers(len(files), threads=1))
    for number, result in enumerate(progress.track(results, description=description, total=len(files))):
        if isinstance(result, TlpipeError):
            failed[number] = result.reason
        else:
            scores[number] = result.scores
    return Scored(scores, failed)


def keras_scores(images: Sequence[LabelledImage], reference: Reference | None, *, classes: int) -> np.ndarray:
    """(N, classes) float32: the scores of the Keras model for each image, found by sha256; NaN if unknown."""
    rows = np.full((len(images), classes), np.nan, np.float32)
    if reference is not None:
        at = {sha256: row for row, sha256 in enumerate(reference.images)}
        for number, image in enumerate(images):
            if image.sha256 in at:
                rows[number] = reference.probabilities[at[image.sha256]]
    return rows


def rates(scores: np.ndarray, images: Sequence[LabelledImage], *, labels: Sequence[str]) -> Confusion:
    """Accuracy over the images with a known label; every value is None if there are none."""
    labelled = [number for number, image in enumerate(images) if image.label is not None]
    if not labelled:
        return Confusion()
    true_labels = np.array([images[number].label for number in labelled], np.int64)
    result = accuracy(scores[labelled], true_labels, labels=labels)
    cells = confusion(predictions(scores[labelled]), true_labels, classes=len(labels))
    matrix, sparse = stored(cells.tolist(), len(labels))
    return Confusion(
        top1=result.top1,
        top1_interval=result.top1_interval,
        top5=result.top5,
        per_class=result.counts,
        confusion=matrix,
        confusion_cells=sparse,
    )


def against_keras(
    scores: np.ndarray, keras: np.ndarray, images: Sequence[LabelledImage], *, labels: Sequence[str]
) -> Comparison:
    """Agreement with the Keras model over the images with a known Keras prediction (None if there are none), and
    the images on which both disagree."""
    ours, theirs = predictions(scores), predictions(keras)
    known = theirs >= 0
    share = agreement(scores[known], keras[known])

    def disagreement(number: int) -> Disagreement:
        image, readable = images[number], ours[number] >= 0
        return Disagreement(
            image=image.sha256,
            file=str(image.file),
            truth=None if image.label is None else labels[image.label],
            keras=labels[theirs[number]],
            answer=labels[ours[number]] if readable else None,
            keras_score=float(keras[number, theirs[number]]),
            score=float(scores[number, ours[number]]) if readable else None,
        )

    return Comparison(
        agreement=None if math.isnan(share) else share,
        compared=int(known.sum()),
        disagreements=tuple(map(disagreement, map(int, np.flatnonzero(known & (ours != theirs))))),
    )
