"""The part of a confusion matrix that is worth a picture: with many classes, the most confused of them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MAX_CLASSES = 25
"""Maximum number of classes of which the matrix is shown in full; with more, its cells are too small to read."""
MOST_CONFUSED = 15
"""Number of classes that are shown of more."""

Cells = NDArray[np.int64]
"""(K, 3): true label, predicted label and number of images of each cell of the matrix that is not 0, row by row."""


@dataclass(frozen=True)
class Confusions:
    """``classes``: the indices (K,) of the shown classes, ascending. ``counts``: their rows and columns, (K, K) int64.
    ``others``: for each of them, its images that were predicted as a class that is not shown, (K,) int64."""

    classes: NDArray[np.int64]
    counts: NDArray[np.int64]
    others: NDArray[np.int64]


def shown(cells: Cells, classes: int) -> Confusions:
    """Of the cells of the matrix of so many classes: all classes, or with many the most confused.

    These are the classes of the most frequent confusions, as many as there is room for; if there are fewer confusions,
    the lowest index first.
    """
    truth, predicted, images = cells.T
    taken: dict[int, None] = dict.fromkeys(range(classes) if classes <= MAX_CLASSES else ())
    for pair in [*pairs(cells)[:, :2].tolist(), *([index] for index in range(classes))]:
        if len(taken) >= MOST_CONFUSED:
            break
        if len(taken.keys() | pair) <= MOST_CONFUSED:
            taken |= dict.fromkeys(pair)
    chosen = np.array(sorted(taken), np.int64)
    place = np.full(classes, len(chosen))  # where a class is among the chosen ones; all others are one more column
    place[chosen] = np.arange(len(chosen))
    counts = np.zeros((len(chosen) + 1, len(chosen) + 1), np.int64)
    np.add.at(counts, (place[truth], place[predicted]), images)
    return Confusions(chosen, counts[:-1, :-1], counts[:-1, -1])


def pairs(cells: Cells) -> Cells:
    """The cells of confusions, the most frequent first; in a tie, that of classes with more confusions, and then the
    lowest index. (Of many classes, most have few images, so most confusions occur once.)"""
    wrong = cells[cells[:, 0] != cells[:, 1]]
    errors = np.zeros(wrong[:, :2].max(initial=0) + 1, np.int64)
    np.add.at(errors, wrong[:, :2], wrong[:, 2:])
    return wrong[np.lexsort((-errors[wrong[:, :2]].sum(axis=1), -wrong[:, 2]))]
