"""What the report refuses to read, or leaves out: damaged, foreign, of another model, not there."""

import json
from pathlib import Path
from typing import Any

import benches
import pytest
import reports
from reports import changed, made

from tlpipe.reporting import publish
from tlpipe_edge.errors import BadData, MissingInput, WrongUsage

DEVICE = benches.document(keras=False)
LATENCY = DEVICE["results"][0]["invoke_ms"]
EPOCH = (
    '{"stage": "1-frozen", "best": 0}\n'
    '{"number": 0, "loss": %s, "accuracy": 0.5, "val_loss": 1.0, "val_accuracy": 0.5}\n'
)


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
        ('{"schema": 2, "results": []}', "schema 2, but this program reads schema 1"),
        ('{"schema": 1, "results": []}', "no .*model"),
        ('{"schema": 1, "benches": []}', r"benches: \[\] is not valid \(expected: at least 1 items\)"),
        ('{"schema": 1, "benches": [{"schema": 3}]}', "schema 3"),
        ('{"schema": 1, "benches": 7}', r"benches: 7 is not valid \(expected: a list\)"),
    ],
)
def test_a_damaged_or_foreign_file_is_named(tmp_path: Path, content: str, said: str) -> None:
    file = tmp_path / "bench.json"
    file.write_text(content, "latin-1")

    with pytest.raises(BadData, match=said) as refused:
        publish.of_paths([file], tmp_path / "out")
    assert refused.value.what.startswith(str(file)) and not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"confusion": [[1, 2], [3, 4]]}, "confusion: not one row and one column per label"),
        ({"confusion": [[-1] * 10] * 10}, "confusion[0][0]: -1 is not valid (expected: at least 0)"),
        ({"confusion_cells": [[1, 2]]}, "confusion_cells[0]: [1, 2] is not valid (expected: at least 3 items)"),
        ({"confusion_cells": [[1, 10, 2]]}, "confusion_cells[0]: a class that the model does not have"),
        ({"per_class": {"cat": {"images": 1, "correct": 1}}}, "per_class.cat: a class that the model does not have"),
        (
            {"per_class": {"hat": {"images": 1, "correct": 2}}},
            "per_class.hat.correct: more correct predictions than",
        ),
        ({"top1": 1.5}, "top1: 1.5 is not valid (expected: at most 1)"),
        ({"top1_interval": [0.5]}, "top1_interval: [0.5] is not valid (expected: at least 2 items)"),
        ({"top1_interval": [0.9, 0.5]}, "top1_interval: the lower bound is above the upper bound"),
        ({"agreement": -1.0}, "agreement: -1.0 is not valid (expected: at least 0)"),
        ({"bytes": 0}, "bytes: 0 is not valid (expected: at least 1)"),
        ({"bytes": 10**308}, "bytes: 1000000000000000000000000000000000000000... is not valid (expected: less than"),
        ({"threads": 0}, "threads: 0 is not valid (expected: at least 1)"),
        ({"peak_memory_mb": 1e308}, "peak_memory_mb: 1e+308 is not valid (expected: less than 1e+15)"),
        ({"throughput_per_s": -1.0}, "throughput_per_s: -1.0 is not valid (expected: at least 0)"),
        ({"throughput_per_s": 10**400}, "throughput_per_s: a number that does not fit a float"),
        ({"throughput_per_s": float("nan")}, "throughput_per_s: a number that does not fit a float"),
        ({"cold_start_ms": {"total": 1e308}}, "cold_start_ms.total: 1e+308 is not valid (expected: less than 1e+09)"),
        ({"invoke_ms": LATENCY | {"p50": 5e-324, "min": 0.0}}, "invoke_ms: the median latency is 0"),
        ({"end_to_end_ms": LATENCY | {"p90": 1e308}}, "end_to_end_ms.p90: 1e+308 is not valid"),
        (
            {"stages_ms": {"decode": LATENCY | {"mean": 1e308}}},
            "stages_ms.decode.mean: 1e+308 is not valid",
        ),
        ({"samples_ms": {"end_to_end": [0.0] * 9}}, "samples_ms.end_to_end: the median is 0"),
        ({"samples_ms": {"invoke": [1.7e308] * 9}}, "samples_ms.invoke[0]: 1.7e+308 is not valid"),
        ({"samples_ms": {"decode": [1.0, -1.0]}}, "samples_ms.decode[1]: -1.0 is not valid (expected: at least 0)"),
        ({"invoke_ms": {"p50": 1.0}}, "invoke_ms: no p90, p95, p99, mean, std, min, max, runs"),
        ({"invoke_ms": LATENCY | {"p50": 0.0, "min": 0.0}}, "invoke_ms: the median latency is 0"),
        ({"invoke_ms": LATENCY | {"min": 1e6}}, "invoke_ms.min: greater than the median"),
        ({"invoke_ms": LATENCY | {"runs": 0}}, "invoke_ms.runs: 0 is not valid (expected: at least 1)"),
        ({"recipe": 8}, "recipe: 8 is not valid (expected: a string)"),
        (
            {"disagreements": [benches.document()["results"][3]["disagreements"][0] | {"answer": "cat"}]},
            "disagreements[0]: a class that the model does not have",
        ),
    ],
)
def test_a_bench_that_makes_no_sense_is_refused(values: dict[str, Any], said: str) -> None:
    with pytest.raises(BadData) as refused:
        made(changed(DEVICE, 0, **values))
    assert refused.value.what.startswith(f"0.json: results[0].{said}")
    assert refused.value.advice.startswith("Name a file that tlpipe bench")


@pytest.mark.parametrize("way", ["compiled", "predict"])
@pytest.mark.parametrize("p50", [0.0, 5e-324, 1e308])
def test_a_latency_of_keras_that_none_can_be_is_refused(way: str, p50: float) -> None:
    latency = LATENCY | {"p50": p50, "min": 0.0, "max": max(p50, 1.0)}

    with pytest.raises(BadData, match=rf"^0\.json: keras\.{way}_ms"):
        made(benches.document() | {"keras": benches.document()["keras"] | {f"{way}_ms": latency}})


@pytest.mark.parametrize("name", ["frequency_mhz", "temperature_c", "load_average"])
@pytest.mark.parametrize("reading", [1e308, -300.0])
def test_a_reading_that_no_machine_gives_is_refused(name: str, reading: float) -> None:
    before = [reading] * 3 if name == "load_average" else reading

    with pytest.raises(BadData, match=rf"conditions\.{name}.*(is not valid|below 0)"):
        made(DEVICE | {"conditions": DEVICE["conditions"] | {name: {"before": before, "after": None}}})


def test_a_part_of_a_run_may_be_too_short_to_be_told_from_nothing(tmp_path: Path) -> None:
    """Samples are rounded to a ten-thousandth of a millisecond, and setting an input takes little more."""
    nothing = dict.fromkeys(("p50", "p90", "p95", "p99", "mean", "std", "min", "max"), 0.0) | {"runs": 400}
    result = DEVICE["results"][0]
    stages = result["stages_ms"] | {"set_input": nothing}
    samples = result["samples_ms"] | {"set_input": [0.0] * 400}
    out = reports.write(tmp_path, changed(DEVICE, 0, stages_ms=stages, samples_ms=samples))

    assert reports.read(out)["groups"][0]["rows"][0]["stages_ms"]["set_input"]["p50"] == 0


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
        publish.of_paths([tmp_path / "gone.json"], tmp_path / "out")
    with pytest.raises(MissingInput, match="no bundle here"):
        publish.of_paths([tmp_path], tmp_path / "out")
    with pytest.raises(WrongUsage, match="more than one bundle was named"):
        publish.of_paths([bundle, bundle], tmp_path / "out")


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("evaluation.json", "{"),
        ("evaluation.json", '{"schema": 1, "images": 0}'),
        ("predictions.npz", "half an archive"),
        ("training/1-frozen-history.jsonl", '{"stage": "1-frozen", "best": 9}\n'),
        ("training/1-frozen-history.jsonl", EPOCH % "1e308"),
        ("training/1-frozen-history.jsonl", EPOCH % "-1"),
        ("training/1-frozen-history.jsonl", '{"stage": "1-frozen", "best": 0}\n{"number": 0, "loss": "<b>"}\n'),
    ],
)
def test_what_is_damaged_inside_a_bundle_is_named(tmp_path: Path, file: str, content: str) -> None:
    bundle = reports.bundle(tmp_path)
    (bundle / file).write_text(content)

    with pytest.raises(BadData, match=file.split("/")[-1]):
        publish.of_paths([bundle], tmp_path / "out")


def test_hidden_files_beside_those_of_a_bundle_are_not_read(tmp_path: Path) -> None:
    """As macOS leaves them on a disk that the bundle was copied to."""
    bundle = reports.bundle(tmp_path)
    for file in list((bundle / "training").iterdir()):
        (file.parent / f"._{file.name}").write_bytes(b"\x00\x05\x16\x07" + bytes(78))

    publish.of_paths([bundle], tmp_path / "out")


def test_an_evaluation_of_other_files_is_left_out_with_a_warning(tmp_path: Path) -> None:
    bundle = reports.bundle(tmp_path)
    stale = json.loads((bundle / "evaluation.json").read_text())
    stale["artifacts"][0]["sha256"] = "0" * 64
    (bundle / "evaluation.json").write_text(json.dumps(stale))
    document = reports.read(reports.write(tmp_path, bundle=bundle))

    assert document["groups"][0]["rows"][0]["accuracy"] is None
    assert any("run tlpipe evaluate" in part["text"] for warning in document["warnings"] for part in warning)
