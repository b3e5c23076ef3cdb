"""The confusion matrix in a document: whole for few classes, and for many only its cells that are not 0.

A whole matrix of 1,000 classes is a million numbers, nearly all 0; the cells are no more than there are images.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated

from annotated_types import Len

from tlpipe_edge.contract.codec import Misfit
from tlpipe_edge.contract.ranges import Count
from tlpipe_edge.contract.scores import Rates

MAX_WHOLE = 100
"""Maximum number of classes whose matrix is written whole, as version 0.1.0 wrote all."""

Matrix = tuple[tuple[Count, ...], ...]
"""Rows are true labels, columns predictions, in the order of the labels."""
Cells = tuple[Annotated[tuple[Count, ...], Len(3, 3)], ...]
"""[true label, predicted label, images] of each cell that is not 0, row by row; labels are indices."""


def stored(cells: Iterable[Sequence[int]], classes: int) -> tuple[Matrix | None, Cells | None]:
    """The matrix for a document, of the cells that are not 0: whole, or if there are many classes its cells."""
    if classes > MAX_WHOLE:
        return None, tuple(map(tuple, cells))
    matrix = [[0] * classes for _ in range(classes)]
    for truth, predicted, images in cells:
        matrix[truth][predicted] = images
    return tuple(map(tuple, matrix)), None


def cells_of(matrix: Matrix | None, cells: Cells | None) -> Cells | None:
    """The cells that are not 0, whichever form a document has; None if it has neither."""
    if cells is not None or matrix is None:
        return cells
    return tuple(
        (truth, predicted, images) for truth, row in enumerate(matrix) for predicted, images in enumerate(row) if images
    )


@dataclass(frozen=True, kw_only=True)
class Confusion(Rates):
    """Rates, and the ``confusion`` matrix: rows are true labels, columns predictions, in the order of the labels.

    If there are more than 100 classes, ``confusion`` is None, and ``confusion_cells`` has the cells that are not 0, row
    by row, as [true label, predicted label, images], the labels by their indices. Both leave out images that could not
    be read.
    """

    confusion: Matrix | None = None
    confusion_cells: Cells | None = None

    @property
    def cells(self) -> Cells | None:
        """The cells that are not 0, in either form; None if they are not known."""
        return cells_of(self.confusion, self.confusion_cells)

    def check_classes(self, labels: Sequence[str]) -> None:
        super().check_classes(labels)
        if self.confusion is not None and [len(row) for row in self.confusion] != [len(labels)] * len(labels):
            raise Misfit("not one row and one column per label", ".confusion")
        before = (-1, -1)
        for number, (truth, predicted, images) in enumerate(self.confusion_cells or ()):
            path = f".confusion_cells[{number}]"
            if max(truth, predicted) >= len(labels):
                raise Misfit("a class that the model does not have", path)
            if not images:
                raise Misfit("an empty cell", path)
            if (truth, predicted) <= before:
                raise Misfit("not in the order of rows and columns", path)
            before = truth, predicted
