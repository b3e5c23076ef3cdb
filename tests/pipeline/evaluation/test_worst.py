"""Which classes a table lists, and what it says of the others."""

from tlpipe.evaluation import worst
from tlpipe_edge.contract.scores import ClassCount


def labels(classes: int) -> list[str]:
    return [f"class {number}" for number in range(classes)]


def test_all_of_few_classes_are_listed_in_their_order() -> None:
    counts = {label: ClassCount(4, number % 5) for number, label in enumerate(labels(25))}
    found = worst.listed([*counts, "without images"], [counts | {"without images": ClassCount(0, 0)}])

    assert list(found.labels) == labels(25)
    assert found.which("report.json") == ""


def test_of_more_the_worst_come_first_and_none_is_left_out() -> None:
    counts = {label: ClassCount(4, number % 5) for number, label in enumerate(labels(100))}
    found = worst.listed(counts, [counts])

    assert sorted(found.labels) == sorted(counts)
    assert [counts[label].correct for label in found.labels] == sorted(each.correct for each in counts.values())
    assert found.which("report.json") == "100 classes, those with the lowest top-1 of any file or Keras first"


def test_of_many_the_worst_of_any_model_come_first() -> None:
    keras = {label: ClassCount(10, 9) for label in labels(1_000)}
    int8 = keras | {"class 700": ClassCount(10, 2), "class 3": ClassCount(10, 8)}
    keras |= {"class 500": ClassCount(10, 1), "class 900": ClassCount(20, 16)}
    int8 |= {"class 900": ClassCount(20, 18)}
    found = worst.listed(labels(1_000), [keras, int8])

    assert found.labels[:5] == ("class 500", "class 700", "class 900", "class 3", "class 0")
    assert len(found.labels) == worst.WORST
    which = "the 25 of 1,000 classes with the lowest top-1 of any file or Keras"
    assert found.which("report.json") == f"{which}; report.json has all"


def test_it_says_how_many_are_as_bad() -> None:
    counts = {label: ClassCount(1, int(number >= 300)) for number, label in enumerate(labels(1_000))}
    found = worst.listed(labels(1_000), [counts])

    assert "(300 have 0 %)" in found.which("evaluation.json")
