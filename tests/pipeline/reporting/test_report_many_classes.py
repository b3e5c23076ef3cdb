"""A report on a model of 1,000 classes: small files, and what is not shown is said and counted."""

import json
from pathlib import Path
from typing import Any

import benches
import pytest
import reports

CLASSES = 1_000
LABELS = [f"species {number:04} of the catalogue of all that swims, walks or flies" for number in range(CLASSES)]


def whole(document: dict[str, Any]) -> dict[str, Any]:
    """The same document as version 0.1.0 wrote it."""
    results = []
    for result in document["results"]:
        rows = [[0] * CLASSES for _ in range(CLASSES)]
        for truth, predicted, count in result["confusion_cells"]:
            rows[truth][predicted] = count
        results.append({key: result[key] for key in result if key != "confusion_cells"} | {"confusion": rows})
    return document | {"results": results}


@pytest.fixture(scope="module")
def bench() -> dict[str, Any]:
    """Four files on 2,000 images."""
    return benches.document(labels=LABELS, images=2_000, wrong=0.3, keras=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, bench: dict[str, Any]) -> Path:
    return reports.write(tmp_path_factory.mktemp("many"), bench)


def test_no_document_has_a_cell_for_each_pair_of_classes(bench: dict[str, Any], folder: Path) -> None:
    report = reports.read(folder)

    assert len(json.dumps(bench)) < 3e6 and (folder / "report.json").stat().st_size < 6e6
    for row in (*bench["results"], *(row["accuracy"] for row in report["groups"][0]["rows"])):
        assert row["confusion"] is None
        assert sum(count for _, _, count in row["confusion_cells"]) == 2_000


def test_the_page_and_the_text_are_short(folder: Path) -> None:
    assert (folder / "report.html").stat().st_size < 1e6
    assert len((folder / "report.md").read_text("utf-8").splitlines()) < 250


def test_what_is_left_out_is_said(bench: dict[str, Any], folder: Path) -> None:
    """Of the classes with images: without, there is no accuracy."""
    classes = sum(each["images"] > 0 for each in bench["results"][0]["per_class"].values())
    which = f"25 of {classes} classes with the lowest top-1 of any file or Keras"
    assert f"<summary>The {which}" in (folder / "report.md").read_text("utf-8")
    (section,) = (node for node in reports.page(folder).all() if node.attributes.get("id") == "classes")
    assert which in section.text
    assert "the most confused of 1,000 classes; report.json has all confusions" in section.text
    first = next(node for node in section.all("ol") if node.has("confused"))
    assert len([*first.all("li")]) == 20


def test_a_whole_matrix_gives_the_same_report(bench: dict[str, Any]) -> None:
    old = bench | {"results": bench["results"][:1]}
    today, before = (reports.made(each) for each in (old, whole(old)))

    assert today["groups"] == before["groups"]
