"""Names of classes: the same in any Unicode form, and the difference to one that is nearly the same."""

import pytest

from tlpipe_edge.images import classes

COMPOSED, DECOMPOSED = "caf\xe9", "cafe\u0301"


@pytest.mark.parametrize("labels", [("a", COMPOSED), ("a", DECOMPOSED)])
def test_a_label_is_found_in_any_unicode_form(labels: tuple[str, ...]) -> None:
    index = classes.indices(labels)

    assert [classes.find(index, name) for name in (COMPOSED, DECOMPOSED, "a", "b")] == [1, 1, 0, None]


def test_a_model_that_has_both_forms_keeps_them_apart() -> None:
    index = classes.indices((COMPOSED, DECOMPOSED))

    assert (classes.find(index, COMPOSED), classes.find(index, DECOMPOSED)) == (0, 1)


def test_a_name_of_several_outputs_is_told_as_such() -> None:
    labels = ("crane (0)", "hat", "crane (2)", "bag (7)")

    assert classes.numbered("crane", labels) == ["crane (0)", "crane (2)"]
    assert not classes.numbered("hat", labels) and not classes.numbered("bag", labels)
    said = "'crane' (3 images; the label of 2 outputs: did you mean 'crane (0)' or 'crane (2)'?)"
    assert classes.foreign({"crane": 3}, labels) == said


@pytest.mark.parametrize(
    ("name", "difference"),
    [
        ("Hat", "case"),
        ("hat ", "blanks"),
        ("h at", "blanks"),
        ("HAT ", "case and blanks"),
        ("hat", ""),
        ("cat", ""),
    ],
)
def test_the_difference_to_a_label_is_named(name: str, difference: str) -> None:
    said = classes.near(name, ("coat", "hat"))

    assert said == (f"did you mean 'hat'? They differ in {difference}" if difference else "")


def test_classes_that_are_alike_are_named() -> None:
    assert classes.alike(("hat", "Hat", "coat", "hat ", COMPOSED)) == [
        "classes 'hat' and 'Hat' differ in case only. Are they one class?",
        "classes 'hat' and 'hat ' differ in blanks only. Are they one class?",
    ]


def test_of_many_classes_that_are_alike_some_are_named() -> None:
    names = [f"class {number}" for number in range(500)]
    said = classes.alike((*names, *map(str.title, names)))

    assert len(said) == classes.MAX_NAMES + 1
    assert said[-1] == "495 more classes differ from another one in case or blanks only"


def test_names_that_are_no_class_are_counted() -> None:
    said = classes.left_out({"Hat": 3, "dog": 1}, ("hat",))
    assert said.endswith(": 'Hat' (3 images; did you mean 'hat'? They differ in case), 'dog' (1 image)")

    many = {f"class {number}": 1 for number in range(9)}
    assert classes.foreign(many, ("hat",)).endswith("'class 4' (1 image) and 4 more")
    error = classes.none_known(many, tuple(map(str, range(9))), "", where="photos")
    assert error.advice == "Its classes are 0, 1, 2, 3, 4 and 4 more."
