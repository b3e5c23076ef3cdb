"""When a model is called hardly better than a guess, and when images are called few."""

import numpy as np
import pytest

from tlpipe.evaluation.worth import difference_p, worth
from tlpipe_edge.contract.scores import ClassCount


def counts(*pairs: tuple[int, int]) -> dict[str, ClassCount]:
    """(images, correct) of each class."""
    return {f"class {number}": ClassCount(images, correct) for number, (images, correct) in enumerate(pairs)}


@pytest.mark.parametrize(
    ("classes", "hardly"),
    [
        (counts(*[(50, 47)] * 4), False),
        (counts(*[(4, 0)] * 50, *[(5, 1)] * 10), True),  # 60 classes at 4 %
        (counts((90, 90), (5, 0), (5, 0)), True),  # always the largest
        (counts((90, 89), (5, 4), (5, 4)), False),
        (counts((90, 86), (5, 3), (5, 4)), False),  # no better than the largest in top-1, but it finds the others
        (counts((10, 6), (10, 5)), True),  # the interval reaches down to chance
        (counts(*[(10, 2)] * 100), False),  # 20 % of 100 classes is twenty times chance
        (counts((20, 20)), False),  # one class alone shows nothing, neither way
    ],
)
def test_hardly_better_than_a_guess(classes: dict[str, ClassCount], hardly: bool) -> None:
    found = worth(classes)
    assert found is not None and found.hardly_better is hardly


@pytest.mark.parametrize(("classes", "images"), [(2, 20), (2, 30), (3, 12), (3, 20), (10, 20)])
def test_a_guess_on_few_images_is_seldom_called_better(classes: int, images: int) -> None:
    """At random, on few images: at most twice the 5 % of the bounds, which are coarse on so few."""
    random = np.random.default_rng(0)
    of_class = [len(range(label, images, classes)) for label in range(classes)]
    drawn = random.binomial(of_class, 1 / classes, size=(400, classes))
    found = [worth(counts(*zip(of_class, correct, strict=True))) for correct in drawn.tolist()]
    assert sum(each is not None and not each.hardly_better for each in found) <= 40


def test_the_largest_class_and_the_balanced_accuracy() -> None:
    found = worth(counts((30, 30), (10, 5), (0, 0)))
    assert found is not None
    assert (found.images, found.top1, found.largest, found.largest_share) == (40, 35 / 40, "class 0", 0.75)
    assert found.balanced == 0.75  # of the two classes that have images
    assert found.chance == pytest.approx(1 / 3)


@pytest.mark.parametrize(("images", "few"), [(20, True), (100, True), (400, False)])
def test_few_images(images: int, few: bool) -> None:
    found = worth(counts((images // 2, images // 2 - images // 20), (images // 2, images // 2 - images // 20)))
    assert found is not None and found.few is few and 2.5 * images < found.more < 5.5 * images


def test_without_images_nothing_is_said() -> None:
    assert worth(counts((0, 0), (0, 0))) is None


def test_two_splits_differ_beyond_chance_or_not() -> None:
    assert difference_p((95, 100), (94, 100)) is None
    p = difference_p((95, 100), (70, 100))
    assert p is not None and p < 1e-4


def test_so_many_more_images_halve_the_interval() -> None:
    found = worth(counts((3, 1), (3, 1)))
    assert found is not None and found.more == 29  # 60.3 points wide, and 30.1 with 35 images of the same top-1
