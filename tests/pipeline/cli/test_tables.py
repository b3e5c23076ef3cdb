"""The tables and lines that commands print about accuracy."""

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import benches
import pytest
from rich.cells import cell_len

from tlpipe.cli import tables
from tlpipe.conversion.recipes import RECIPES
from tlpipe_edge.bench import table
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


def test_the_readme_shows_a_table_as_it_is_printed() -> None:
    """All of it but the numbers, which are those of a demo."""
    readme = (Path(__file__).parents[3] / "README.md").read_text("utf-8")
    shown = readme.split("```")[1].strip().splitlines()
    printed = tables.render(scored((35, 30), (37, 37)), benches.bench(benches.document())).splitlines()

    assert printed[0] == "72 images (test); 51.4 % are of the largest class, 'class 1'"
    assert shown[0] == "359 images (test, held out from train); 10.3 % are of the largest class, '3'"
    assert [line.split()[0] for line in shown[2:7]] == ["Keras", *RECIPES]
    assert shown[1].split() == printed[1].split() and shown[7:] == [each for each in printed if each.startswith("p50")]


def test_keras_has_a_size_although_it_is_not_timed() -> None:
    _, header, keras, _ = tables.render(scored((20, 19)), None, keras_bytes=9_920_000).splitlines()

    assert header.split()[:2] == ["size", "top-1"] and keras.split()[:3] == ["Keras", "9.92", "MB"]


def test_the_table_of_accuracies_fits_into_80_columns() -> None:
    perfect = scored((6, 6), (6, 6))
    file = replace(perfect.artifacts[0], recipe="float32", drop_bound=1.0)
    header, *rows = tables.accuracy_table(replace(perfect, artifacts=(file,))).splitlines()[1:4]

    assert rows[-1].endswith("100.0 points") and max(map(len, (header, *rows))) <= 80


def test_the_table_says_what_the_accuracy_is_worth() -> None:
    few = tables.accuracy_table(scored((10, 9), (10, 9)))
    assert few.splitlines()[0] == "20 images (test); 50.0 % are of the largest class, 'class 0'"
    assert "  2.7 points" in few and "Only 20 images: " in few and "Do not use" not in few

    useless = tables.accuracy_table(scored((900, 895), (100, 5)))
    assert "Do not use this model yet: it is hardly better than always naming the largest class, class 0, " in useless
    assert "Only " not in useless and useless.splitlines()[-1].endswith(" Add images, or train longer.")

    elsewhere = tables.accuracy_table(scored((900, 895), (100, 5)), adopted=True)
    assert elsewhere.splitlines()[-1].endswith(" Check the order of its labels, and its normalization.")


PI = "ssh://pi@raspberrypi-in-the-garden.example.org:2222"
DOCUMENTS = {
    "one file": [benches.document(recipes=("int8",), keras=False)],
    "all files": [benches.document(threads=(1, 4))],
    "disturbed": [benches.invalid(benches.document(threads=(1, 4)), "disturbed: by other processes", rows=range(8))],
    "devices": [benches.document(keras=False, address=PI), benches.document(board="A board with a long name " * 4)],
}


def figures(shown: str) -> Counter[str]:
    """The figures with a decimal point and how often each is there: a folded table repeats its key columns."""
    return Counter(word for word in shown.split() if "." in word and word.strip("x?%").replace(".", "").isdigit())


@pytest.mark.parametrize("documents", DOCUMENTS.values(), ids=DOCUMENTS)
@pytest.mark.parametrize("width", [60, 80, 100, 140])
def test_a_benchmark_fits_the_terminal_and_is_complete(documents: list[benches.Document], width: int) -> None:
    measured = [benches.bench(document) for document in documents]
    whole, folded = table.render(*measured), table.render(*measured, width=width)

    assert max(map(cell_len, folded.splitlines())) <= width
    assert figures(folded) == figures(whole)


@pytest.mark.parametrize("width", [60, 80])
def test_an_evaluation_fits_the_terminal_and_is_complete(width: int) -> None:
    evaluation = scored((10, 9), (10, 9))
    whole, folded = tables.accuracy_table(evaluation), tables.accuracy_table(evaluation, width=width)

    assert max(map(cell_len, folded.splitlines())) <= width
    assert figures(folded) == figures(whole)
