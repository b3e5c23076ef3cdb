"""Two models compared: their accuracy on the same images, and on others; and what cannot be compared."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import benches
import compared
import pytest
import reports
from compared import LABELS, compare, images, notes

from tlpipe.conversion.recipes import RECIPES
from tlpipe.evaluation.significance import difference_interval, mcnemar
from tlpipe.reporting import publish
from tlpipe_edge.contract.bundle import EVALUATION, Bundle
from tlpipe_edge.errors import BadData

Command = Callable[..., Any]


def test_the_same_images_are_paired_and_counted(old: Path, tmp_path: Path) -> None:
    new = compared.bundle(tmp_path / "new", images(300), {"int8": range(15, 34), "float16": range(28)}, size=1_100_000)
    document = compare(new, old)
    int8, float16, keras = document["files"]
    change = int8["accuracy"]

    assert (int8["old_recipe"], int8["new_recipe"], int8["recommended"]) == ("int8", "int8", True)
    assert (change["old"]["top1"], change["new"]["top1"]) == (270 / 300, 281 / 300)
    assert change["difference"] == pytest.approx(11 / 300)
    assert change["paired"]["gained"] == sorted(benches.sha256(f"image {number}") for number in range(15))
    assert change["paired"]["lost"] == sorted(benches.sha256(f"image {number}") for number in range(30, 34))
    assert change["paired"]["p"] == pytest.approx(mcnemar(4, 15))
    assert change["paired"]["interval"] == pytest.approx(difference_interval(4, 15, 300))
    assert (change["outcome"], float16["accuracy"]["outcome"]) == ("better", "no difference")
    assert keras["new_recipe"] == "Keras" and keras["accuracy"]["paired"]["p"] == 1.0
    assert document["verdict"]["text"] == (
        "Better accuracy: top-1 of int8 90.0 % → 93.7 %, +3.7 points (95 %: +0.9 to +6.9; on the same 300 images, "
        "McNemar p = 0.02); 1.00 MB → 1.10 MB."
    )
    assert document["verdict"]["outcome"] == "better" and document["notes"] == []


def test_the_other_way_round_it_is_worse(old: Path, tmp_path: Path) -> None:
    new = compared.bundle(tmp_path / "new", images(300), {"int8": range(15, 34)})
    verdict = compare(old, new)["verdict"]

    assert verdict["outcome"] == "worse" and verdict["text"].startswith("Worse accuracy: top-1 of int8 93.7 % → 90.0 %")


def test_chance_is_called_chance(old: Path, tmp_path: Path) -> None:
    new = compared.bundle(tmp_path / "new", images(300), {"int8": range(5, 31)})
    verdict = compare(new, old)["verdict"]

    assert verdict["outcome"] == "no difference"
    assert verdict["text"].startswith("No difference in accuracy beyond chance: top-1 of int8 90.0 % → 91.3 %")


def test_order_does_not_matter_neither_of_images_nor_of_labels(old: Path, tmp_path: Path) -> None:
    """The same wrong images, the last first; a wrong prediction is another class then."""
    examples = list(reversed(images(300)))
    new = compared.bundle(tmp_path / "new", examples, {"int8": range(270, 300)}, labels=LABELS[::-1])
    change = compare(new, old)["files"][0]["accuracy"]

    assert change["paired"] == {"interval": change["paired"]["interval"], "p": 1.0, "gained": [], "lost": []}
    assert change["old"] == change["new"]


def test_images_of_one_side_are_left_out_and_counted(old: Path, tmp_path: Path) -> None:
    """The first 20 of OLD are wrong there; of NEW, those beyond 300 are. An unreadable file has no hash to pair by."""
    examples = [*images(300, first=20), ("", "cat"), ("", "cat")]
    new = compared.bundle(tmp_path / "new", examples, {"int8": range(280, 302)})
    document = compare(new, old)
    change = document["files"][0]["accuracy"]

    assert (change["new"]["images"], change["old"]["images"]) == (280, 280)
    assert (change["old"]["top1"], change["new"]["top1"]) == (270 / 280, 1.0)
    assert notes(document)[:2] == [
        "20 images are only in the evaluation of OLD, and left out here",
        "22 images are only in the evaluation of NEW, and left out here",
    ]


def test_labels_that_differ_in_their_unicode_form_are_the_same(tmp_path: Path) -> None:
    """As one model was trained on images from a Mac, by an earlier version."""
    ours, theirs = ("caf\xe9", "th\xe9"), ("cafe\u0301", "the\u0301")
    old = compared.bundle(tmp_path / "old", images(300, labels=theirs), {"int8": range(30)}, labels=theirs)
    new = compared.bundle(tmp_path / "new", images(300, labels=ours), {"int8": range(10)}, labels=ours)
    (change,) = (each for each in compare(new, old)["files"] if each["new_recipe"] == "int8")

    assert len(change["accuracy"]["paired"]["gained"]) == 20 and change["accuracy"]["paired"]["lost"] == []
    assert [each["label"] for each in change["classes"]] == list(ours)


def test_an_image_that_occurs_twice_counts_once(old: Path, tmp_path: Path) -> None:
    new = compared.bundle(tmp_path / "new", [*images(300), *images(3)], {"int8": range(30)})
    document = compare(new, old)

    assert document["files"][0]["accuracy"]["new"] == document["files"][0]["accuracy"]["old"]
    assert document["files"][0]["accuracy"]["new"]["images"] == 300


def test_a_true_label_that_was_corrected_counts_for_both(old: Path, tmp_path: Path) -> None:
    """Image 299 was a fox; OLD called it so."""
    new = compared.bundle(tmp_path / "new", [*images(299), ("image 299", "cat")], {"int8": range(30)})
    document = compare(new, old)

    assert document["files"][0]["accuracy"]["paired"]["gained"] == [benches.sha256("image 299")]
    assert notes(document)[0] == "1 image has another true label in OLD: that of NEW is used for both"


def test_the_classes_that_changed_most_come_first(old: Path, tmp_path: Path) -> None:
    """Every third image is a cat: NEW gains all 10 of its errors, and loses 3 foxes."""
    dogs_and_foxes = [number for number in range(30) if number % 3]
    new = compared.bundle(tmp_path / "new", images(300), {"int8": [*dogs_and_foxes, 50, 53, 56]})
    classes = compare(new, old)["files"][0]["classes"]

    assert [(each["label"], each["gained"], each["lost"]) for each in classes] == [
        *(("cat", 10, 0), ("fox", 0, 3), ("dog", 0, 0)),
    ]
    assert (classes[0]["old_top1"], classes[0]["new_top1"], classes[0]["difference"]) == (0.9, 1.0, pytest.approx(0.1))


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda bundle: (bundle / "predictions.npz").unlink(), "OLD has no per-image predictions"),
        (
            lambda bundle: (bundle / EVALUATION).write_text((bundle / EVALUATION).read_text() + "\n"),
            "OLD has per-image predictions of another evaluation",
        ),
    ],
)
def test_without_predictions_of_the_evaluation_it_is_unpaired(
    old: Path, tmp_path: Path, spoil: Callable[[Path], Any], reason: str
) -> None:
    """A bundle of an earlier version, or one whose evaluation was replaced alone."""
    new = compared.bundle(tmp_path / "new", images(300), {"int8": range(15, 34)})
    spoil(old)
    document = compare(new, old)
    change = document["files"][0]["accuracy"]

    assert change["paired"] is None and change["outcome"] == "no difference"
    assert document["verdict"]["text"] == (
        "No difference in accuracy beyond chance, unpaired: top-1 of int8 90.0 % (95 %: 86.1 to 92.9; on 300 images) → "
        "93.7 % (95 %: 90.3 to 95.9; on 300 images), +3.7 points; 1.00 MB → 1.00 MB. Unpaired: "
        f"{reason}: run tlpipe evaluate again."
    )
    assert [each["gained"] for each in document["files"][0]["classes"]] == [None] * 3


def test_other_images_are_unpaired_and_may_be_apart(old: Path, tmp_path: Path) -> None:
    new = compared.bundle(tmp_path / "new", images(400, first=290), {"int8": range(4)})
    document = compare(new, old)

    assert document["verdict"]["text"].startswith("Better accuracy, unpaired: top-1 of int8 90.0 % (95 %: 86.1 to 92.9")
    assert document["verdict"]["text"].endswith(
        " Unpaired: OLD was evaluated on other images (10 of 300 are the same)."
    )


def test_unpaired_it_is_a_test_that_decides_and_not_whether_intervals_overlap(tmp_path: Path) -> None:
    """90 % and 93 % of 1,000 images each: the intervals overlap, and Fisher's exact test gives p = 0.020."""
    old = compared.bundle(tmp_path / "old", images(1000), {"int8": range(100)})
    new = compared.bundle(tmp_path / "new", images(1000, first=1000), {"int8": range(70)})
    document = compare(new, old)
    change = document["files"][0]["accuracy"]

    assert change["new"]["interval"][0] < change["old"]["interval"][1]
    assert change["outcome"] == document["verdict"]["outcome"] == "better"
    assert change["unpaired_p"] == pytest.approx(0.020, abs=0.001)
    assert document["verdict"]["text"] == (
        "Better accuracy, unpaired: top-1 of int8 90.0 % (95 %: 88.0 to 91.7; on 1,000 images) → 93.0 % (95 %: 91.2 to "
        "94.4; on 1,000 images), +3.0 points; Fisher p = 0.02; 1.00 MB → 1.00 MB. Unpaired: OLD was evaluated on other "
        "images (0 of 1,000 are the same)."
    )
    keras = document["files"][1]["accuracy"]
    assert (keras["outcome"], keras["unpaired_p"]) == ("no difference", None)
    assert compare(old, new, out="back")["verdict"]["outcome"] == "worse"


@pytest.mark.parametrize(
    ("count", "reason"),
    [
        (1, "only 1 image is in both evaluations: McNemar's exact test shows a difference from 6 images on"),
        (5, "only 5 images are in both evaluations: McNemar's exact test shows a difference from 6 images on"),
        (6, None),
    ],
)
def test_a_handful_of_images_is_not_paired(tmp_path: Path, count: int, reason: str | None) -> None:
    old = compared.bundle(tmp_path / "old", images(count + (count == 1)), {"int8": range(1)})
    new = compared.bundle(tmp_path / "new", images(400, first=0 if count > 1 else 1), {"int8": range(9)})
    document = compare(new, old)
    change = document["files"][0]["accuracy"]
    said = change["unpaired"] and "".join(part["text"] for part in change["unpaired"])

    assert said == reason and (change["paired"] is None) is (reason is not None)
    few = "2 images of OLD" if count == 1 else f"{count} images {'of OLD' if reason else 'in both evaluations'}"
    assert f"Only {few}: the 95 % interval of " in "; ".join(notes(document))


def test_one_image_is_no_plural(tmp_path: Path) -> None:
    old = compared.bundle(tmp_path / "old", images(1), {"int8": range(1)})
    document = compare(compared.bundle(tmp_path / "new", images(300), {"int8": range(9)}), old)

    assert "; on 1 image) → " in document["verdict"]["text"]
    assert "Only 1 image of OLD: the 95 % interval of top-1 is 79.3 percentage points wide" in notes(document)
    assert " 1 images" not in (tmp_path / "out/comparison.md").read_text("utf-8")


def test_damaged_predictions_are_an_error(old: Path, tmp_path: Path) -> None:
    new = compared.bundle(tmp_path / "new", images(300), {"int8": range(15, 34)})
    (old / "predictions.npz").write_bytes(b"PK\x03\x04 half an archive")

    with pytest.raises(BadData, match=r"old/predictions\.npz: damaged"):
        compare(new, old)
    assert not (tmp_path / "out").exists()


def test_other_classes_are_an_error_that_names_them(old: Path, tmp_path: Path, tlpipe: Command) -> None:
    labels = ("cat", "dog", "wolf")
    new = compared.bundle(tmp_path / "new", images(300, labels=labels), {"int8": range(3)}, labels=labels)
    done = tlpipe("report", new, "--against", old, "--out", "out")

    assert done.code == 65 and done.stdout == "" and not (tmp_path / "out").exists()
    assert "its classes are not those of NEW: only NEW has 'wolf'; only OLD has 'fox'" in done.stderr


def test_a_bundle_without_an_evaluation_has_no_accuracy_to_compare(old: Path, tmp_path: Path) -> None:
    new = compared.bundle(tmp_path / "new", images(300), {"int8": range(3)})
    (new / EVALUATION).unlink()
    document = compare(new, old)

    assert (document["verdict"]["outcome"], document["files"][0]["accuracy"]) == ("unknown", None)
    assert document["verdict"]["text"].startswith("The accuracies cannot be compared: a side has no accuracy of int8")


def test_training_images_and_formats_of_one_side_are_said(old: Path, tmp_path: Path) -> None:
    new = compared.bundle(tmp_path / "new", images(300), {"int8": range(3), "dynamic": range(3)}, trained_on=7)

    assert notes(compare(new, old)) == [
        "The accuracy of NEW is too high: 7 images were used for training",
        "Only OLD has float16",
        "Only NEW has dynamic",
    ]


def test_recommended_files_of_other_formats_are_compared_too(old: Path, tmp_path: Path) -> None:
    """int8 of NEW is far from Keras."""
    new = compared.bundle(tmp_path / "new", images(300), {"int8": range(90), "float16": range(2)})
    document = compare(new, old)

    assert [(each["old_recipe"], each["new_recipe"], each["recommended"]) for each in document["files"]] == [
        ("int8", "float16", True),
        ("float16", "float16", False),
        ("int8", "int8", False),
        ("Keras", "Keras", False),
    ]
    assert document["verdict"]["text"].startswith(
        "Better accuracy: top-1 of the recommended files, int8 → float16, 90.0 % → 99.3 %"
    )


def test_files_that_could_not_be_read_are_not_the_same_image(tmp_path: Path) -> None:
    """They have no hash, on either side."""
    examples = [*images(300), ("", "cat"), ("", "dog")]
    old, new = (compared.bundle(tmp_path / name, examples, {"int8": range(3)}) for name in ("old", "new"))
    document = compare(new, old)

    assert document["files"][0]["accuracy"]["new"]["images"] == 300
    assert notes(document)[0] == "2 images are only in the evaluation of OLD, and left out here"


def test_the_accuracy_on_most_images_is_compared(old: Path, tmp_path: Path) -> None:
    """A benchmark without --data has scored only the few golden images of the bundle."""
    new = compared.bundle(tmp_path / "new", images(300), {"int8": range(15, 34)})
    (new / "predictions.npz").unlink()
    bench = compared.bench_file(new, images=6)
    document = json.loads(bench.read_text())
    few = benches.document(labels=LABELS, recipes=("int8",), images=6, keras=False)
    scored = {key: few["results"][0][key] for key in ("top1", "top1_interval", "per_class")}
    bench.write_text(json.dumps(reports.changed(document, 0, **scored) | {"images": few["images"]}))

    assert compare([new, bench], old)["files"][0]["accuracy"]["new"]["images"] == 300


def test_a_model_that_is_hardly_better_than_chance_is_called_that(old: Path, tmp_path: Path) -> None:
    new = compared.bundle(tmp_path / "new", images(300), {"int8": range(200)})

    assert notes(compare(old, new))[0].startswith("OLD is hardly better than chance, or than always naming one class")


def test_two_evaluations_of_one_bundle_do_not_differ(bundle: Bundle, tmp_path: Path) -> None:
    """As tlpipe evaluate has written them."""
    found = publish.comparison_of_paths([bundle.path], [bundle.path], tmp_path / "out")

    assert [each.name for each in found.files][1:] == [*(r for r in RECIPES if r != found.files[0].name), "Keras"]
    for each in found.files:
        assert each.accuracy and each.accuracy.paired and each.accuracy.paired.p == 1.0
        assert each.accuracy.new == each.accuracy.old and not each.accuracy.paired.gained
    assert ["".join(part.text for part in note)[:5] for note in found.notes] == ["Only "]  # few images
