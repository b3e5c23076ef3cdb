"""The model card: its numbers, what it tells others to do, and names that try to be more than names."""

import dataclasses
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import benches
import numpy as np
import pytest
from PIL import Image, ImageOps

from tlpipe.cli import tables
from tlpipe.conversion.recipes import RECIPES
from tlpipe.evaluation import model_card
from tlpipe_edge.classify.classifier import Classifier
from tlpipe_edge.console.text import at_most_worse, percent
from tlpipe_edge.contract import checksums
from tlpipe_edge.contract.bundle import Bundle
from tlpipe_edge.contract.evaluation import Evaluation
from tlpipe_edge.contract.evaluation import evaluation as read_document
from tlpipe_edge.contract.manifest import Crop
from tlpipe_edge.errors import BadData
from tlpipe_edge.images.decode import load

HOSTILE = ("<img src=x onerror=alert(1)>", "a|b", "[x](javascript:alert(1))", "\x1b[31mred", "\u202egpj", "`c` *d* #e")


@pytest.fixture
def hostile(bundle: Bundle, evaluation: dict[str, Any]) -> tuple[Bundle, Evaluation]:
    """The bundle and its evaluation, as if its classes had these names."""
    labels = HOSTILE

    def renamed(rates: dict[str, Any]) -> dict[str, Any]:
        (first, *_) = rates["per_class"].values()
        return rates | {"per_class": dict.fromkeys(labels, first)}

    origin = dataclasses.replace(
        bundle.manifest.provenance,
        versions={"tlpipe": HOSTILE[0]},
        **dict.fromkeys(("run", "stage", "backbone", "weights", "created"), HOSTILE[0]),  # type: ignore[arg-type]
    )
    artifacts = tuple(dataclasses.replace(each, recipe=HOSTILE[0]) for each in bundle.manifest.artifacts)
    manifest = dataclasses.replace(
        bundle.manifest, labels=labels, name=HOSTILE[0], provenance=origin, artifacts=artifacts
    )
    document = evaluation | {
        "split": HOSTILE[0],
        "keras": renamed(evaluation["keras"]),
        "artifacts": [renamed(artifact) | {"recipe": HOSTILE[0]} for artifact in evaluation["artifacts"]],
        "failed_images": [{"file": f"{label}.jpg", "reason": label} for label in labels],
    }
    return dataclasses.replace(bundle, manifest=manifest), read(document, labels, "the test's")


def test_of_many_classes_the_worst_are_listed(bundle: Bundle, evaluation: dict[str, Any]) -> None:
    labels = tuple(f"species {number}" for number in range(1_000))

    def renamed(rates: dict[str, Any]) -> dict[str, Any]:
        counts = {label: {"images": 9, "correct": 3 + (at != 600)} for at, label in enumerate(labels)}
        return rates | {"per_class": counts}

    document = evaluation | {
        "keras": renamed(evaluation["keras"]),
        "artifacts": [renamed(artifact) for artifact in evaluation["artifacts"]],
    }
    manifest = dataclasses.replace(bundle.manifest, labels=labels)
    card = model_card.render(dataclasses.replace(bundle, manifest=manifest), read(document, labels, "the test's"))

    assert ", species 99 and 900 more; labels.txt has all." in card
    which = "The 25 of 1,000 classes with the lowest top-1 of any file or Keras; evaluation.json has all."
    assert f"\n{which}\n\n| class |" in card
    rows = [line for line in card.splitlines() if line.startswith("| species")]
    assert len(rows) == 25 and rows[0].startswith("| species 600 | 9 |")


def read(document: dict[str, Any], labels: Sequence[str], where: str) -> Evaluation:
    """The evaluation of a document that a test has edited."""
    return read_document({key: document[key] for key in document if key != checksums.KEY}, labels, where)


def rendered(bundle: Bundle, document: dict[str, Any]) -> str:
    """The card of a bundle with this document."""
    return model_card.render(bundle, read(document, bundle.manifest.labels, "the test's"))


def test_the_numbers_are_those_of_the_evaluation(bundle: Bundle, evaluation: dict[str, Any]) -> None:
    card = (bundle.path / "MODEL_CARD.md").read_text()
    assert card.endswith("\n") and not card.endswith("\n\n")
    assert card == rendered(bundle, evaluation)

    def row(name: str) -> list[str]:
        (line,) = re.findall(rf"^\| {name} \|.*%?\|$", card.split("| class |")[0], re.MULTILINE)
        return [cell.strip() for cell in line.strip("|").split("|")]

    assert row("Keras")[2] == percent(evaluation["keras"]["top1"])
    for artifact in evaluation["artifacts"]:
        _, size, top1, interval, balanced, top5, agreement, bound = row(artifact["recipe"])
        assert size == f"{artifact['bytes'] / 1e6:.2f} MB"
        assert (top1, top5, agreement) == tuple(percent(artifact[key]) for key in ("top1", "top5", "agreement"))
        assert interval == " – ".join(percent(end) for end in artifact["top1_interval"])
        assert balanced == percent(artifact["balanced_accuracy"])
        assert bound == at_most_worse(artifact["drop_bound"])
    assert f"Measured on {evaluation['images']} images (test, held out from train)" in card


def test_each_class_has_its_row(bundle: Bundle, evaluation: dict[str, Any]) -> None:
    card = rendered(bundle, evaluation)

    for label, of_keras in evaluation["keras"]["per_class"].items():
        expected = f"| {label} | {of_keras['images']} | {percent(of_keras['top1'])} |"
        assert expected in card.replace("\\", "")


def test_rates_have_one_unit(bundle: Bundle, evaluation: dict[str, Any]) -> None:
    """Per cent with one digit, as everywhere."""
    cells = [
        cell for line in re.findall(r"^\|.*$", rendered(bundle, evaluation), re.MULTILINE) for cell in line.split("|")
    ]
    assert sum(" % " in cell for cell in cells) > 30 and not [cell for cell in cells if re.match(r" [01]\.\d+ $", cell)]


def test_a_bound_is_rounded_up_and_a_gain_has_words(bundle: Bundle, evaluation: dict[str, Any]) -> None:
    worse, better, *others = evaluation["artifacts"]
    artifacts = [worse | {"drop_bound": 0.0081}, better | {"drop_bound": -0.0179, "agreement": None}, *others]
    card = rendered(bundle, evaluation | {"artifacts": artifacts})

    assert " | at most 0.9 points worse |" in card and " |  | at least 1.7 points better |" in card


def test_what_the_accuracy_is_worth(bundle: Bundle, evaluation: dict[str, Any]) -> None:
    def scored(images: int, correct: int) -> str:
        counts = {label: {"images": images, "correct": correct} for label in evaluation["keras"]["per_class"]}
        return rendered(bundle, evaluation | {"keras": evaluation["keras"] | {"per_class": counts}})

    few = "**Few images**: the 95 % interval of top-1 is "
    useless = "**Do not use this model yet**: it is hardly better than a guess. Top-1 of Keras is 35.0 %; that of "
    assert few in scored(20, 7) and useless in scored(20, 7)
    assert few not in scored(1000, 350) and useless in scored(1000, 350)
    assert few not in scored(1000, 950) and useless not in scored(1000, 950)


def test_a_table_is_one_block_of_markdown(bundle: Bundle, evaluation: dict[str, Any]) -> None:
    """A blank line inside would end the table."""
    tables = re.findall(r"(?:^\|.*\n)+", rendered(bundle, evaluation), re.MULTILINE)

    assert [len(table.splitlines()) for table in tables] == [2 + 1 + 4, 2 + 3]
    for table in tables:
        assert len({line.count("|") for line in table.splitlines()}) == 1


@pytest.mark.parametrize("crop", Crop)
def test_the_three_lines_for_others_run_and_give_the_same_answer(
    bundle: Bundle, evaluation: dict[str, Any], crop: Crop, tmp_path: Path
) -> None:
    spec = dataclasses.replace(bundle.manifest.image, crop=crop)
    other = dataclasses.replace(bundle, manifest=dataclasses.replace(bundle.manifest, image=spec))
    (code,) = re.findall(
        r"```python\n(.*?)```",
        rendered(other, evaluation),
        re.DOTALL,
    )
    classifier = Classifier.open(bundle.path, recipe="int8")
    classifier.image = spec

    differences = []
    photos = [(tmp_path / f"{file.stem}.png", file, (160, 90)) for file in bundle.golden().files]
    photos += [(tmp_path / f"{file.stem}.jpg", file, (640, 360)) for file in bundle.golden().files]
    for photo, file, size in photos:  # a JPEG of this size is decoded at a quarter, by both
        Image.open(file).convert("RGB").resize(size).save(photo, quality=95)
        names: dict[str, Any] = {"Image": Image, "ImageOps": ImageOps, "np": np, "photo": photo}
        exec(code, names)
        assert names["tensor"].shape == (1, 64, 64, 3) and names["tensor"].dtype == np.uint8
        assert classifier.scores(names["tensor"][0]).argmax() == classifier(photo).scores.argmax()
        differences.append(np.abs(names["tensor"][0].astype(int) - load(photo, spec)).mean())
    # Edges that round to another pixel differ; another crop is 15 levels or more away.
    assert np.mean(differences) < 6


def test_names_stay_names_in_markdown(hostile: tuple[Bundle, Evaluation]) -> None:
    card = model_card.render(*hostile)

    assert "<img" not in card and "&lt;img" in card
    assert "[x](" not in card and "\\[x\\](" in card
    assert "a|b" not in card and "a\\|b" in card
    assert "`c`" not in card and "*d*" not in card
    assert "\x1b" not in card and "\u202e" not in card


def test_damaged_metrics_are_no_traceback(bundle: Bundle, evaluation: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "training").mkdir()
    (tmp_path / "training/1-frozen-metrics.json").write_text("{")

    with pytest.raises(BadData, match=r"1-frozen-metrics\.json: not valid JSON"):
        rendered(Bundle(tmp_path, dataclasses.replace(bundle.manifest, files=())), evaluation)


def test_names_stay_names_in_the_terminal(hostile: tuple[Bundle, Evaluation]) -> None:
    text = tables.accuracy_table(hostile[1])

    assert "\x1b" not in text and "\u202e" not in text
    assert "\\x1b[31mred.jpg" in text and "\\u202egpj" in text
    below = ("worse by at most", "Only ")
    assert [line for line in text.splitlines() if line.startswith(below)] == text.splitlines()[3 + len(RECIPES) :][:2]
    assert len(text.splitlines()) == 1 + 1 + 1 + len(RECIPES) + len(below) + len(HOSTILE)


def test_the_summary_names_the_latency_beside_the_accuracy(
    bundle: Bundle, evaluation: dict[str, Any], benchmark: dict[str, Any]
) -> None:
    scored = read(evaluation, bundle.manifest.labels, "the test's")
    rows = tables.render(scored, benches.bench(benchmark)).splitlines()[2 : 3 + len(RECIPES)]

    assert [row.split()[0] for row in rows] == ["Keras", *RECIPES]
    times = [benchmark["keras"]["compiled_ms"], *(each["invoke_ms"] for each in benchmark["results"])]
    for row, figures in zip(rows, times, strict=True):
        assert f"{figures['p50']:.2f} ms (invalid)" in row


def test_the_summary_says_under_what_conditions_and_what_is_invalid(
    bundle: Bundle, evaluation: dict[str, Any], benchmark: dict[str, Any]
) -> None:
    scored = read(evaluation, bundle.manifest.labels, "the test's")
    conditions, invalid = tables.render(scored, benches.bench(benchmark)).splitlines()[7:]

    assert "one thread" in conditions
    assert invalid.startswith("(invalid): for orientation only, ")
    for kind in {reason["kind"] for reason in benchmark["reasons"]}:
        assert invalid.count(kind) >= 1
