"""Classes with few images, and classes that are never recognized: they are named, and can be given more weight."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tlpipe.data.dataset import Dataset, Example
from tlpipe.features.extractor import Features
from tlpipe.features.rows import Unordered
from tlpipe.network.backend import keras
from tlpipe.runs.config import ClassWeights, Finetuning
from tlpipe.storage.checkpoint import Checkpoint
from tlpipe.training import classes, fit
from tlpipe.training.batches import Examples

BALANCED = "Add images, or train with --class-weights balanced"


def dataset(*train: int, validation: int = 2) -> Dataset:
    """So many training images of each class, and of each ``validation`` more."""
    labels = tuple(f"class {number}" for number in range(len(train)))

    def examples(counts: list[int]) -> tuple[Example, ...]:
        return tuple(Example(Path("no file"), at, "") for at, count in enumerate(counts) for _ in range(count))

    splits = {"train": examples(list(train)), "validation": examples([validation] * len(train))}
    return Dataset(Path("photos"), labels, splits)


@pytest.mark.parametrize(
    ("train", "class_weights", "warning"),
    [
        ((50, 40, 30), ClassWeights.NONE, ""),
        ((4, 4), ClassWeights.NONE, "'class 0' (4), 'class 1' (4). Add images"),
        ((50, 9, 30), ClassWeights.NONE, "'class 1' (9). Add images"),
        ((500, 49, 50), ClassWeights.NONE, f"'class 1' (49); the largest class is 'class 0' (500). {BALANCED}"),
        (
            (9, 200, 3),
            ClassWeights.NONE,
            f"'class 2' (3), 'class 0' (9); the largest class is 'class 1' (200). {BALANCED}",
        ),
        ((500, 49, 50), ClassWeights.BALANCED, ""),
        ((9, 200, 3), ClassWeights.BALANCED, "'class 2' (3), 'class 0' (9). Add images"),
    ],
)
def test_classes_with_few_training_images_are_named(
    capsys: pytest.CaptureFixture[str], train: tuple[int, ...], class_weights: ClassWeights, warning: str
) -> None:
    """Another weight of the classes is advised if it would help, and is not set already."""
    classes.warn_of_small_classes(dataset(*train), class_weights)
    said = " ".join(capsys.readouterr().err.split())
    assert said == (warning and f"warning: few training images: {warning}")


def test_of_many_classes_only_some_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    classes.warn_of_small_classes(dataset(*[3] * 20, 400), ClassWeights.NONE)
    said = " ".join(capsys.readouterr().err.split())
    assert "'class 7' (3) and 12 more" in said and "'class 8'" not in said


def test_the_warnings_of_a_thousand_classes_are_a_line_each(capsys: pytest.CaptureFixture[str]) -> None:
    many = dataset(*[3] * 1_000, validation=1)
    classes.warn_of_small_classes(many, ClassWeights.NONE)
    classes.warn_of_lost_classes(many, np.eye(1_000, dtype=np.float32)[::-1])
    said = " ".join(capsys.readouterr().err.split())
    assert said.count("warning: ") == 2 and said.count("and 992 more") == 2 and len(said) < 600


def test_a_class_that_is_never_recognized_on_validation_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    scores = np.tile(np.array([0.5, 0.3, 0.2], np.float32), (6, 1))
    scores[2] = [0.1, 0.8, 0.1]
    classes.warn_of_lost_classes(dataset(20, 20, 20), scores)
    said = " ".join(capsys.readouterr().err.split())
    assert "no validation image is recognized: 'class 2' (of 2)" in said and "'class 1'" not in said


@dataclasses.dataclass(frozen=True)
class Rows(Unordered):
    """One number for each example: no difference between the classes."""

    def take(self, indices: np.ndarray) -> np.ndarray:
        return np.ones((len(indices), 1), np.float32)


@pytest.mark.parametrize("weights", ClassWeights)
def test_balanced_weights_make_the_prior_of_all_classes_equal(tmp_path: Path, weights: ClassWeights) -> None:
    """A model that cannot tell them apart learns how often each comes: 30 and 10, or, balanced, alike."""
    examples = tuple(Example(Path("no file"), int(number >= 30), f"{number}") for number in range(40))
    given = Examples([Features(Rows(), examples)], 2, weights)
    row: Any = keras.Input((1,))
    model = keras.Model(row, keras.layers.Dense(2, activation="softmax")(row))
    stage = Finetuning(epochs=60, learning_rate=0.1, weight_decay=0.0, label_smoothing=0.0, cosine=False, average=False)
    learned: list[np.ndarray] = []  # at the end: fit keeps the weights of the best epoch
    end = keras.callbacks.LambdaCallback(on_train_end=lambda _: learned.append(model(np.ones((1, 1), np.float32))))
    course = fit.Course(stage, name="test", batch_size=40, seed=0)
    saved = Checkpoint(tmp_path / "run", "0" * 16)
    fit.fit(model, given, dataclasses.replace(given), course, tensorboard=tmp_path, saved=saved, callbacks=[end])

    expected = [0.5, 0.5] if weights is ClassWeights.BALANCED else [0.75, 0.25]
    np.testing.assert_allclose(learned[0][0], expected, atol=0.03)
