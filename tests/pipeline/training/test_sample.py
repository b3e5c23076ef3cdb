"""The images of predictions.png: mistakes and classes in a spread, whatever the order of the labels."""

from pathlib import Path

import drawing
import numpy as np
import pytest

from tlpipe.data.dataset import Dataset, Example
from tlpipe.training import artifacts
from tlpipe_edge.contract.files import sha256_of
from tlpipe_edge.contract.manifest import ImageSpec


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return next((drawing.photographs(tmp_path_factory.mktemp("one"), ["a"], count=1) / "a").iterdir())


def shown(image: Path, classes: int, each: int, wrong: list[int]) -> tuple[list[int], list[int]]:
    """The classes of the mistakes and of the correct predictions that are shown, of ``each`` images of every class.

    The images at the places ``wrong`` are predicted as the next class.
    """
    digest = sha256_of(image)
    examples = tuple(Example(image, label, digest) for label in range(classes) for _ in range(each))
    dataset = Dataset(image.parent, tuple(map(str, range(classes))), {"train": (), "test": examples})
    labels = np.array([example.label for example in examples])
    answers = labels.copy()
    answers[wrong] = (labels[wrong] + 1) % classes
    sample = artifacts.sample(dataset, ImageSpec(32), np.eye(classes, dtype=np.float32)[answers])
    assert sample.pixels.shape == (len(sample.places), 32, 32, 3) and len({*sample.places}) == len(sample.places)
    mistakes = [int(labels[place]) for place in sample.places if place in wrong]
    assert {*sample.places[: len(mistakes)]} <= {*wrong}  # they come first
    return mistakes, [int(labels[place]) for place in sample.places if place not in wrong]


def test_half_of_them_are_mistakes_and_all_of_other_classes(image: Path) -> None:
    mistakes, right = shown(image, classes=60, each=5, wrong=[*range(0, 300, 5)])

    assert len(mistakes) == len(right) == 10
    assert len({*mistakes, *right}) == 20
    assert min(mistakes) < 6 and max(mistakes) >= 54 and min(right) < 6 and max(right) >= 54


@pytest.mark.parametrize(
    ("classes", "each", "wrong", "counts"),
    [
        (60, 5, [7], (1, 19)),  # few mistakes
        (3, 10, [*range(15)], (10, 10)),
        (3, 10, [*range(28)], (18, 2)),  # hardly any is correct
        (3, 2, [0], (1, 5)),  # few images
        (10, 10, [], (0, 20)),
    ],
)
def test_there_are_twenty_if_there_are_as_many_images(
    image: Path, classes: int, each: int, wrong: list[int], counts: tuple[int, int]
) -> None:
    mistakes, right = shown(image, classes, each, wrong)

    assert (len(mistakes), len(right)) == counts
    numbers = np.bincount(mistakes + right, minlength=classes)
    assert numbers.max() <= max(2, 20 // classes + 4)


@pytest.mark.parametrize(
    ("right", "wrong", "heading"),
    [
        ((6, 6), (54, 14), "6 of the 6 correct and 14 of the 54 wrong"),
        ((12, 12), (0, 0), "12 of the 12 correct"),
        ((0, 0), (1200, 20), "20 of the 1,200 wrong"),
    ],
)
def test_the_heading_is_silent_about_what_does_not_occur(
    right: tuple[int, int], wrong: tuple[int, int], heading: str
) -> None:
    of_all, shown = (np.repeat([True, False], counts) for counts in zip(right, wrong, strict=True))
    assert artifacts.shown_of_all(of_all, shown) == heading
