"""What the verdict says in situations that people have: one sentence each, the answer first."""

from collections.abc import Mapping
from pathlib import Path

import benches
import pytest
import reports
from reports import made

BOARD = "Raspberry Pi 5 Model B Rev 1.0"
ALIKE = dict.fromkeys(benches.SIZES, 0)
SIXTY = tuple(f"species {number}" for number in range(60))
THREE = ("background", "fox", "badger")

SITUATIONS: Mapping[str, tuple[benches.Document, str, str]] = {
    "all is fine": (
        benches.document(others=ALIKE, seed=3),
        f"Use int8 on {BOARD}: ",
        "at most 0.9 percentage points worse than Keras (95 %); it names the same class as Keras on 100.0 %.",
    ),
    "60 classes at 5 %": (
        benches.document(labels=SIXTY, images=250, wrong=0.97, others=ALIKE),
        "Do not use this model yet: it is hardly better than chance: always naming one class is right on ",
        " on 250 images, and its balanced accuracy is ",
    ),
    "20 images": (
        benches.document(labels=THREE, images=20, wrong=0.0, others=ALIKE),
        f"Use int8 on {BOARD}: ",
        "on 20 images, at most 12.0 percentage points worse than Keras (95 %)",
    ),
    "one class dominates": (
        benches.document(labels=THREE, shares=(0.92, 0.04, 0.04), wrong=0.9, others=ALIKE),
        "Do not use this model yet: it is hardly better than always naming the largest class, background, which is "
        "right on ",
        ", and its balanced accuracy is 3",
    ),
    "one class dominates, and the others are recognized": (
        benches.document(labels=THREE, shares=(0.92, 0.04, 0.04), wrong=0.05, others=ALIKE),
        f"Use int8 on {BOARD}: ",
        "at most 0.9 percentage points worse than Keras (95 %)",
    ),
    "labels at random": (
        benches.document(wrong=1.0, others=ALIKE),
        "Do not use this model yet: it is hardly better than chance: always naming one class is right on ",
        " on 307 images, and its balanced accuracy is ",
    ),
    "int8 is broken": (
        benches.document(others=ALIKE | {"int8": 250}),
        f"Use float16 on {BOARD}: ",
        "at most 0.9 percentage points worse than Keras (95 %); it names the same class as Keras on 100.0 %.",
    ),
    "int8 answers otherwise as often right as Keras": (
        benches.document(wrong=0.2, others=ALIKE | {"int8": 20}),
        f"Use float16 on {BOARD}: ",
        "; it names the same class as Keras on 100.0 %.",
    ),
    "no file is near, and int8 is far": (
        benches.document(wrong=0.2, recipes=("float16", "int8"), others={"float16": 12, "int8": 180}),
        f"Use float16 on {BOARD}: ",
        "; it names the same class as Keras on 96.1 %.",
    ),
    "all images are of one class": (
        benches.document(shares=(1.0, *[0.0] * 9), others=ALIKE),
        f"Use int8 on {BOARD}: ",
        "it names the same class as Keras on 100.0 %.",
    ),
    "int8 is the only file, and worse": (
        benches.document(recipes=("int8",), others={"int8": 60}),
        f"Use int8 on {BOARD}: ",
        " percentage points below Keras, more than chance, at most ",
    ),
}


@pytest.mark.parametrize("situation", SITUATIONS)
def test_the_sentence(situation: str) -> None:
    document, begins, holds = SITUATIONS[situation]
    said = made(document)["verdict"]["text"]
    assert said.startswith(begins) and holds in said, said


@pytest.mark.parametrize("situation", SITUATIONS)
def test_all_formats_say_the_same(tmp_path: Path, situation: str) -> None:
    out = reports.write(tmp_path, SITUATIONS[situation][0])
    said = reports.read(out)["verdict"]["text"]
    assert said in reports.page(out).text
    assert said.replace("≥", "") in (out / "report.md").read_text("utf-8").replace("\\", "")


def test_few_images_are_called_few_with_the_number_that_would_help() -> None:
    warnings = made(benches.document(labels=THREE, images=20, wrong=0.0, others=ALIKE))["warnings"]
    first = "".join(part["text"] for part in warnings[0])
    assert first == "Only 20 images: the 95 % interval of top-1 is 16.1 percentage points wide; 24 more would halve it"
    assert not any("Only " in part["text"] for warning in made(benches.document())["warnings"] for part in warning)


def disturbed(document: benches.Document, *recipes: str) -> benches.Document:
    """The latencies of these files are invalid."""
    for result in document["results"]:
        if result["recipe"] in recipes:
            result["valid"] = False
            result["reasons"] = [{"kind": "disturbed", "detail": "other processes used 0.5 of 4 cores", "scope": ""}]
            result["invalid_reasons"] = ["disturbed: other processes used 0.5 of 4 cores"]
    return document


def test_the_recommended_file_alone_is_disturbed() -> None:
    document = benches.document(wrong=0.2, others={"int8": 0, "float32": 60, "float16": 60, "dynamic": 60})
    said = made(disturbed(document, "int8"))["verdict"]["text"]
    assert said.startswith(f"Use int8 on {BOARD}: ") and said.endswith("; its latency is not valid.")


def test_several_devices_with_several_formats_have_the_worst_accuracy_in_the_headline() -> None:
    pi = benches.document(board="Pi A", others=ALIKE, recipes=("int8",))
    other = benches.document(board="Pi B", others=ALIKE, recipes=("float16",))
    said = made(pi, other)["verdict"]["text"]
    assert said.startswith("Use int8 on Pi A (") and " and float16 on Pi B (" in said
    assert (
        "; at worst, for " in said and " % interval " in said and " percentage points worse than Keras (95 %)" in said
    )


def test_a_model_that_guesses_is_recommended_nowhere_on_the_page(tmp_path: Path) -> None:
    out = reports.write(tmp_path, benches.document(wrong=1.0, others=ALIKE))
    text = reports.page(out).text
    assert "Do not use this model yet" in text
    marks = (out / "report.html").read_text("utf-8")
    assert '<span class="badge">recommended</span>' not in marks and ">recommended</text>" not in marks


def test_a_class_without_images_and_nothing_else_is_no_accuracy() -> None:
    document = benches.document(recipes=("int8",), keras=False)
    for result in document["results"]:
        result["per_class"] = {label: {"images": 0, "correct": 0} for label in benches.LABELS}
        result["confusion"] = result["disagreements"] = None
    assert made(document)["groups"][0]["rows"][0]["accuracy"]["balanced"] is None


def test_the_bound_is_over_the_labelled_images() -> None:
    document = benches.document(others=ALIKE, recipes=("int8",))
    before = made(document)["groups"][0]["rows"][0]["accuracy"]["drop_bound"]
    document["images"]["labelled"] = 100
    assert made(document)["groups"][0]["rows"][0]["accuracy"]["drop_bound"] > 2 * before
