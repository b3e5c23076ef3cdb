"""Latencies that are not to be believed: what is marked, how often it is said why, and what is left alone."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import benches
import pytest
import reports
from reports import changed, made

from tlpipe_edge.bench import table
from tlpipe_edge.contract.bundle import Bundle
from tlpipe_edge.contract.codec import as_json
from tlpipe_edge.contract.validity import Reason, judged

Doubted = Callable[[benches.Document], tuple[benches.Document, set[int]]]


DEVICE = benches.document(keras=False)
WORKSTATION = benches.document(board="Workstation", slower=0.4, threads=(1, 2))
OF_KERAS = "throttled: frequency capped now"
REASON = "disturbed: other processes used 1.12 of 2 cores"


def test_an_invalid_latency_is_neither_chosen_nor_on_the_front() -> None:
    document = made(benches.invalid(benches.document(), REASON, rows=[3]))
    group = document["groups"][0]

    assert document["verdict"]["choices"][0]["row"] != 3
    assert not group["rows"][3]["on_front"] and not group["valid"]
    assert [part["value"] for part in group["doubt"] if part["unit"]] == [1, 4]


def test_a_run_that_is_invalid_as_a_whole_has_no_valid_row() -> None:
    group = made(benches.document() | {"valid": False, "invalid_reasons": ["throttled"]})["groups"][0]

    parts = [*group["rows"], group["keras"]]
    assert {(part["valid"], *part["invalid_reasons"]) for part in parts} == {(False, "throttled")}


def test_a_run_that_is_invalid_for_its_parts_has_others_that_are_valid() -> None:
    """A bench repeats, after a name, what is wrong with a result or with Keras."""
    keras = benches.document()["keras"] | {"valid": False, "invalid_reasons": [OF_KERAS]}
    alone = benches.document() | {"valid": False, "invalid_reasons": [f"Keras: {OF_KERAS}"], "keras": keras}
    partly = benches.invalid(benches.document(), REASON, rows=[3])
    partly["invalid_reasons"].append("the clock was set back")

    group = made(alone)["groups"][0]
    assert all(row["valid"] for row in group["rows"]) and group["keras"]["invalid_reasons"] == [OF_KERAS]
    reasons = [row["invalid_reasons"] for row in made(partly)["groups"][0]["rows"]]
    assert reasons == [*[["the clock was set back"]] * 3, ["the clock was set back", REASON]]


def test_reasons_are_fields_and_those_of_an_older_bench_are_read_from_its_text() -> None:
    older = benches.invalid(benches.document(), REASON, rows=[3])
    older["invalid_reasons"].append("the clock was set back")

    read = benches.bench(older)
    kind, detail = REASON.split(": ")
    assert read.reasons == (Reason(kind, detail, "int8, 1 thread"), Reason("the clock was set back"))
    assert read.results[3].reasons == (Reason(kind, detail),) and read.results[0].reasons == ()

    colon = Reason("no cold start", "it ended: exit code 1")
    told = benches.bench(changed(benches.document(), 0, **as_json(judged([colon]))))
    assert told.results[0].why() == (colon,)


def test_what_was_trained_on_is_a_field_and_of_an_older_document_the_end_of_a_name() -> None:
    document = benches.document()
    document["images"] |= {"name": "photos; 5 of them were trained on", "trained_on": None}

    images = benches.bench(document).images
    assert images is not None and (images.name, images.trained_on) == ("photos", 5)
    assert any("accuracy is too high" in "".join(part["text"] for part in each) for each in made(document)["warnings"])


def test_a_bench_that_hides_why_it_is_invalid_is_still_invalid() -> None:
    row = made(changed(DEVICE, 0, valid=False))["groups"][0]["rows"][0]

    assert not row["valid"] and row["invalid_reasons"] == ["no reason is given"]


def of_latency(row: Any) -> set[float]:
    """What was timed of a row of a report, and what follows from it."""
    latencies = [row[key] for key in ("invoke_ms", "end_to_end_ms", "predict_ms", "compiled_ms") if row.get(key)]
    latencies += row.get("stages_ms", {}).values()
    figures = {value for each in latencies for key, value in each.items() if key != "runs"}
    return figures | {
        row.get("speedup"),
        row.get("frames_per_s"),
        row.get("throughput_per_s"),
        *row.get("cold_start_ms", {}).values(),
    } - {None}


def partly(document: benches.Document) -> tuple[benches.Document, set[int]]:
    return benches.invalid(document, REASON, rows=[2, 7]), {2, 7}


def wholly(document: benches.Document) -> tuple[benches.Document, set[int]]:
    keras = document["keras"] | {"valid": False, "invalid_reasons": [REASON]}
    return benches.invalid(document, REASON, rows=range(8)) | {"keras": keras}, {*range(8)}


@pytest.mark.parametrize("doubted", [partly, wholly])
def test_all_that_was_timed_is_marked_and_nothing_else(tmp_path: Path, doubted: Doubted) -> None:
    bench, numbers = doubted(WORKSTATION)
    out = reports.write(tmp_path, bench)
    group = reports.read(out)["groups"][0]
    parts = [*group["rows"], group["keras"]]
    wrong = set().union(*(of_latency(part) for part in parts if not part["valid"]))
    right = set().union(*(of_latency(part) for part in parts if part["valid"]))
    assert [number for number, row in enumerate(group["rows"]) if not row["valid"]] == sorted(numbers)

    looked = 0
    for data in reports.page(out).all("data"):
        value = float(data.attributes["value"] or "")
        marked = [node for node in data.above() if "data-invalid" in node.attributes]
        if data.attributes["data-unit"] not in ("ms", "times", "rate", "frames") or value not in wrong | right:
            assert not marked, data.attributes
        elif value in wrong - right:
            around = marked[0].parent if marked[0].tag == "td" else marked[0]
            assert around is not None and "latency invalid" in around.text, data.attributes
            looked += 1
        elif value in right - wrong:
            assert not marked, data.attributes
    assert looked > 15 * len(numbers)


@pytest.mark.parametrize("doubted", [partly, wholly])
@pytest.mark.parametrize("name", ["report.html", "report.md"])
def test_a_reason_is_told_in_full_once(tmp_path: Path, name: str, doubted: Doubted) -> None:
    bench, numbers = doubted(WORKSTATION)
    out = reports.write(tmp_path, bench)
    text = reports.page(out).text if name == "report.html" else (out / name).read_text()

    assert text.count(REASON) == 1
    whose = "all of them" if len(numbers) == 8 else "float16, 1 thread; int8, 2 threads"
    assert f"{REASON} ({whose})" in text


def test_reasons_of_one_kind_are_together_and_the_warning_is_one(tmp_path: Path) -> None:
    document = benches.document()
    document["keras"] |= {"valid": False, "invalid_reasons": [OF_KERAS]}
    for number in range(4):
        reason = f"disturbed: other processes used 0.{number + 3} of 2 cores"
        document = changed(document, number, valid=False, invalid_reasons=[reason, OF_KERAS])
    out = reports.write(tmp_path, document)

    (causes,) = [node for node in reports.page(out).all("tr") if node.has("causes")]
    disturbed, throttled = (node.text for node in causes.all("li"))
    assert disturbed.startswith("disturbed: other processes used 0.3 of 2 cores (float32); other processes used 0.4")
    assert throttled == "throttled: frequency capped now (all of them)"
    told = [
        warning for warning in reports.read(out)["warnings"] if any("orientation" in part["text"] for part in warning)
    ]
    (warning,) = ("".join(part["text"] for part in each) for each in told)
    why = "4 of 4 latencies and that of Keras are invalid (for orientation only): disturbed; throttled"
    assert warning.endswith(f": {why}; close other programs and run tlpipe bench again")


def test_the_warning_says_what_to_do(tmp_path: Path) -> None:
    disturbed, throttled = (benches.invalid(WORKSTATION, why, rows=range(8)) for why in (REASON, OF_KERAS))
    browser = throttled["device"] | {"browser": {"name": "Chrome", "version": "142", "clock_ms": 0.1}}
    todo = {
        "disturbed; close other programs and run tlpipe bench again": disturbed,
        "throttled; run tlpipe bench again": throttled,
        "throttled; measure again": throttled | {"device": browser},
    }
    for number, (said, document) in enumerate(todo.items()):
        warnings = reports.read(reports.write(tmp_path, document, name=f"{number}"))["warnings"]
        assert ["".join(part["text"] for part in each) for each in warnings][-1].endswith(said)


def test_in_markdown_each_number_from_what_was_timed_says_so(tmp_path: Path) -> None:
    out = reports.write(tmp_path, benches.invalid(WORKSTATION, REASON, rows=[2, 7]))
    lines = (out / "report.md").read_text().splitlines()

    for number, name in enumerate(row["label"] for row in reports.read(out)["groups"][0]["rows"]):
        table, stages = (line for line in lines if line.startswith((f"| {name} ", f"| {name}\\* ")))
        marked = ["\\*" in cell for cell in table.strip("|").split("|")]
        assert marked == [False] * 3 + [number in (2, 7)] * 4 + [False] * 5
        assert stages.startswith(f"| {name}\\* |") is (number in (2, 7))


def test_an_invalid_latency_of_keras_marks_all_that_is_compared_with_it(tmp_path: Path) -> None:
    document = benches.document()
    document["keras"] |= {"valid": False, "invalid_reasons": [OF_KERAS]}
    out = reports.write(tmp_path, document)
    page, text = reports.page(out), (out / "report.md").read_text()
    keras = reports.read(out)["groups"][0]["keras"]

    (tile,) = [node for node in page.all("div") if "data-invalid" in node.attributes]
    assert tile.text.startswith("Speed-up over Keras") and "latency invalid" in tile.text
    table = next(table for table in page.all("table") if table.has("files"))
    marked = [node for node in table.all("td") if "data-invalid" in node.attributes]
    assert [node.attributes["data-head"] for node in marked] == ["Speed-up"] * 4 + ["p50, ms"]
    figures = [float(data.attributes["value"] or "") for node in marked for data in node.all("data")]
    assert figures[4:] == [keras["compiled_ms"]["p50"], keras["compiled_ms"]["p90"]]
    assert text.count("×\\*") == 4 and text.count(" ms\\*") == 4
    assert page.text.count(OF_KERAS) == text.count(OF_KERAS) == 1


def test_in_the_table_for_spreadsheets_validity_is_of_latency(tmp_path: Path) -> None:
    bundle = reports.bundle(tmp_path)
    manifest = Bundle.open(bundle).manifest
    bench = benches.document(labels=manifest.labels, recipes=("int8",))
    bench["model"]["keras_sha256"] = manifest.provenance.keras_sha256
    out = reports.write(tmp_path, benches.invalid(bench, REASON, rows=[0]), bundle=bundle)
    lines = lines_of(out)

    found = [(line["recipe"], line["latency_valid"], line["latency_invalid_reasons"]) for line in lines]
    assert found == [("int8", "False", REASON), ("keras", "True", ""), ("int8", "", ""), ("keras", "", "")]
    assert "valid" not in lines[0] and all(line["top1"] for line in lines)


@pytest.mark.parametrize(
    ("row", "keras", "found"),
    [(True, True, "True"), (True, False, "False"), (False, True, "False"), (False, False, "False")],
)
@pytest.mark.parametrize("missing", ["compiled_ms", "predict_ms", None])
def test_in_the_table_for_spreadsheets_a_speed_up_is_valid_where_both_latencies_are(
    tmp_path: Path, row: bool, keras: bool, found: str, missing: str | None
) -> None:
    document = benches.document(recipes=("int8",))
    document = changed(document, 0, valid=row, invalid_reasons=[] if row else [REASON])
    document["keras"] |= {"valid": keras, "invalid_reasons": [] if keras else [OF_KERAS]}
    document["keras"] |= {} if missing is None else {missing: None}
    ours, of_keras = lines_of(reports.write(tmp_path, document))

    assert (ours["speedup_valid"], of_keras["speedup_valid"]) == (found, "")
    assert of_keras["images"] == "307" and of_keras["top1"]  # each cell is below its head
    header = list(ours)
    assert header[header.index("speedup_predict") + 1] == "speedup_valid"


def test_in_the_table_for_spreadsheets_no_speed_up_is_neither_valid_nor_invalid(tmp_path: Path) -> None:
    assert [line["speedup_valid"] for line in lines_of(reports.write(tmp_path, DEVICE))] == [""] * 5


def test_a_disturbed_full_load_spoils_the_throughput_and_nothing_else(tmp_path: Path) -> None:
    full_load = {"kind": "disturbed at full load", "detail": "other processes used 1.12 of 2 cores"}
    told = "disturbed at full load: other processes used 1.12 of 2 cores"
    bench = changed(DEVICE, 1, full_load_reasons=[full_load])
    out = reports.write(tmp_path, bench)
    row = reports.read(out)["groups"][0]["rows"][1]

    assert row["valid"] and row["full_load_reasons"] == [full_load | {"scope": None}]
    page = reports.page(out)
    marked = [node for node in page.all("td") if "data-invalid" in node.attributes]
    assert [float(data.attributes["value"] or "") for node in marked for data in node.all("data")] == [
        row["throughput_per_s"]
    ]
    assert page.text.count(told) == 1
    validity = [(line["latency_valid"], line["cold_start_valid"], line["throughput_valid"]) for line in lines_of(out)]
    assert validity == [("True",) * 3, ("True", "True", "False"), *[("True",) * 3] * 2, ("",) * 3]
    shown = table.render(benches.bench(bench))
    assert f"INVALID: {told} ({row['recipe']}, 1 thread)" in shown
    assert shown.count("?") == 1 and f"{row['throughput_per_s']:.0f}?" in shown


def lines_of(out: Path) -> list[dict[str, str]]:
    """The lines of the table for spreadsheets."""
    with (out / "report.csv").open(newline="", encoding="utf-8") as file:
        return [*csv.DictReader(file)]
