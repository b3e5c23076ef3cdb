"""Every number of the page, the Markdown and the CSV is one of report.json, rounded one way."""

import csv
import json
import re
from pathlib import Path
from typing import Any

import benches
import pytest
import reports
from reports import Node

from tlpipe.reporting import rounding

REASON = "disturbed: other processes used 1.12 of 2 cores"
FIXED = re.compile(
    r"\b(?i:top-1|p50|p90|p99|95 %|at most 1 percentage|at least 98 %|within 1 percentage|within 5 %|less than 1 %|"
    r"epoch \(0: before|1000 divided)"
)
"""Digits that are words of ours and no measurements."""
NUMBER = re.compile(r"\d+(?:,\d{3})*(?:\.\d+)?(?:e-?\d+)?")

WORKSTATION = benches.document(board="Workstation", slower=0.4, threads=(1, 2))
DEVICE = benches.document(keras=False)
CASES = {
    "two devices": [DEVICE, WORKSTATION],
    "invalid": [benches.invalid(WORKSTATION, REASON, rows=[0, 3])],
    "emulated": [benches.emulated(DEVICE)],
    "bundle": [],
}


@pytest.fixture(params=CASES)
def out(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A report of each kind."""
    return reports.write(
        tmp_path, *CASES[request.param], bundle=None if CASES[request.param] else reports.bundle(tmp_path)
    )


def of_row(row: dict[str, Any]) -> list[tuple[float | None, str]]:
    """What the table shows of a row, in its order."""
    invoke, accuracy = row["invoke_ms"] or {}, row["accuracy"] or {}
    low, high = accuracy.get("top1_interval", (None, None))
    return [
        (row["bytes"], "megabytes"),
        (row["size_ratio"], "times"),
        (invoke.get("p50"), "ms"),
        (invoke.get("p90"), "ms"),
        (row["frames_per_s"], "frames"),
        (row["speedup"], "times"),
        (accuracy.get("top1"), "percent"),
        (low, "percent"),
        (high, "percent"),
        (accuracy.get("balanced"), "percent"),
        (accuracy.get("difference"), "points"),
        (accuracy.get("drop_bound"), "at most points"),
        (accuracy.get("agreement"), "percent"),
    ]


def inside(node: Node) -> list[tuple[float, str]]:
    return [(float(data.attributes["value"] or ""), data.attributes["data-unit"] or "") for data in node.all("data")]


def test_each_number_of_the_page_is_in_the_json_and_rounded_by_its_unit(out: Path) -> None:
    known = reports.numbers(reports.read(out))
    found = [*reports.page(out).all("data")]

    assert len(found) > 30
    for data in found:
        value, unit = float(data.attributes["value"] or ""), data.attributes["data-unit"] or ""
        assert value in known, data.attributes
        assert data.text in (rounding.shown(value, unit), rounding.rounded(value, unit))


def test_the_page_has_no_other_numbers(out: Path) -> None:
    """Digits are numbers, text from outside, times, the ticks of an axis, or one of the fixed words."""
    for node, text in reports.page(out).texts():
        apart = any(each.tag in ("data", "bdi", "time", "style", "title", "code") for each in node.above())
        if not apart and not any(each.has("tick") for each in node.above()) and "label" not in str(node.attributes):
            assert not re.search(r"\d", FIXED.sub("", text)), text


def test_each_row_of_the_pages_table_is_its_row_of_the_json(out: Path) -> None:
    document = reports.read(out)
    table = next(table for table in reports.page(out).all("table") if table.has("files"))
    bodies = [*table.all("tbody")]

    assert len(bodies) == len(document["groups"])
    for body, group in zip(bodies, document["groups"], strict=True):
        shown = [row for row in body.all("tr") if not any(map(row.has, ("device", "causes", "keras")))]
        for row, expected in zip(shown, group["rows"], strict=True):
            assert inside(row) == [(value, unit) for value, unit in of_row(expected) if value is not None]


def test_each_row_of_the_markdown_is_its_row_of_the_json(out: Path) -> None:
    document = reports.read(out)
    text = (out / "report.md").read_text("utf-8").replace("\\*", "")
    tables = re.findall(r"^\| \| size .*\n\|[-:|]+\n((?:\|.*\n)+)", text, re.MULTILINE)

    assert len(tables) == len(document["groups"])
    for table, group in zip(tables, document["groups"], strict=True):
        for line, row in zip(table.splitlines(), group["rows"], strict=False):
            shown = [rounding.shown(value, unit) for value, unit in of_row(row)]
            size, ratio, p50, p90, frames, speedup, top1, low, high, balanced, difference, bound, agreement = shown
            cells = [cell.strip() for cell in line.strip("|").split("|")][1:]
            low, high = low.removesuffix(" %"), high.removesuffix(" %")
            assert cells[:6] == [size, ratio, p50, p90, frames, speedup]
            assert cells[6:] == [
                f"{top1} ({low} – {high})",
                balanced,
                difference.removesuffix(" points"),
                bound.removesuffix(" percentage points"),
                agreement,
            ]


def test_the_markdown_has_no_other_numbers(out: Path) -> None:
    document = reports.read(out)
    known = {token for text in reports.strings(document) for token in NUMBER.findall(text)} | {"95", "1"}
    units = ("ms", "percent", "whole percent", "points", "fewer points", "at most points", "at least points")
    units = (*units, "megabytes", "times", "count", "p", "frames")
    for unit in (*units, "degrees", "megahertz", "load"):
        known |= {token for value in reports.numbers(document) for token in NUMBER.findall(rounding.shown(value, unit))}
    text = (out / "report.md").read_text("utf-8").replace("\\", "")

    assert len(NUMBER.findall(text)) > 20
    assert set(NUMBER.findall(FIXED.sub("", text))) <= known


def test_the_csv_has_the_numbers_of_the_json_to_six_digits(out: Path) -> None:
    with (out / "report.csv").open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["recipe"] != "keras"]
    expected = [(group, row) for group in reports.read(out)["groups"] for row in group["rows"]]
    columns = ("bytes", "size_ratio", "invoke_p50_ms", "invoke_p90_ms", "frames_per_s", "speedup")
    scores = ("top1", "top1_low", "top1_high", "balanced", "difference", "drop_bound", "agreement")

    for line, (group, row) in zip(rows, expected, strict=True):
        assert line["device"] == group["name"] and line["recipe"] == row["recipe"]
        assert line["latency_valid"] == (str(row["valid"]) if row["invoke_ms"] else "")
        assert line["latency_invalid_reasons"] == "; ".join(row["invalid_reasons"])
        found = [float(line[column]) if line[column] else None for column in (*columns, *scores)]
        assert found == [float(f"{value:.6g}") if isinstance(value, float) else value for value, _ in of_row(row)]
        assert all(len(cell) < 14 for cell in line.values() if re.fullmatch(r"-?[\d.]+", cell))


@pytest.mark.parametrize(("counts", "said"), [((1,), "on 1 thread"), ((4,), "on 4 threads"), ((1, 2), "")])
def test_a_speed_up_is_of_so_many_threads_over_keras_on_all_cores(
    tmp_path: Path, counts: tuple[int, ...], said: str
) -> None:
    """The number of threads stands with the device, or else, where there are several, with each row."""
    out = reports.write(tmp_path, benches.document(threads=counts))
    text, page = (out / "report.md").read_text(), reports.page(out)

    assert "runs on all cores" in page.text and "runs on all cores" in text
    head = next(row for row in page.all("tr") if row.has("device")).text
    assert (f"each file {said}" in head) is (f"Each file {said}.\n" in text) is (len(counts) == 1)
    assert ("float32, 2 threads" in page.text) is (len(counts) > 1) is ("each file" not in head)


def test_an_emulated_device_shows_no_latency(tmp_path: Path) -> None:
    out = reports.write(tmp_path, benches.emulated(DEVICE))
    page = reports.page(out)

    assert not [data for data in page.all("data") if data.attributes["data-unit"] == "ms"]
    assert not re.search(r"\d ms", (out / "report.md").read_text())
    assert "emulated: latency is not reported" in page.text
    assert "Emulated: latency is not reported." in (out / "report.md").read_text()
    for text in (page.text, (out / "report.md").read_text()):
        assert "one image at a time" not in text and "runs on all cores" not in text
    assert not {"front", "latency", "stages"} & {node.attributes.get("id") for node in page.all()}


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.1534, "ms", "0.15 ms"),
        (12345.678, "ms", "12,345.68 ms"),
        (0.9876, "percent", "98.8 %"),
        (-0.0032, "points", "−0.3 points"),
        (0.0032, "points", "+0.3 points"),
        (-1e-9, "points", "0.0 points"),
        (9.94, "times", "9.9×"),
        (0.0003, "p", "0.0003"),
        (1.0, "p", "1.00"),
        (2_725_112, "megabytes", "2.73 MB"),
        (None, "ms", "–"),
    ],
)
def test_a_number_is_rounded_one_way(value: float | None, unit: str, text: str) -> None:
    assert rounding.shown(value, unit) == text


def test_a_file_that_is_better_than_keras_is_not_worse_by_less_than_nothing(tmp_path: Path) -> None:
    bundle = reports.bundle(tmp_path)
    file = bundle / "evaluation.json"
    document = json.loads(file.read_text())
    document["artifacts"][0]["drop_bound"] = -0.0179
    file.write_text(json.dumps(document))
    out = reports.write(tmp_path, bundle=bundle)
    text = " ".join(reports.page(out).text.split())

    assert "≥ 1.7 better" in text and "Better than Keras by≥ 1.7" in text.replace("by ≥", "by≥")
    assert "−1.7" not in text and "| at least 1.7 better |" in (out / "report.md").read_text("utf-8")
    with (out / "report.csv").open(newline="", encoding="utf-8") as sheet:
        assert [row["drop_bound"] for row in csv.DictReader(sheet) if row["drop_bound"]] == ["-0.0179"]
