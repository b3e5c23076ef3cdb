"""Frames a second: of images one after another, from file to label; not the network alone, and not all cores."""

import csv
from pathlib import Path

import benches
import pytest
import reports
from test_report_phone import phone


def test_it_is_a_thousand_by_the_median_from_file_to_label(tmp_path: Path) -> None:
    document = benches.document(recipes=("int8",))
    out = reports.write(tmp_path, document)
    (result,) = document["results"]
    frames = 1000 / result["end_to_end_ms"]["p50"]

    (row,) = reports.read(out)["groups"][0]["rows"]
    assert row["frames_per_s"] == pytest.approx(frames) and row["frames_per_s"] < 1000 / row["invoke_ms"]["p50"]
    tiles = {" ".join(node.text.split()) for node in reports.page(out).all("div")}
    assert f"Frames a second{frames:,.0f}one after another, each from file to label" in tiles
    assert f"| {frames:,.0f} |" in (out / "report.md").read_text("utf-8")
    for text in ((out / "report.md").read_text("utf-8"), reports.page(out).text):
        assert "Frames/s are frames a second, one after another: 1000 divided by the median" in " ".join(text.split())
    first = next(csv.DictReader((out / "report.csv").read_text("utf-8").splitlines()))
    assert float(first["frames_per_s"]) == pytest.approx(frames, rel=1e-5)


def test_those_of_an_invalid_latency_are_marked(tmp_path: Path) -> None:
    document = benches.invalid(benches.document(recipes=("int8",)), "throttled: now", rows=[0])
    out = reports.write(tmp_path, document)

    (cell,) = (node for node in reports.page(out).all("td") if node.attributes.get("data-head") == "Frames/s")
    assert "data-invalid" in cell.attributes
    assert "Frames a second" not in reports.page(out).text


def test_a_browser_measures_the_network_alone(tmp_path: Path) -> None:
    out = reports.write(tmp_path, phone(benches.document()))

    assert reports.read(out)["groups"][0]["rows"][0]["frames_per_s"] is None
    assert "rames" not in reports.page(out).text
