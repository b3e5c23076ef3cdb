"""The gate against a stored benchmark: what counts as worse, and what cannot be compared."""

import copy
import json
import re
from pathlib import Path
from typing import Any

import benches
import pytest

from tlpipe.benchmark import baseline
from tlpipe.benchmark.baseline import Limits
from tlpipe_edge.errors import BadData, GateNotMet, MissingInput, Unavailable
from tlpipe_edge.machine import device

Document = dict[str, Any]

LIMITS = Limits()
OTHERS: Document = {"name": "others", "count": 100, "failed": [], "sha256": "b2" * 32}


def latency(p50: float) -> Document:
    return {**dict.fromkeys(("p50", "p90", "p95", "p99", "mean", "min", "max"), p50), "std": 0.0, "runs": 200}


def result(recipe: str, threads: int, *, p50: float = 2.0, whole: float = 4.0, top1: float | None = 0.9) -> Document:
    return {
        "recipe": recipe,
        "file": f"birds-{recipe}.tflite",
        "sha256": "5e" * 32,
        "bytes": 1_000_000,
        "runtime": "ai-edge-litert",
        "runtime_version": "2.3.0",
        "threads": threads,
        "valid": True,
        "invalid_reasons": [],
        "invoke_ms": latency(p50),
        "end_to_end_ms": latency(whole),
        "top1": top1,
    }


def report(*results: Document, board: str = "Raspberry Pi 5", cpu: str = "Cortex-A76", name: str = "birds") -> Document:
    return {
        "schema": 1,
        "device": {
            **{"board": board, "cpu": cpu, "cores": 4, "machine": "aarch64", "bits": 64},
            **{"os": "Debian GNU/Linux 13 (trixie)", "kernel": "6.12.25+rpt-rpi-2712"},
        },
        "conditions": {"date": "2026-11-24T10:05:11+00:00", "emulated": False},
        "model": {"name": name, "labels": ["jay", "wren"], "image": {"size": 224}, "keras_sha256": None},
        "images": {"name": "test", "count": 100, "failed": [], "sha256": "a1" * 32},
        "valid": True,
        "invalid_reasons": [],
        "results": list(results) or [result("int8", 1), result("int8", 4)],
    }


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where the baseline is stored."""
    return tmp_path / "stored.json"


def check(file: Path, before: Document, *after: Document, limits: Limits = LIMITS) -> None:
    file.write_text(json.dumps(before))
    baseline.check_not_worse([benches.bench(each) for each in after], baseline.read_baseline(file), limits)


def test_the_same_is_no_worse(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    check(file, report(), report())

    assert "in 2 measurements" in capsys.readouterr().err


def test_slower_than_the_limit_is_worse_and_up_to_it_is_not(file: Path) -> None:
    check(file, report(), report(result("int8", 1, p50=2.19, whole=4.39)))
    with pytest.raises(GateNotMet, match=r"int8, 1 thread: the network alone 2\.21 ms, was 2\.00 ms \(1\.10 times\)"):
        check(file, report(), report(result("int8", 1, p50=2.21)))
    with pytest.raises(GateNotMet, match=r"int8, 4 threads: from file to label 5\.00 ms, was 4\.00 ms"):
        check(file, report(), report(result("int8", 4, whole=5.0)))
    check(file, report(), report(result("int8", 1, p50=2.9, whole=5.9)), limits=Limits(max_slowdown=1.5))


def test_less_accurate_than_the_limit_is_worse_and_up_to_it_is_not(file: Path) -> None:
    check(file, report(), report(result("int8", 1, top1=0.89)))
    with pytest.raises(GateNotMet, match=r"top-1 88\.9 %, was 90\.0 % \(1\.10 points\)"):
        check(file, report(), report(result("int8", 1, top1=0.889)))
    check(file, report(), report(result("int8", 1, top1=0.5)), limits=Limits(max_drop=0.4))


def test_everything_that_got_worse_is_named(file: Path) -> None:
    with pytest.raises(GateNotMet) as raised:
        check(file, report(), report(result("int8", 1, p50=3.0, top1=0.5), result("int8", 4, p50=3.0)))

    assert raised.value.exit_code == 1 and str(raised.value).count(";") == 2


@pytest.mark.parametrize(
    "other", [{"board": "Raspberry Pi 4"}, {"cpu": "Cortex-A72"}, {"name": "flowers"}], ids=lambda other: str(*other)
)
def test_another_device_or_model_cannot_be_compared(file: Path, other: dict[str, str]) -> None:
    with pytest.raises(BadData, match=r"no benchmark of birds on Raspberry Pi 5 with Cortex-A76 \(it has ") as raised:
        check(file, report(**other), report())

    assert raised.value.exit_code == 65


def test_another_recipe_runtime_or_number_of_threads_cannot_be_compared(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for other in (result("float16", 1), result("int8", 2), result("int8", 1) | {"runtime": "tflite-runtime"}):
        with pytest.raises(BadData, match="no result of the same format, runtime and threads"):
            check(file, report(), report(other))
    check(file, report(), report(result("int8", 1), result("float16", 1)))
    assert "1 of 2 results have no counterpart" in capsys.readouterr().err


def test_other_photographs_leave_the_network_alone_to_compare(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = report(result("int8", 1, whole=40.0, top1=0.1)) | {"images": OTHERS}
    check(file, report(), other)
    assert "was measured on other images" in capsys.readouterr().err

    with pytest.raises(GateNotMet, match="the network alone"):
        check(file, report(), report(result("int8", 1, p50=3.0)) | {"images": OTHERS})


def test_a_baseline_that_was_invalid_is_none(file: Path) -> None:
    invalid = report(result("int8", 1) | {"valid": False, "invalid_reasons": ["throttled: throttled now"]})
    with pytest.raises(BadData, match="int8, 1 thread cannot be a baseline: throttled") as raised:
        check(file, invalid, report())
    assert raised.value.exit_code == 65

    with pytest.raises(BadData, match="it has no latency"):
        check(file, report(result("int8", 1) | {"invoke_ms": None}), report())


def test_one_stored_result_that_was_invalid_hides_nothing_of_the_others(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    invalid = {"valid": False, "invalid_reasons": ["spread too high: the 90th percentile is 1.40 times the median"]}
    before = report(result("int8", 1), result("dynamic", 1) | invalid)
    check(file, before, report(result("int8", 1), result("dynamic", 1, p50=9.0)))
    assert "dynamic, 1 thread cannot be a baseline: spread too high" in capsys.readouterr().err

    with pytest.raises(GateNotMet, match="int8, 1 thread: the network alone"):
        check(file, before, report(result("int8", 1, p50=9.0), result("dynamic", 1)))
    with pytest.raises(GateNotMet, match=r"dynamic, 1 thread: top-1 10\.0 %"):  # which no spread explains
        check(file, before, report(result("int8", 1), result("dynamic", 1, top1=0.1)))


def test_a_latency_of_nothing_is_no_report(file: Path) -> None:
    with pytest.raises(BadData, match=r"results\[0\]\.invoke_ms: the median latency is 0"):
        check(file, report(result("int8", 1, p50=0.0)), report())


def foresee(file: Path, stored: Document, *, elsewhere: bool = True, threads: int = 1) -> None:
    file.write_text(json.dumps(stored))
    baseline.check_comparable(
        baseline.read_baseline(file), "birds", recipes=["int8"], threads=[threads], elsewhere=elsewhere
    )


def test_what_cannot_be_compared_is_foreseen(file: Path) -> None:
    foresee(file, report())
    invalid = result("int8", 1) | {"valid": False, "invalid_reasons": ["throttled: throttled now"]}
    foresee(file, report(invalid, result("int8", 4)), threads=4)

    with pytest.raises(BadData, match="int8, 1 thread cannot be a baseline: throttled"):
        foresee(file, report(invalid, result("int8", 4)))
    with pytest.raises(BadData, match=r"no result of the same format.* \(it has int8, 1 thread; int8, 4 threads\)"):
        foresee(file, report(), threads=2)
    with pytest.raises(BadData, match=r"no benchmark of birds \(it has fish on Raspberry Pi 5"):
        foresee(file, report(name="fish"))


def test_without_devices_the_baseline_has_to_be_of_this_machine(file: Path) -> None:
    machine = device.read()
    foresee(file, report(board=machine.board, cpu=machine.cpu), elsewhere=False)
    with pytest.raises(BadData, match=re.escape(f"no benchmark of birds on {machine.board}")):
        foresee(file, report(), elsewhere=False)


def test_a_new_measurement_that_is_invalid_proves_nothing(file: Path) -> None:
    disturbed = {"valid": False, "invalid_reasons": ["disturbed: other processes used 1.00 of 4 cores"]}
    with pytest.raises(
        Unavailable, match=r"no valid result is worse .* some latencies are invalid.*disturbed"
    ) as raised:
        check(file, report(), report(result("int8", 1, p50=9.0) | disturbed))
    assert raised.value.exit_code == 69

    with pytest.raises(GateNotMet, match="top-1"):  # which no load explains
        check(file, report(), report(result("int8", 1, p50=9.0, top1=0.1) | disturbed))
    with pytest.raises(Unavailable, match="no reason is given"):
        check(file, report(), report(result("int8", 1, p50=9.0) | {"valid": False}))
    with pytest.raises(Unavailable, match="no latency under emulation"):
        check(file, report(), report(result("int8", 1) | {"invoke_ms": None, "end_to_end_ms": None}))


def test_a_reason_of_all_new_measurements_is_told_once(file: Path) -> None:
    told = "disturbed: other processes used 1.00 of 4 cores"
    results = [result("int8", 1), result("int8", 4)]
    disturbed = [each | {"valid": False, "invalid_reasons": [told]} for each in results]

    with pytest.raises(Unavailable, match=re.escape(f"not compared: {told} (all of them)")):
        check(file, report(*results), report(*disturbed))
    with pytest.raises(Unavailable, match=re.escape(f"not compared: {told} (int8, 4 threads)")):
        check(file, report(*results), report(results[0], disturbed[1]))


def test_of_several_devices_each_is_compared_with_its_own(file: Path) -> None:
    four = report(result("int8", 1, p50=6.0), board="Raspberry Pi 4")
    stored = {"schema": 1, "benches": [four, report()]}

    check(file, stored, report(), copy.deepcopy(four))
    with pytest.raises(GateNotMet, match=r"was 2\.00 ms"):
        check(file, stored, four, report(result("int8", 1, p50=6.0)))


def test_a_device_that_cannot_be_compared_hides_no_regression_of_another(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = report(board="workstation")
    with pytest.raises(GateNotMet, match="the network alone"):
        check(file, report(), other, report(result("int8", 1, p50=9.0)))
    check(file, report(), other, report())
    assert "warning" in capsys.readouterr().err


def test_of_two_equal_devices_each_is_compared_with_its_own(file: Path) -> None:
    one, two = report(), report(result("int8", 1, p50=6.0))
    one["device"]["address"], two["device"]["address"] = "ssh://one", "ssh://two"

    check(file, {"schema": 1, "benches": [one, two]}, two)


def test_a_recipe_that_does_not_run_any_more_is_worse(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lost = report(result("int8", 1)) | {"skipped": [{"recipe": "dynamic", "reason": "no such operator"}]}
    with pytest.raises(GateNotMet, match="dynamic no longer runs: no such operator"):
        check(file, report(result("int8", 1), result("dynamic", 1)), lost)
    check(file, report(), report(result("int8", 1)))
    assert "1 of the 2 results in" in capsys.readouterr().err


def test_a_number_that_is_none_is_no_baseline(file: Path) -> None:
    file.write_text(json.dumps(report(result("int8", 1, p50=float("nan")))))
    with pytest.raises(BadData, match="not valid JSON"):
        baseline.read_baseline(file)


def test_without_known_labels_accuracy_is_not_compared(file: Path) -> None:
    check(file, report(), report(result("int8", 1, top1=None)))
    check(file, report(result("int8", 1, top1=None)), report())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "7",
        '"text"',
        "{}",
        '{"schema": 1}',
        '{"schema": 1, "benches": [{}]}',
        '{"schema": 1, "benches": 5}',
        '{"schema": 1, "benches": [[]]}',
        "\0",
    ],
)
def test_what_is_no_report_is_said(file: Path, text: str) -> None:
    file.write_text(text)
    with pytest.raises(BadData, match=f"^{re.escape(str(file))}: "):
        baseline.read_baseline(file)


def test_another_schema_and_a_missing_file_are_said(file: Path) -> None:
    with pytest.raises(MissingInput, match="no such baseline"):
        baseline.read_baseline(file)
    file.write_text(json.dumps(report() | {"schema": 2}))
    with pytest.raises(BadData, match="schema 2, but this program reads schema 1"):
        baseline.read_baseline(file)
    odd = report()
    odd["results"][0]["invoke_ms"]["p50"] = "fast"
    file.write_text(json.dumps(odd))
    with pytest.raises(BadData, match=r"results\[0\]\.invoke_ms\.p50: 'fast' is not valid \(expected: a number\)"):
        baseline.read_baseline(file)
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(BadData, match="not valid JSON"):
        baseline.read_baseline(file)
