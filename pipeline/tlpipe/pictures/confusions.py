"""The part of a confusion matrix that is worth a picture: with many classes, the most confused of them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MAX_CLASSES = 25
"""Maximum number of classes of which the matrix is shown in full; with more, its cells are too small to read."""
MOST_CONFUSED = 15
"""Number of classes that are shown of more."""


@dataclass(frozen=True)
class Confusions:
    """``classes``: the indices (K,) of the shown classes, ascending. ``counts``: their rows and columns, (K, K) int64.
    ``others``: for each of them, its images that were predicted as a class that is not shown, (K,) int64."""

    classes: NDArray[np.int64]
    counts: NDArray[np.int64]
    others: NDArray[np.int64]


def shown(counts: NDArray[np.integer]) -> Confusions:
    """Of a matrix (C, C) int, rows true labels, columns predictions: all classes, or with many the most confused.

    These are the classes of the most frequent confusions, as many as there is room for; in a tie, and if there are
    fewer confusions, the lowest index first.
    """
    matrix = np.asarray(counts, np.int64)
    taken: dict[int, None] = dict.fromkeys(range(len(matrix)) if len(matrix) <= MAX_CLASSES else ())
    wrong = matrix - np.diag(np.diag(matrix))
    pairs = np.argwhere(wrong)
    order = np.argsort(-wrong[wrong > 0], kind="stable")
    for pair in [*pairs[order].tolist(), *([index] for index in range(len(matrix)))]:
        if len(taken.keys() | pair) <= max(len(taken), MOST_CONFUSED):
            taken |= dict.fromkeys(pair)
    classes = np.array(sorted(taken), np.int64)
    rows = matrix[classes]
    part = rows[:, classes]
    return Confusions(classes, part, rows.sum(axis=1) - part.sum(axis=1))
