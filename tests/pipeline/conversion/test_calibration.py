"""The images of calibration: of which classes they are, if there are few and if there are many."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tlpipe.conversion import calibration
from tlpipe.conversion.calibration import CORRECTED_IMAGES, MAX_IMAGES, Representative
from tlpipe.data.dataset import Dataset, Example
from tlpipe_edge.contract.files import sha256_of
from tlpipe_edge.contract.manifest import ImageSpec


@pytest.fixture(scope="module")
def photograph(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("photographs") / "one.png"
    Image.fromarray(np.full((8, 8, 3), 99, np.uint8)).save(file)
    return file


def chosen(photograph: Path, *, classes: int, each: int, seed: int = 0) -> Representative:
    sha256 = sha256_of(photograph)
    examples = tuple(Example(photograph, label, sha256) for label in range(classes) for _ in range(each))
    labels = tuple(f"class {label:04}" for label in range(classes))
    return calibration.choose(Dataset(Path("photos"), labels, {"train": examples}), ImageSpec(8), seed=seed)


@pytest.mark.parametrize("each", [1, 4])
@pytest.mark.parametrize("images", [MAX_IMAGES, CORRECTED_IMAGES])
def test_of_many_classes_no_part_of_the_alphabet_is_left_out(photograph: Path, images: int, each: int) -> None:
    """The first ones, too, which are what the remedies take."""
    found = chosen(photograph, classes=1_000, each=each).first(images)
    labels = [example.label for example in found.examples]

    assert len(set(labels)) == len(labels) == images
    tenths = Counter(label // 100 for label in labels)
    assert set(tenths) == set(range(10)) and max(tenths.values()) < images / 4
    assert found.method == "classes in turn, in a random order, train split only"


def test_the_seed_says_which_classes(photograph: Path) -> None:
    first, again, other = (chosen(photograph, classes=300, each=2, seed=seed).examples for seed in (5, 5, 6))
    assert first == again != other


def test_with_fewer_classes_than_images_each_has_its_share(photograph: Path) -> None:
    labels = Counter(example.label for example in chosen(photograph, classes=150, each=3).examples)
    assert set(labels) == set(range(150)) and set(labels.values()) == {1, 2}


def test_few_classes_are_in_their_order(photograph: Path) -> None:
    found = chosen(photograph, classes=CORRECTED_IMAGES, each=4)
    labels = [example.label for example in found.examples]
    assert labels == [*range(64), *range(64), *range(64), *range(8)]
    assert found.method == "classes in turn, train split only"
