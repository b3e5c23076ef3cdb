"""The images that the recommended file classifies wrongly, the most confident mistakes first."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath

import numpy as np

from tlpipe.evaluation.per_image import Predictions
from tlpipe.reporting.derive.image_files import ImageFiles
from tlpipe.reporting.document import ConfusedPair, Group, Mistake, Mistakes, Row, Verdict
from tlpipe.reporting.inputs import Sources

MAX_CARDS = 24
"""Maximum number of images on the page."""
MAX_LISTED = 1000
"""Maximum number of images in report.json."""
EXPORTED = "test images of the export"
"""The name of the images whose scores the export wrote."""
MAX_PAIRS = 100
"""Maximum number of confused pairs of classes in report.json."""


@dataclass(frozen=True)
class _Scored:
    """What a model predicts for N images, and with which score; as in ``Predictions``."""

    model: str
    images: np.ndarray
    true_labels: np.ndarray
    predicted: np.ndarray
    scores: np.ndarray
    name: str


def mistakes(groups: Sequence[Group], verdict: Verdict, sources: Sources, files: ImageFiles) -> Mistakes | None:
    """Those of the first recommended file; without one, or without its scores, those of Keras. None without a bundle
    that has scores."""
    if sources.bundle is None:
        return None
    row = _recommended(groups, verdict)
    scored = _of_file(row, sources) or _of_keras(sources)
    if scored is None:
        return None
    labels = sources.bundle.manifest.labels
    unreadable = scored.predicted < 0
    wrong = np.flatnonzero((scored.predicted != scored.true_labels) & ~unreadable)
    wrong = wrong[np.argsort(-scored.scores[wrong], kind="stable")]
    listed = tuple(
        Mistake(
            image=(image := bytes(scored.images[place]).hex()),
            file=PurePath(files.named(image)).name,
            true_label=labels[scored.true_labels[place]],
            prediction=labels[scored.predicted[place]],
            score=float(scored.scores[place]),
        )
        for place in wrong[:MAX_LISTED]
    )
    shown = {each.image: files.named(each.image) for each in listed[:MAX_CARDS]}
    pictures = files.thumbnails(shown)
    return Mistakes(
        model=scored.model,
        instead_of=row.recipe if row is not None and scored.model != row.recipe else None,
        image_set=scored.name,
        images=len(scored.predicted),
        count=len(wrong),
        unreadable=int(unreadable.sum()),
        pairs=_pairs(scored, wrong, labels),
        listed=tuple(replace(each, thumbnail=pictures.get(each.image)) for each in listed),
    )


def _recommended(groups: Sequence[Group], verdict: Verdict) -> Row | None:
    choice = next((each for each in verdict.choices if not each.hardly_better), None)
    return None if choice is None else groups[choice.group].rows[choice.row]


def _of_file(row: Row | None, sources: Sources) -> _Scored | None:
    found, evaluation = sources.predictions, sources.evaluation
    if row is None or found is None or evaluation is None or row.sha256 not in found.scores:
        return None
    predicted, scores = found.artifacts[row.sha256], found.scores[row.sha256]
    return _Scored(row.recipe, found.images, found.true_labels, predicted, scores, evaluation.split)


def _of_keras(sources: Sources) -> _Scored | None:
    """By the evaluation; of an earlier version, by the scores of the export."""
    found, evaluation = sources.predictions, sources.evaluation
    if found is not None and evaluation is not None and found.keras_scores is not None:
        return _keras(found, found.keras_scores, evaluation.split)
    found = sources.exported
    if found is None or found.keras_scores is None:
        return None
    return _keras(found, found.keras_scores, EXPORTED)


def _keras(found: Predictions, scores: np.ndarray, name: str) -> _Scored:
    return _Scored("Keras", found.images, found.true_labels, found.keras, scores, name)


def _pairs(scored: _Scored, wrong: np.ndarray, labels: tuple[str, ...]) -> tuple[ConfusedPair, ...]:
    """The most frequent first; in a tie, by the labels."""
    codes = scored.true_labels[wrong].astype(np.int64) * len(labels) + scored.predicted[wrong]
    found, counts = np.unique(codes, return_counts=True)
    order = np.argsort(-counts, kind="stable")[:MAX_PAIRS]
    return tuple(
        ConfusedPair(labels[found[place] // len(labels)], labels[found[place] % len(labels)], int(counts[place]))
        for place in order
    )
