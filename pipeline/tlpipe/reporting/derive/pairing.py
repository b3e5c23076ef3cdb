"""Pairs the predictions of two models for the same images, by the sha256 of each file."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tlpipe.evaluation.per_image import SHA256_BYTES, Predictions
from tlpipe.evaluation.significance import LEVEL, difference_interval, mcnemar, only_one
from tlpipe.reporting.comparison import AccuracyChange, ClassChange, Outcome, Paired, Top1
from tlpipe_edge.classify.accuracy import wilson
from tlpipe_edge.images import classes


@dataclass(frozen=True)
class Shared:
    """The N images that both models were evaluated on, each once.

    ``images`` are (N, 32) uint8 hashes, ``true_labels`` (N,) those of NEW. ``old_places`` and ``new_places`` (N,) are
    their positions in the predictions of each model, and ``translation`` (classes + 1,) the label index of NEW for one
    of OLD, -1 at the end, for images that cannot be read. ``only_old`` and ``only_new`` count images of one model, and
    ``relabelled`` those whose true label is not the same in both.
    """

    images: np.ndarray
    true_labels: np.ndarray
    old_places: np.ndarray
    new_places: np.ndarray
    translation: np.ndarray
    only_old: int
    only_new: int
    relabelled: int


def shared(old: Predictions, new: Predictions, *, old_labels: Sequence[str], new_labels: Sequence[str]) -> Shared:
    """The images of both; the labels are the same ones, in any order and Unicode form."""
    old_hashes, new_hashes = (each.images.copy().view(f"S{SHA256_BYTES}").ravel() for each in (old, new))
    same, old_places, new_places = np.intersect1d(old_hashes, new_hashes, return_indices=True)
    known = same != b""  # the file could not be read, so that it has no hash
    old_places, new_places = old_places[known], new_places[known]
    index = classes.indices(new_labels)
    translation = np.array([*(index.get(label, index[classes.composed(label)]) for label in old_labels), -1])
    true_labels = new.true_labels[new_places]
    return Shared(
        images=new.images[new_places],
        true_labels=true_labels,
        old_places=old_places,
        new_places=new_places,
        translation=translation,
        only_old=_different(old_hashes) - len(old_places),
        only_new=_different(new_hashes) - len(new_places),
        relabelled=int((translation[old.true_labels[old_places]] != true_labels).sum()),
    )


def _different(hashes: np.ndarray) -> int:
    """The number of images, each once; those without a hash cannot be told apart, so that each counts."""
    return len(np.unique(hashes[hashes != b""])) + int((hashes == b"").sum())


def paired(
    images: Shared, old_predicted: np.ndarray, new_predicted: np.ndarray, *, labels: Sequence[str]
) -> tuple[AccuracyChange, tuple[ClassChange, ...]]:
    """The change from one file to another, given as the predictions (N,) of both sides for all of their images.

    ``labels`` are those of NEW.
    """
    old = images.translation[old_predicted[images.old_places]] == images.true_labels
    new = new_predicted[images.new_places] == images.true_labels
    lost, gained = only_one(old, new)
    count, p = len(old), mcnemar(lost, gained)
    outcome = Outcome.NO_DIFFERENCE if p >= LEVEL else Outcome.BETTER if gained > lost else Outcome.WORSE
    change = AccuracyChange(
        old=_top1(old),
        new=_top1(new),
        difference=(gained - lost) / count,
        outcome=outcome,
        paired=Paired(
            difference_interval(lost, gained, count),
            p,
            _names(images.images[new & ~old]),
            _names(images.images[old & ~new]),
        ),
        unpaired=None,
        unpaired_p=None,
    )
    return change, _by_class(images.true_labels, old, new, labels)


def _top1(correct: np.ndarray) -> Top1:
    return Top1(float(correct.mean()), wilson(int(correct.sum()), len(correct)), len(correct))


def _names(hashes: np.ndarray) -> tuple[str, ...]:
    return tuple(bytes(each).hex() for each in hashes)


def _by_class(
    true_labels: np.ndarray, old: np.ndarray, new: np.ndarray, labels: Sequence[str]
) -> tuple[ClassChange, ...]:
    def counted(images: np.ndarray) -> list[int]:
        return np.bincount(true_labels[images], minlength=len(labels)).tolist()

    right_before, right_now, gained, lost = map(counted, (old, new, new & ~old, old & ~new))
    changes = []
    for index, count in enumerate(counted(np.ones_like(old))):
        if count:
            rates = right_before[index] / count, right_now[index] / count
            moved = gained[index], lost[index]
            changes.append(ClassChange(labels[index], *rates, count, count, (moved[0] - moved[1]) / count, *moved))
    # By the number of images, which is what moves top-1.
    return tuple(sorted(changes, key=_moved, reverse=True))


def _moved(change: ClassChange) -> tuple[int, int]:
    gained, lost = change.gained or 0, change.lost or 0
    return abs(gained - lost), gained + lost
