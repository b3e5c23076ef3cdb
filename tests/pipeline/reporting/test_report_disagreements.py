"""The images on which a file and Keras disagree: those of the benchmarks, and of files that were not timed."""

import json
from pathlib import Path
from typing import Any

import benches
import compared
import pytest
import reports
from compared import LABELS, images

from tlpipe_edge.contract.bundle import Bundle


@pytest.fixture
def evaluated(tmp_path: Path) -> Path:
    """An evaluated bundle: int8 differs from Keras on images 0 and 1, float16 on 1 and 2."""
    return compared.bundle(tmp_path / "evaluated", images(30), {"int8": [0, 1], "float16": [1, 2]})


def cards(out: Path) -> dict[str, list[tuple[Any, ...]]]:
    """The name of each image, and who says what of it, with which score."""
    names = {benches.sha256(f"image {number}"): f"image {number}" for number in range(30)}
    return {
        names[card["image"]]: [(*each["recipes"], each["answer"], each["score"]) for each in card["answers"]]
        for card in reports.read(out)["disagreements"]
    }


def only_int8_is_timed(evaluated: Path, *, disagreements: list[dict[str, Any]] | None) -> benches.Document:
    document = compared.bench(evaluated)
    (result,) = (each for each in document["results"] if each["recipe"] == "int8")
    return document | {"results": [result | {"disagreements": disagreements}]}


def test_those_of_files_that_were_not_timed_are_on_the_page(tmp_path: Path, evaluated: Path) -> None:
    out = reports.write(tmp_path, only_int8_is_timed(evaluated, disagreements=None), bundle=evaluated)

    assert cards(out) == {
        "image 0": [("int8", "dog", None)],
        "image 1": [("int8", "float16", "fox", None)],
        "image 2": [("float16", "cat", None)],
    }
    (section,) = (node for node in reports.page(out).all() if node.attributes.get("id") == "disagreements")
    shown = [" ".join(node.text.split()) for node in section.all("li") if node.has("card")]
    assert "Percentages" not in section.text
    assert len(shown) == 3 and any(
        "true: “fox” ✓correct: Keras: “fox” ✗wrong: float16: “cat”" in each for each in shown
    )
    assert "| fox | fox | float16 | cat |" in (out / "report.md").read_text("utf-8")


def test_one_that_a_benchmark_found_is_there_once_and_with_its_score(tmp_path: Path, evaluated: Path) -> None:
    found = {"image": benches.sha256("image 1"), "file": "photos/b.jpg", "truth": "dog", "keras": "dog"}
    document = only_int8_is_timed(
        evaluated, disagreements=[found | {"answer": "fox", "keras_score": 0.9, "score": 0.7}]
    )
    out = reports.write(tmp_path, document, bundle=evaluated)

    assert "Percentages are the scores of the predictions." in reports.page(out).text
    assert cards(out)["image 1"] == [("int8", "fox", 0.7), ("float16", "fox", None)]
    assert next(each["file"] for each in reports.read(out)["disagreements"]) == "b.jpg"


def test_an_evaluation_by_another_keras_label_adds_nothing_to_a_card(tmp_path: Path, evaluated: Path) -> None:
    """Another version of TensorFlow on the workstation that benchmarked may break a tie otherwise."""
    found = {"image": benches.sha256("image 1"), "file": "b.jpg", "truth": "dog", "keras": "fox", "answer": "cat"}
    document = only_int8_is_timed(evaluated, disagreements=[found | {"keras_score": 0.5, "score": 0.7}])
    out = reports.write(tmp_path, document, bundle=evaluated)

    assert cards(out)["image 1"] == [("int8", "cat", 0.7)]


def test_an_image_has_the_name_that_the_run_has_for_it(tmp_path: Path, evaluated: Path) -> None:
    sha256 = {number: benches.sha256(f"image {number}") for number in range(3)}
    run = (evaluated / Bundle.open(evaluated).manifest.provenance.keras_file).resolve().parent
    run.mkdir(parents=True)
    rows = [{"file": "/photos/cat.jpg", "label": "cat", "sha256": sha256[0]}]
    document = {"source": "photos", "labels": LABELS, "cut_from_train": [], "unreadable": []}
    (run / "splits.json").write_text(json.dumps(document | {"splits": {"train": [], "validation": [], "test": rows}}))
    out = reports.write(tmp_path, bundle=evaluated)

    named = {each["image"]: each["file"] for each in reports.read(out)["disagreements"]}
    assert named == {sha256[0]: "cat.jpg"} | {sha256[each]: f"sha256 {sha256[each][:12]}" for each in (1, 2)}


def test_without_predictions_of_this_evaluation_there_are_none(tmp_path: Path, evaluated: Path) -> None:
    """A bundle of an earlier version."""
    (evaluated / "predictions.npz").unlink()

    assert cards(reports.write(tmp_path, bundle=evaluated)) == {}
