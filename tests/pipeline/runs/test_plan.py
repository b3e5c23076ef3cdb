"""The plan of a run: its steps, and that the estimate follows what makes a run long."""

import dataclasses

import pytest

from tlpipe.runs.config import Training
from tlpipe.runs.plan import about, steps

IMAGES = {"train": 2761, "validation": 341, "test": 307}
FORMATS = ("float32", "float16", "dynamic", "int8")
LARGE = Training(image_size=224)


def total(training: Training = LARGE, *, images: dict[str, int] = IMAGES, timed: int = 1, cores: int = 2) -> float:
    return sum(step.seconds for step in steps(training, images, formats=FORMATS, timed=timed, cores=cores))


def test_every_step_has_its_title() -> None:
    titles = [step.title for step in steps(LARGE, IMAGES, formats=FORMATS, timed=1, cores=2)]
    assert titles == [
        "Train a new head on the frozen backbone",
        "Fine-tune the top 50 layers",
        "Export float32, float16, dynamic, int8",
        "Evaluate on 307 images",
        "Benchmark the recommended file and Keras",
        "Write the report",
    ]
    scratch = steps(dataclasses.replace(LARGE, weights="none"), IMAGES, formats=FORMATS, timed=0, cores=2)
    assert scratch[0].title == "Train the whole network from random weights"
    assert not any("Benchmark" in step.title for step in scratch)


def test_the_measured_run_is_estimated_within_a_half() -> None:
    """benchmarks/README.md: 9.0, 12.6 and 19.2 minutes from JPEG to evaluated bundle, on two cores."""
    assert 6.3 * 60 < total(timed=0) < 18.9 * 60


def test_the_estimate_follows_images_size_width_cores_and_timed_files() -> None:
    assert total(images=IMAGES | {"train": 27_610}) > 5 * total()
    assert total(Training(image_size=96)) < 0.5 * total()
    assert total(dataclasses.replace(LARGE, alpha=0.35)) < 0.7 * total()
    assert total(cores=8) < 0.5 * total()
    assert total(timed=4) - total(timed=1) == pytest.approx(3 * 17 + 9)


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.3, "10 s"), (44, "40 s"), (94, "90 s"), (100, "2 min"), (541, "9 min")]
)
def test_a_duration_is_said_as_coarsely_as_it_is_known(seconds: float, words: str) -> None:
    assert about(seconds) == words
