"""The tables and lines that commands print about accuracy."""

from pathlib import Path
from typing import Any

import benches
import pytest

from tlpipe.cli import tables
from tlpipe.conversion.recipes import RECIPES
from tlpipe_edge.classify.accuracy import wilson
from tlpipe_edge.contract.evaluation import ArtifactScores, Evaluation, Gate, Scores
from tlpipe_edge.contract.scores import ClassCount


def scored(*classes: tuple[int, int], gate: Gate | None = None) -> Evaluation:
    """An evaluation of one file that is as good as Keras; (images, correct) of each class."""
    images, correct = sum(each for each, _ in classes), sum(each for _, each in classes)
    rates: dict[str, Any] = {
        "top1": correct / images,
        "top1_interval": wilson(correct, images),
        "top5": 1.0,
        "per_class": {f"class {number}": ClassCount.of(*each) for number, each in enumerate(classes)},
        "balanced_accuracy": 0.5,
    }
    file = ArtifactScores(recipe="int8", file="a.tflite", sha256="", bytes=1, agreement=1.0, drop_bound=0.0263, **rates)
    return Evaluation(images, "test", Scores(**rates), (file,), (), gate)


@pytest.mark.parametrize(
    ("images", "max_drop", "min_agreement", "said"),
    [
        (
            341,
            0.01,
            0.98,
            "top-1 at most 1 point below Keras and agreement at least 98 %. One image of 341 is 0.3 points.",
        ),
        (20, 0.01, None, "One image of 20 is 5.0 points: more images are needed for such a limit."),
        (20, None, 0.9, "agreement at least 90 %. One image of 20 is 5.0 points."),
    ],
)
def test_the_limits_say_what_the_images_can_tell_apart(
    images: int, max_drop: float | None, min_agreement: float | None, said: str
) -> None:
    gate = Gate(max_drop, passed=True, failures=(), min_agreement=min_agreement)
    assert tables.limits(scored((images, images), (0, 0), gate=gate)).endswith(said)


def test_the_readme_shows_a_table_as_it_is_printed() -> None:
    """All of it but the numbers, which are those of a demo."""
    readme = (Path(__file__).parents[3] / "README.md").read_text("utf-8")
    shown = readme.split("```")[1].strip().splitlines()
    printed = tables.render(scored((35, 30), (37, 37)), benches.bench(benches.document())).splitlines()

    assert printed[0] == "72 images (test); 51.4 % are of the largest class, 'class 1'"
    assert shown[0] == "359 images (test, held out from train); 10.3 % are of the largest class, '3'"
    assert [line.split()[0] for line in shown[2:7]] == ["Keras", *RECIPES]
    assert shown[1].split() == printed[1].split() and shown[7:] == [each for each in printed if each.startswith("p50")]


def test_the_table_says_what_the_accuracy_is_worth() -> None:
    few = tables.accuracy_table(scored((10, 9), (10, 9)))
    assert few.splitlines()[0] == "20 images (test); 50.0 % are of the largest class, 'class 0'"
    assert "at most 2.7 points worse" in few and "Only 20 images: " in few and "Do not use" not in few

    useless = tables.accuracy_table(scored((900, 895), (100, 5)))
    assert "Do not use this model yet: it is hardly better than always naming the largest class, class 0, " in useless
    assert "Only " not in useless
