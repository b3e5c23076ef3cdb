"""Two models compared: on the same images, on others, on devices; and what cannot be compared."""

import json
import shutil
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import benches
import compared
import jsonschema
import pytest
import reports
from compared import LABELS, images

from tlpipe.conversion.recipes import RECIPES
from tlpipe.evaluation.significance import difference_interval, mcnemar
from tlpipe.reporting import publish
from tlpipe_edge.contract.bundle import EVALUATION, Bundle
from tlpipe_edge.errors import BadData, MissingInput, WrongUsage

Command = Callable[..., Any]
REASON = "disturbed: other processes used 1.12 of 2 cores"
NO_TIME = dict.fromkeys(("p50", "p90", "p95", "p99", "mean", "std", "min", "max"), 0.0) | {"runs": 400}
PI_4 = "Raspberry Pi 4 Model B Rev 1.4"


def compare(new: Path | list[Path], old: Path | list[Path], *, out: str = "out") -> Any:
    """The document of a comparison, as a program reads it."""
    sides = [each if isinstance(each, list) else [each] for each in (new, old)]
    folder = sides[0][0].parent / out
    publish.comparison_of_paths(*sides, folder)
    return json.loads((folder / "comparison.json").read_text("utf-8"))


def notes(document: Any) -> list[str]:
    return ["".join(part["text"] for part in note) for note in document["notes"]]


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """300 images, of which int8 has 30 wrong."""
    return compared.bundle(tmp_path / "old", images(300), {"int8": range(30), "float16": range(28)})


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


def latencies(document: Any) -> list[tuple[Any, ...]]:
    return [
        (each["device"], each["threads"], each["ratio"] and round(each["ratio"], 2)) for each in document["latencies"]
    ]


def test_latency_is_compared_on_the_same_device_with_the_same_threads(tmp_path: Path) -> None:
    old, new = (compared.bundle(tmp_path / name, images(300), {"int8": range(3)}) for name in ("old", "new"))
    before = compared.bench_file(old, threads=(1, 2, 4))
    after = compared.bench_file(new, threads=(4, 1), slower=0.5)
    document = compare([new, after], [old, before])

    assert sorted(each[1:] for each in latencies(document)) == [(1, 0.5), (4, 0.5)]
    fast = next(each for each in document["latencies"] if each["threads"] == 4)
    assert (
        f"; {fast['old_p50_ms']:.2f} ms → {fast['new_p50_ms']:.2f} ms on Raspberry Pi 5" in document["verdict"]["text"]
    )
    assert document["verdict"]["text"].endswith(" (4 threads).") and document["notes"] == []


def test_an_invalid_latency_leads_to_no_statement(tmp_path: Path) -> None:
    old, new = (compared.bundle(tmp_path / name, images(300), {"int8": range(3)}) for name in ("old", "new"))
    before, after = compared.bench_file(old), compared.bench_file(new, slower=0.5)
    after.write_text(json.dumps(benches.invalid(json.loads(after.read_text()), REASON, rows=[0])))
    document = compare([new, after], [old, before])
    (change,) = document["latencies"]

    assert change["ratio"] is None and change["reasons"] == [f"NEW: {REASON}"]
    assert " ms" not in document["verdict"]["text"]
    page = reports.Page((tmp_path / "out/comparison.html").read_text("utf-8")).root
    assert "for orientation" in page.text and REASON in page.text


@pytest.mark.parametrize(
    ("options", "note"),
    [
        ({"board": PI_4}, f"The latency on {PI_4} is not compared: only OLD was timed there"),
        (
            {"threads": (2,)},
            "is not compared: the runtime, its version, the delegate or the number of threads is another one",
        ),
    ],
)
def test_another_device_or_setting_is_not_compared(tmp_path: Path, options: dict[str, Any], note: str) -> None:
    old, new = (compared.bundle(tmp_path / name, images(300), {"int8": range(3)}) for name in ("old", "new"))
    document = compare([new, compared.bench_file(new)], [old, compared.bench_file(old, **options)])

    assert document["latencies"] == [] and notes(document)[-1].endswith(note)


def timed_only(file: Path, recipe: str) -> Path:
    document = json.loads(file.read_text())
    results = [each for each in document["results"] if each["recipe"] == recipe]
    file.write_text(json.dumps(document | {"results": results}))
    return file


def test_formats_that_were_timed_on_one_side_each_are_not_called_another_runtime(tmp_path: Path) -> None:
    """On a Pi 5, NEW timed float16 alone, and OLD int8, which both recommend."""
    wrong = {"int8": range(3), "float16": range(3)}
    old, new = (compared.bundle(tmp_path / name, images(300), wrong) for name in ("old", "new"))
    pi_4 = Path(shutil.copy(timed_only(compared.bench_file(new, board=PI_4), "int8"), tmp_path / "pi-4.json"))
    pi_5 = timed_only(compared.bench_file(new), "float16")
    document = compare([new, pi_4, pi_5], [old, timed_only(compared.bench_file(old), "int8")])

    assert document["latencies"] == [] and notes(document) == [
        f"The latency on {PI_4} is not compared: only NEW was timed there",
        "The latency on Raspberry Pi 5 Model B Rev 1.0 is not compared: no number format was timed on both sides with "
        "the files that are compared",
    ]


def stale(file: Path) -> Path:
    """The benchmark of files that were exported before, from the same Keras model."""
    document = json.loads(file.read_text())
    results = [each | {"sha256": benches.sha256(each["recipe"])} for each in document["results"]]
    file.write_text(json.dumps(document | {"results": results}))
    return file


def test_the_latency_of_an_earlier_file_does_not_stand_beside_the_accuracy_of_the_new_one(tmp_path: Path) -> None:
    old, new = (compared.bundle(tmp_path / name, images(300), {"int8": range(3)}) for name in ("old", "new"))
    document = compare([new, stale(compared.bench_file(new, slower=0.5))], [old, compared.bench_file(old)])

    assert document["latencies"] == [] and " ms" not in document["verdict"]["text"]
    board = "Raspberry Pi 5 Model B Rev 1.0"
    assert notes(document) == [
        f"NEW was timed on {board} with other files of int8 than those that are compared: these latencies are left out "
        "(run tlpipe bench)",
        f"The latency on {board} is not compared: no number format was timed on both sides with the files that are "
        "compared",
    ]


def test_an_earlier_file_beside_the_current_one_is_left_out_of_each_side(tmp_path: Path) -> None:
    """Two benchmarks of one device: the formats of both are compared, wherever the file is the current one."""
    wrong = {"int8": range(3), "float16": range(3)}
    old, new = (compared.bundle(tmp_path / name, images(300), wrong) for name in ("old", "new"))
    of_old = []
    for recipe in wrong:
        file = timed_only(compared.bench_file(old), recipe)
        of_old.append(Path(shutil.copy(file, tmp_path / f"old-{recipe}.json")))
    spoilt = stale(Path(shutil.copy(of_old[0], tmp_path / "old-stale.json")))
    document = compare([new, compared.bench_file(new, slower=0.5)], [old, spoilt, *of_old])

    assert {(each["old_recipe"], each["new_recipe"]) for each in document["latencies"]} >= {
        *(("int8", "int8"), ("float16", "float16")),
    }
    assert next(note for note in notes(document) if "left out" in note).startswith("OLD was timed on ")
    assert not [note for note in notes(document) if "no number format" in note or note.startswith("NEW")]


def test_a_device_of_a_kind_that_is_not_used_is_not_called_timed_by_one_side(tmp_path: Path) -> None:
    old, new = (compared.bundle(tmp_path / name, images(300), {"int8": range(3)}) for name in ("old", "new"))
    one = Path(shutil.copy(compared.bench_file(old, address="pi@one"), tmp_path / "one.json"))
    two = compared.bench_file(old, address="pi@two")
    document = compare([new, compared.bench_file(new, address="pi@two")], [old, one, two])

    assert [note.split(" is not compared: ")[1] for note in notes(document)] == [
        "NEW is compared with another device of this kind"
    ]


def test_of_two_devices_of_a_kind_the_one_of_the_same_address_is_taken(tmp_path: Path) -> None:
    old, new = (compared.bundle(tmp_path / name, images(300), {"int8": range(3)}) for name in ("old", "new"))
    one = compared.bench_file(old, address="pi@one", slower=9.0)
    two = shutil.copy(one, tmp_path / "two.json")
    Path(two).write_text(json.dumps(compared.bench(old, address="pi@two", slower=2.0)))
    document = compare([new, compared.bench_file(new, address="pi@two")], [old, one, Path(two)])

    assert [each[2] for each in latencies(document)] == [0.5]


def test_two_reports_are_compared_unpaired(old: Path, tmp_path: Path) -> None:
    new = compared.bundle(tmp_path / "new", images(300), {"int8": range(15, 34)})
    publish.of_paths([old, compared.bench_file(old)], tmp_path / "old-report")
    publish.of_paths([new, compared.bench_file(new, slower=0.5)], tmp_path / "new-report")
    document = compare(tmp_path / "new-report" / "report.json", tmp_path / "old-report")

    assert [each["ratio"] for each in document["latencies"]] == [pytest.approx(0.5, rel=0.02)]
    assert document["files"][0]["accuracy"]["new"]["top1"] == 281 / 300
    assert document["verdict"]["text"].endswith(
        "Unpaired: OLD is a report, which has no per-image predictions: name its bundle; NEW is a report, which has no "
        "per-image predictions: name its bundle."
    )
    with pytest.raises(WrongUsage, match="a report is compared alone"):
        compare([tmp_path / "new-report", new], old, out="other")


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("schema",), 2, "schema 2"),
        (("verdict", "choices", 0, "row"), 9, r"verdict\.choices\[0\]: no such row"),
        (("verdict", "choices"), [], "at least 1 items"),
        (("groups", 0, "rows", 0, "bytes"), 0, r"groups\[0\]\.rows\[0\]\.bytes: 0 is not valid"),
        (("groups", 1, "rows", 0, "accuracy", "top1"), 1e300, r"accuracy\.top1: 1e\+300 is not valid"),
        (("groups", 0, "rows", 0, "invoke_ms"), NO_TIME, "invoke_ms: the median latency is 0"),
        (("groups", 0, "rows"), [], "at least 1 items"),
        (("model", "labels"), ["cat", "cat"], "a label occurs twice"),
    ],
)
def test_a_damaged_report_is_named(
    old: Path, tmp_path: Path, path: tuple[str | int, ...], value: Any, said: str
) -> None:
    publish.of_paths([old, compared.bench_file(old)], tmp_path / "report")
    file = tmp_path / "report" / "report.json"
    document = json.loads(file.read_text())
    inner = document
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    file.write_text(json.dumps(document))

    with pytest.raises(BadData, match=rf"report\.json: .*{said}"):
        compare(old, file)


def test_the_command_prints_the_verdict_first_and_a_table(old: Path, tmp_path: Path, tlpipe: Command) -> None:
    new = compared.bundle(tmp_path / "new", images(300), {"int8": range(15, 34), "float16": range(28)})
    done = tlpipe("report", "new", compared.bench_file(new), "--against", old, "--out", "reports/new")
    lines = done.stdout.splitlines()

    assert done.code == 0, done.stderr
    assert lines[0].startswith("Better accuracy: top-1 of int8 90.0 % → 93.7 %")
    assert [line.split()[0] for line in lines if line.startswith(("int8", "float16", "Keras"))] == [
        *("int8", "float16", "Keras"),
    ]
    assert lines[-1] == "reports/new/comparison.html" and (tmp_path / lines[-1]).is_file()
    again = tlpipe("report", "new", "--against", old, "--out", "reports/new")
    assert again.code == 2 and "exists already" in again.stderr
    assert tlpipe("report", "new", "--against", old, "--out", "reports/new", "--overwrite").code == 0
    assert tlpipe("report", "new", "--against", "gone", "--out", "other").code == 66


def test_files_agree_with_the_document_and_its_schema(old: Path, tmp_path: Path) -> None:
    new = compared.bundle(tmp_path / "new", images(305), {"int8": range(15, 34), "dynamic": range(2)})
    document = compare([new, compared.bench_file(new)], [old, compared.bench_file(old)])
    jsonschema.validate(document, json.loads((files("tlpipe") / "schemas/comparison.schema.json").read_text()))
    page = reports.Page((tmp_path / "out/comparison.html").read_text("utf-8")).root
    markdown = (tmp_path / "out/comparison.md").read_text("utf-8")

    assert {float(str(node.attributes["value"])) for node in page.all("data")} <= reports.numbers(document)
    for shown in (" ".join(page.text.split()), markdown):
        assert document["verdict"]["text"].split(":")[0] in shown
    for table in markdown.split("\n\n"):
        if table.startswith("|"):
            assert len({line.count("|") for line in table.splitlines()}) == 1, table


def test_text_from_outside_stays_text(tmp_path: Path) -> None:
    labels = ("<b>a</b>", "|b|", "\x1b[31mc")
    wrong: dict[str, range] = {"int8": range(30)}
    old = compared.bundle(tmp_path / "old", images(300, labels=labels), wrong, labels=labels)
    new = compared.bundle(tmp_path / "<i>new", images(300, labels=labels), {"int8": range(3)}, labels=labels)
    compare(new, old)
    html, markdown = ((tmp_path / "out" / f"comparison.{end}").read_text("utf-8") for end in ("html", "md"))

    assert "<b>a</b>" not in html + markdown and "<i>new" not in html + markdown
    assert "\x1b" not in html + markdown and "&lt;b&gt;a&lt;/b&gt;" in html


def test_from_python(old: Path, tmp_path: Path) -> None:
    import tlpipe

    new = compared.bundle(tmp_path / "new", images(300), {"int8": range(15, 34)})
    sides = [[tlpipe.Bundle.open(each), benches.bench(compared.bench(each))] for each in (new, old)]
    found = tlpipe.compare(*sides, out=tmp_path / "out")

    assert found.verdict.text in found._repr_html_() and found.latencies[0].ratio == pytest.approx(1.0)
    with pytest.raises(MissingInput):
        tlpipe.compare(new, tmp_path / "gone", out=tmp_path / "other")


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
