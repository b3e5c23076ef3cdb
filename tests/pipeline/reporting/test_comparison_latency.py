"""The latencies of two models compared: on the same device, by the same settings, of the files that are compared."""

import json
import shutil
from pathlib import Path
from typing import Any

import benches
import compared
import pytest
import reports
from compared import compare, images, notes

REASON = "disturbed: other processes used 1.12 of 2 cores"
PI_4 = "Raspberry Pi 4 Model B Rev 1.4"


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
    assert "latency invalid" in page.text and REASON in page.text


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
