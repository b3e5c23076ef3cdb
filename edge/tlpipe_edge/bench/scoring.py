"""What a classifier says of photographs, against their labels and against the Keras original, image by image."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from tlpipe_edge.classify import batch
from tlpipe_edge.classify.accuracy import accuracy, agreement, confusion, predictions
from tlpipe_edge.classify.classifier import Classifier
from tlpipe_edge.console import progress
from tlpipe_edge.contract.benchmark import Comparison, Confusion, Disagreement
from tlpipe_edge.contract.bundle import Reference
from tlpipe_edge.errors import TlpipeError
from tlpipe_edge.images.labelled import Photograph


@dataclass(frozen=True)
class Scored:
    """(N, classes) float32 ``scores`` of N photographs, NaN for one that cannot be read; ``failed`` has their reasons,
    by their number."""

    scores: np.ndarray
    failed: dict[int, str]


def score(
    open_classifier: Callable[[], Classifier], photographs: Sequence[Photograph], *, classes: int, what: str
) -> Scored:
    """Classify all photographs on all cores; ``what`` names the work to the person who waits."""
    scores = np.full((len(photographs), classes), np.nan, np.float32)
    failed = {}
    files = [photograph.file for photograph in photographs]
    answers = batch.classify(open_classifier, files, workers=batch.workers(len(files), threads=1))
    for number, answer in enumerate(progress.track(answers, description=what, total=len(files))):
        if isinstance(answer, TlpipeError):
            failed[number] = answer.what
        else:
            scores[number] = answer.scores
    return Scored(scores, failed)


def keras_scores(photographs: Sequence[Photograph], reference: Reference | None, *, classes: int) -> np.ndarray:
    """(N, classes) float32: what the Keras original said of each photograph, found by its sha256; NaN where unknown."""
    rows = np.full((len(photographs), classes), np.nan, np.float32)
    if reference is not None:
        at = {sha256: row for row, sha256 in enumerate(reference.images)}
        for number, photograph in enumerate(photographs):
            if photograph.sha256 in at:
                rows[number] = reference.probabilities[at[photograph.sha256]]
    return rows


def rates(scores: np.ndarray, photographs: Sequence[Photograph], *, labels: Sequence[str]) -> Confusion:
    """Accuracy over the photographs whose label is known; every value is None where there are none."""
    labelled = [number for number, photograph in enumerate(photographs) if photograph.truth is not None]
    if not labelled:
        return Confusion()
    truth = np.array([photographs[number].truth for number in labelled], np.int64)
    result = accuracy(scores[labelled], truth, labels=labels)
    counts = confusion(predictions(scores[labelled]), truth, classes=len(labels))
    return Confusion(
        top1=result.top1,
        top1_interval=result.top1_interval,
        top5=result.top5,
        per_class=result.counts,
        confusion=tuple(map(tuple, counts.tolist())),
    )


def against_keras(
    scores: np.ndarray, keras: np.ndarray, photographs: Sequence[Photograph], *, labels: Sequence[str]
) -> Comparison:
    """Agreement over the photographs of which the Keras original's answer is known (None: of none), and the others."""
    ours, theirs = predictions(scores), predictions(keras)
    known = theirs >= 0
    share = agreement(scores[known], keras[known])

    def disagreement(number: int) -> Disagreement:
        photograph, answered = photographs[number], ours[number] >= 0
        return Disagreement(
            image=photograph.sha256,
            file=str(photograph.file),
            truth=None if photograph.truth is None else labels[photograph.truth],
            keras=labels[theirs[number]],
            answer=labels[ours[number]] if answered else None,
            keras_score=float(keras[number, theirs[number]]),
            score=float(scores[number, ours[number]]) if answered else None,
        )

    return Comparison(
        agreement=None if math.isnan(share) else share,
        compared=int(known.sum()),
        disagreements=tuple(map(disagreement, map(int, np.flatnonzero(known & (ours != theirs))))),
    )
