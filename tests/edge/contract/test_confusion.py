"""The confusion matrix in a document: whole for few classes, its cells for many, and both are read."""

from collections.abc import Sequence

import pytest

from tlpipe_edge.contract import codec
from tlpipe_edge.contract.codec import Misfit
from tlpipe_edge.contract.confusion import MAX_WHOLE, Confusion, stored

CELLS = ((0, 0, 4), (0, 2, 1), (2, 1, 7))


def names(classes: int) -> tuple[str, ...]:
    return tuple(f"class {number}" for number in range(classes))


def test_the_matrix_of_few_classes_is_whole() -> None:
    assert stored(CELLS, 3) == (((4, 0, 1), (0, 0, 0), (0, 7, 0)), None)
    whole, cells = stored((), MAX_WHOLE)
    assert whole == ((0,) * MAX_WHOLE,) * MAX_WHOLE and cells is None


@pytest.mark.parametrize("classes", [MAX_WHOLE + 1, 1_000, 1_000_000])
def test_that_of_many_classes_is_as_long_as_its_images(classes: int) -> None:
    assert stored(map(list, CELLS), classes) == (None, CELLS)


@pytest.mark.parametrize("classes", [3, MAX_WHOLE, MAX_WHOLE + 1])
def test_both_forms_are_read(classes: int) -> None:
    whole, sparse = stored(CELLS, classes)
    document = codec.as_json(Confusion(confusion=whole, confusion_cells=sparse))
    found = codec.read(Confusion, document, "test")

    found.check_classes(names(classes))
    assert found.cells == CELLS


def test_a_whole_matrix_of_many_classes_is_read() -> None:
    """Version 0.1.0 wrote these."""
    classes = MAX_WHOLE + 50
    rows = [[0] * classes for _ in range(classes)]
    rows[3][149], rows[149][149] = 2, 5
    found = codec.read(Confusion, {"confusion": rows}, "test")

    found.check_classes(names(classes))
    assert found.cells == ((3, 149, 2), (149, 149, 5))


def test_a_matrix_that_was_not_measured_is_no_empty_one() -> None:
    assert Confusion().cells is None
    assert Confusion(confusion_cells=()).cells == ()


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        (((0, 3, 1),), "confusion_cells[0]: a class that the model does not have"),
        (((0, 0, 1), (3, 0, 1)), "confusion_cells[1]: a class that the model does not have"),
        (((0, 0, 0),), "confusion_cells[0]: an empty cell"),
        (((0, 0, 1), (0, 0, 1)), "confusion_cells[1]: not in the order of rows and columns"),
        (((1, 0, 1), (0, 2, 1)), "confusion_cells[1]: not in the order of rows and columns"),
    ],
)
def test_cells_that_make_no_sense_are_refused(cells: Sequence[tuple[int, ...]], said: str) -> None:
    with pytest.raises(Misfit) as refused:
        Confusion(confusion_cells=tuple(cells)).check_classes(names(3))
    assert str(refused.value) == said
