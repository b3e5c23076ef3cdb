"""The images that the recommended file classifies wrongly: the most confident first, by its own scores."""

import json
from pathlib import Path
from typing import Any

import compared
import numpy as np
import pytest
import reports
from compared import LABELS, images
from test_thumbnails import photograph

from tlpipe.reporting.derive import mistakes
from tlpipe_edge.contract.bundle import Bundle
from tlpipe_edge.errors import BadData


def evaluated(folder: Path, wrong: list[int], *, count: int = 30, scores: bool = True) -> Path:
    """A bundle whose only file, int8, is wrong on these images of ``count``."""
    return compared.bundle(folder / "evaluated", images(count), {"int8": wrong}, scores=scores)


def found(out: Path) -> Any:
    return reports.read(out)["mistakes"]


def section(out: Path) -> reports.Node:
    """That of the page."""
    (node,) = (each for each in reports.page(out).all() if each.attributes.get("id") == "mistakes")
    return node


def words(node: reports.Node) -> str:
    return " ".join(node.text.split())


def reference(bundle: Path, predicted: dict[int, tuple[int, float]], *, count: int = 30) -> None:
    """Scores of the export: Keras is right on all images with a score of 1, but for these (image: class, score)."""
    file, names = bundle / "reference.npz", [compared.benches.sha256(name) for name, _ in images(count)]
    truth = np.arange(count) % len(LABELS)
    probabilities = np.eye(len(LABELS), dtype=np.float32)[truth]
    for place, (label, score) in predicted.items():
        probabilities[place] = (1 - score) / 2
        probabilities[place, label] = score
    np.savez(file, images=np.array(names), truth=truth, probabilities=probabilities)
    manifest = json.loads((bundle / "manifest.json").read_text())
    manifest.pop("files", None)  # of a version that wrote no checksums of them
    manifest.pop("sha256", None)
    (bundle / "manifest.json").write_text(json.dumps(manifest))


def test_the_most_confident_mistakes_of_the_recommended_file_come_first(tmp_path: Path) -> None:
    """Of Keras there are none."""
    out = reports.write(tmp_path, bundle=evaluated(tmp_path, [3, 12, 7]))

    document = found(out)
    assert (document["model"], document["instead_of"], document["images"], document["count"]) == ("int8", None, 30, 3)
    stated = [(each["true_label"], each["prediction"], round(each["score"], 4)) for each in document["listed"]]
    assert stated == [("cat", "dog", 0.7), ("dog", "fox", 0.6167), ("cat", "dog", 0.55)]
    assert document["pairs"] == [
        {"true_label": "cat", "prediction": "dog", "count": 2},
        {"true_label": "dog", "prediction": "fox", "count": 1},
    ]


def test_what_is_confused_is_said_on_the_page_and_in_the_text(tmp_path: Path) -> None:
    out = reports.write(tmp_path, bundle=evaluated(tmp_path, [3, 12, 7]))

    said = words(section(out))
    assert "int8 is wrong on 3 of 30 images (test)." in said
    assert "Confused most often cat → dog: 2 images" in said and "fox: 1" not in said
    cards = [words(node) for node in section(out).all("li") if node.has("card")]
    assert len(cards) == 3
    assert cards[0].startswith("image not found true: cat → predicted: dog 70 %; one of 2 such mistakes sha256 ")
    assert "such" not in cards[1]
    text = (out / "report.md").read_text("utf-8")
    assert "- cat → dog: 2 images\n" in text and "| dog | fox | 62 % |" in text
    assert 'href="#mistakes"' in (out / "report.html").read_text("utf-8")


def test_what_is_confused_is_not_said_twice(tmp_path: Path) -> None:
    """A benchmark with accuracy has the confusions, too."""
    bundle = evaluated(tmp_path, [3, 12])
    document = compared.bench(bundle)
    scored = compared.benches.document(labels=LABELS, recipes=("int8",), keras=False)
    keys = ("top1", "top1_interval", "top5", "per_class", "confusion")
    (result,) = document["results"]
    document |= {"results": [result | {key: scored["results"][0][key] for key in keys}], "images": scored["images"]}
    out = reports.write(tmp_path, document, bundle=bundle)

    assert "Most frequent confusions:" in reports.page(out).text and "Confused most often" not in section(out).text
    assert "one of 2 such mistakes" in words(section(out))
    assert "Confused most often" in (out / "report.md").read_text("utf-8")


def test_a_mistake_has_its_image_if_that_is_still_there(tmp_path: Path) -> None:
    """The page says what it contains, also if Keras makes the same mistakes."""
    sha256 = photograph(tmp_path / "photos/fox.jpg")
    bundle = compared.bundle(tmp_path / "evaluated", images(30), {"int8": [3, 29]})
    with np.load(bundle / "predictions.npz") as stored:
        arrays = dict(stored)
    arrays["images"][29] = np.frombuffer(bytes.fromhex(sha256), np.uint8)
    arrays["keras"] = arrays["predicted"][0]
    np.savez(bundle / "predictions.npz", **arrays)
    run = (bundle / Bundle.open(bundle).manifest.provenance.keras_file).resolve().parent
    run.mkdir(parents=True)
    rows = [{"file": str(tmp_path / "photos/fox.jpg"), "label": "fox", "sha256": sha256}]
    document = {"source": "photos", "labels": LABELS, "cut_from_train": [], "unreadable": []}
    (run / "splits.json").write_text(json.dumps(document | {"splits": {"train": [], "validation": [], "test": rows}}))
    out = reports.write(tmp_path, bundle=bundle)

    first, last = found(out)["listed"]
    assert first["file"] == "fox.jpg" and first["thumbnail"].startswith("data:image/jpeg;base64,")
    assert last["thumbnail"] is None
    (picture,) = section(out).all("img")
    assert picture.attributes["alt"] == "fox.jpg" and picture.attributes["src"] == first["thumbnail"]
    assert "The page contains thumbnails of your images" in reports.page(out).text
    assert str(tmp_path / "photos") not in (out / "report.html").read_text("utf-8")


def test_without_images_nothing_is_said_of_them(tmp_path: Path) -> None:
    out = reports.write(tmp_path, bundle=evaluated(tmp_path, [3]))

    assert "thumbnails" not in reports.page(out).text


def test_an_earlier_evaluation_has_no_scores_so_those_of_keras_are_shown(tmp_path: Path) -> None:
    bundle = evaluated(tmp_path, [3, 12], scores=False)
    reference(bundle, {4: (2, 0.8), 5: (0, 0.9)})
    out = reports.write(tmp_path, bundle=bundle)

    document = found(out)
    assert (document["model"], document["instead_of"], document["count"]) == ("Keras", "int8", 2)
    stated = [(each["true_label"], each["prediction"], round(each["score"], 2)) for each in document["listed"]]
    assert stated == [("fox", "cat", 0.9), ("dog", "fox", 0.8)]
    why = (
        "These are the mistakes of Keras: the scores of int8 for each image are not known; tlpipe evaluate writes them."
    )
    assert why in words(section(out)) and why in (out / "report.md").read_text("utf-8")


def test_those_of_keras_without_a_recommended_file(tmp_path: Path) -> None:
    """It is hardly better than a guess, and so is any file."""
    bundle = evaluated(tmp_path, list(range(25)))
    file = bundle / "predictions.npz"
    with np.load(file) as stored:
        arrays = dict(stored)
    arrays["keras"][[1, 2]] = [0, 0]
    np.savez(file, **arrays)
    out = reports.write(tmp_path, bundle=bundle)

    assert reports.read(out)["verdict"]["choices"][0]["hardly_better"]
    document = found(out)
    assert (document["model"], document["instead_of"], document["count"]) == ("Keras", None, 2)
    assert [each["true_label"] for each in document["listed"]] == ["fox", "dog"]


def test_an_image_that_cannot_be_read_is_counted_apart(tmp_path: Path) -> None:
    bundle = evaluated(tmp_path, [3])
    file = bundle / "predictions.npz"
    with np.load(file) as stored:
        arrays = dict(stored)
    arrays["predicted"][0, 5], arrays["scores"][0, 5] = -1, np.nan
    np.savez(file, **arrays)
    out = reports.write(tmp_path, bundle=bundle)

    assert (found(out)["count"], found(out)["unreadable"]) == (1, 1)
    assert "wrong on 1 of 30 images (test). Another 1 could not be read and counts as wrong." in words(section(out))


def test_no_mistake_is_said_too(tmp_path: Path) -> None:
    out = reports.write(tmp_path, bundle=evaluated(tmp_path, []))

    assert found(out)["listed"] == []
    assert words(section(out)).endswith("int8 is wrong on 0 of 30 images (test).")


def test_without_a_bundle_they_are_not_known(tmp_path: Path) -> None:
    out = reports.write(tmp_path, compared.benches.document())

    assert found(out) is None and 'id="mistakes"' not in (out / "report.html").read_text("utf-8")


def test_of_many_mistakes_the_first_are_shown_and_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mistakes, "MAX_LISTED", 40)
    out = reports.write(tmp_path, bundle=evaluated(tmp_path, list(range(0, 200, 4)), count=200))

    assert found(out)["count"] == 50 and len(found(out)["listed"]) == 40
    assert len([node for node in section(out).all("li") if node.has("card")]) == 24
    assert "Only the first ones are shown, report.json lists 40." in words(section(out))
    text = (out / "report.md").read_text("utf-8")
    assert "The most confident mistakes; report.html shows more of them:" in text
    assert sum(line.startswith("| sha256 ") for line in text.partition("## Mistakes")[2].splitlines()) >= 10


@pytest.mark.parametrize("name", ["scores", "keras_scores"])
def test_damaged_scores_are_refused(tmp_path: Path, name: str) -> None:
    bundle = evaluated(tmp_path, [3])
    with np.load(bundle / "predictions.npz") as stored:
        arrays = dict(stored)
    np.savez(bundle / "predictions.npz", **arrays | {name: arrays[name] + 1})

    with pytest.raises(BadData, match=r"predictions\.npz: damaged \(.*scores.*: not from 0 to 1\)"):
        reports.write(tmp_path, bundle=bundle)
