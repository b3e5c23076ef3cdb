"""What the report refuses to read, or leaves out: damaged, foreign, of another model, not there."""

import json
from pathlib import Path
from typing import Any

import benches
import pytest
import reports
from reports import changed, made

from tlpipe import report
from tlpipe_edge.errors import BadData, MissingInput, WrongUsage

DEVICE = benches.document(keras=False)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "not valid JSON"),
        ("[" * 100_000, "not valid JSON"),
        ("\xff\xfe", "not valid JSON"),
        ('{"schema": 1, "results": NaN}', "not valid JSON"),
        ('{"schema": 1, "results": 1e999}', "not valid JSON"),
        ('{"schema": 1, "results": 1' + "0" * 400 + "}", "not valid JSON"),
        ("[]", "not a benchmark"),
        ('{"schema": 1, "images": 3}', "not a benchmark"),
        ('{"schema": 2, "results": []}', "schema 2, this program reads 1"),
        ('{"schema": 1, "results": []}', "no model"),
        ('{"schema": 1, "benches": []}', "no benchmark in it"),
        ('{"schema": 1, "benches": [{"schema": 3}]}', "schema 3"),
        ('{"schema": 1, "benches": 7}', "no benchmark in it"),
    ],
)
def test_a_damaged_or_foreign_file_is_named(tmp_path: Path, content: str, said: str) -> None:
    file = tmp_path / "bench.json"
    file.write_text(content, "latin-1")

    with pytest.raises(BadData, match=said) as refused:
        report.of_paths([file], tmp_path / "out")
    assert refused.value.what.startswith(str(file)) and not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"confusion": [[1, 2], [3, 4]]}, "confusion: not a row and a column for each label"),
        ({"confusion": [[-1] * 10] * 10}, "confusion: negative"),
        ({"per_class": {"cat": {"images": 1, "correct": 1}}}, "a class that the model does not have"),
        ({"per_class": {"hat": {"images": 1, "correct": 2}}}, "more correct than there are images"),
        ({"top1": 1.5}, "not a share"),
        ({"top1_interval": [0.5]}, "not two numbers"),
        ({"agreement": -1.0}, "not a share"),
        ({"bytes": 0}, "no bytes"),
        ({"invoke_ms": {"p50": 1.0}}, "no p90"),
        ({"invoke_ms": benches.document()["results"][0]["invoke_ms"] | {"p50": 0.0, "min": 0.0}}, "a latency of 0"),
        ({"samples_ms": {"invoke": [-1.0]}}, "no durations"),
        ({"recipe": 8}, "is not what belongs here"),
        ({"disagreements": [benches.document()["results"][3]["disagreements"][0] | {"answer": "cat"}]}, "a class that"),
    ],
)
def test_a_bench_that_makes_no_sense_is_refused(values: dict[str, Any], said: str) -> None:
    with pytest.raises(BadData, match=said) as refused:
        made(changed(DEVICE, 0, **values))
    assert refused.value.what.startswith("0.json: ") and refused.value.advice.startswith("Name what tlpipe bench")


def test_a_report_is_of_one_model(tmp_path: Path) -> None:
    others = [
        benches.document(labels=benches.LABELS[:3]),
        DEVICE | {"model": DEVICE["model"] | {"keras_sha256": "0" * 64}},
    ]
    for other in others:
        with pytest.raises(BadData, match=r"1\.json: of another model than 0\.json"):
            made(DEVICE, other)
    with pytest.raises(BadData, match="of another model than the bundle"):
        reports.write(tmp_path, DEVICE, bundle=reports.bundle(tmp_path))


def test_what_is_missing_or_too_much_is_said(tmp_path: Path) -> None:
    bundle = reports.bundle(tmp_path)
    with pytest.raises(MissingInput, match=r"gone\.json: no such file or bundle"):
        report.of_paths([tmp_path / "gone.json"], tmp_path / "out")
    with pytest.raises(MissingInput, match="no bundle here"):
        report.of_paths([tmp_path], tmp_path / "out")
    with pytest.raises(WrongUsage, match="a second bundle"):
        report.of_paths([bundle, bundle], tmp_path / "out")


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("evaluation.json", "{"),
        ("evaluation.json", '{"schema": 1, "images": 0}'),
        ("training/1-frozen-history.jsonl", '{"stage": "1-frozen", "best": 9}\n'),
        ("training/1-frozen-history.jsonl", '{"stage": "1-frozen", "best": 0}\n{"number": 0, "loss": "<b>"}\n'),
    ],
)
def test_what_is_damaged_inside_a_bundle_is_named(tmp_path: Path, file: str, content: str) -> None:
    bundle = reports.bundle(tmp_path)
    (bundle / file).write_text(content)

    with pytest.raises(BadData, match=file.split("/")[-1]):
        report.of_paths([bundle], tmp_path / "out")


def test_an_evaluation_of_other_files_is_left_out_with_a_warning(tmp_path: Path) -> None:
    bundle = reports.bundle(tmp_path)
    stale = json.loads((bundle / "evaluation.json").read_text())
    stale["artifacts"][0]["sha256"] = "0" * 64
    (bundle / "evaluation.json").write_text(json.dumps(stale))
    document = reports.read(reports.write(tmp_path, bundle=bundle))

    assert document["groups"][0]["rows"][0]["accuracy"] is None
    assert any("run tlpipe evaluate" in part["text"] for warning in document["warnings"] for part in warning)
