"""The document of a benchmark: a whole one by the command, and what changes it, by shorter rules."""

import json
import math
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from boards import PI

from tlpipe_edge import Bundle, Classifier, WrongUsage
from tlpipe_edge.bench import cold_start, run, scoring, table, target, throughput, timing
from tlpipe_edge.bench.latency import Rules
from tlpipe_edge.bench.repeat import Repeats
from tlpipe_edge.bench.target import BenchOptions
from tlpipe_edge.bench.timing import NOT_TIMED, Timed
from tlpipe_edge.classify.model_file import FileOptions
from tlpipe_edge.cli import app
from tlpipe_edge.contract import codec
from tlpipe_edge.contract.benchmark import BenchResult, benches, to_json, variant
from tlpipe_edge.contract.latency import Timing
from tlpipe_edge.contract.validity import Reason, judged
from tlpipe_edge.errors import BadData, MissingInput
from tlpipe_edge.images.labelled import LabelledImage
from tlpipe_edge.machine import device, load
from tlpipe_edge.machine.load import Moment
from tlpipe_edge.tflite import metadata

Command = Callable[..., "subprocess.CompletedProcess[str]"]
Document = dict[str, Any]

SHORT = Rules(window_runs=2, window_seconds=0.0, agreement=100.0, runs=30, seconds=0.0, processes=1, full_seconds=0.1)
FIGURES = ["p50", "p90", "p95", "p99", "mean", "std", "min", "max", "runs"]
PARTS = ["cold_start", "full_load"]
STAGES = ["decode", "resize", "set_input", "invoke", "read_output"]


def benched(model: Path, data: Path | None = None, *, threads: tuple[int, ...] = (1,)) -> Document:
    """By rules that are too short, and so with a document that says so."""
    options = BenchOptions(threads=threads, rules=SHORT)
    of = target.read_target(model, options)
    measured = run.bench(of, target.find_images(of, data), options, command="bench")
    return dict(json.loads(to_json([measured])))


def rendered(document: Document) -> str:
    """The document as the command prints it."""
    return table.render(*benches(document, "the test's"))


@pytest.fixture(scope="module")
def done(tlpipe_edge: Command, drawn: Bundle) -> "subprocess.CompletedProcess[str]":
    """The command over the golden images, by the rules."""
    return tlpipe_edge("bench", drawn.path, "--json")


@pytest.fixture(scope="module")
def document(done: "subprocess.CompletedProcess[str]") -> Document:
    """What it printed."""
    return dict(json.loads(done.stdout))


@pytest.fixture
def photographs(drawn: Bundle, tmp_path: Path) -> Path:
    """Two photographs that the reference knows, and one that is none, in a folder of its class."""
    folder = tmp_path / "photographs"
    (folder / "red ring").mkdir(parents=True)
    for file in drawn.golden().files[:2]:
        shutil.copy(file, folder)
    (folder / "red ring" / "broken.jpg").write_bytes(b"\xff\xd8\xff no picture")
    return folder


@pytest.mark.arm64
def test_json_is_one_document_and_the_rest_goes_to_stderr(
    done: "subprocess.CompletedProcess[str]", document: Document
) -> None:
    assert done.returncode == 0
    assert "int8: classifying images" in done.stderr
    assert next(iter(document)) == "schema" and document["schema"] == 1
    assert document["model"]["name"] == "drawn" and len(document["model"]["labels"]) == 3
    assert document["conditions"]["command"].startswith("tlpipe-edge bench ")
    assert document["device"]["address"] is None and document["device"]["cores"] >= 1
    images = document["images"]
    assert (images["name"], images["count"], images["labelled"], images["failed"]) == ("golden", 6, 6, [])


def test_the_rules_hold_and_the_figures_are_those_of_the_raw_samples(document: Document) -> None:
    (result,) = document["results"]
    figures = {"invoke": result["invoke_ms"], "end_to_end": result["end_to_end_ms"]}
    figures |= {("invoke_in_stages" if name == "invoke" else name): each for name, each in result["stages_ms"].items()}

    assert list(result["stages_ms"]) == STAGES
    assert set(figures) == set(result["samples_ms"])
    for name, figure in figures.items():
        samples = result["samples_ms"][name]
        assert list(figure) == FIGURES
        assert figure["runs"] == len(samples) >= 200
        for percent in (50, 90, 95, 99):
            assert figure[f"p{percent}"] == pytest.approx(np.percentile(samples, percent), rel=1e-12)
        assert figure["std"] == pytest.approx(np.std(samples), rel=1e-9)
    for name in ("invoke", "end_to_end"):
        assert sum(result["samples_ms"][name]) >= 4_500, "5 s, of which the loop itself has a little"


def test_the_stages_of_each_run_make_its_whole(document: Document) -> None:
    samples = document["results"][0]["samples_ms"]
    stages = np.sum([samples[name] for name in ("decode", "resize", "set_input", "invoke_in_stages", "read_output")], 0)

    np.testing.assert_allclose(stages, samples["end_to_end"], rtol=0, atol=3e-4)  # each is rounded to 1e-4


def test_a_cold_start_memory_and_throughput_are_there(document: Document) -> None:
    (result,) = document["results"]

    assert result["cold_start_ms"]["total"] > result["cold_start_ms"]["import"] > 10
    assert result["peak_memory_mb"] > 20
    assert result["throughput_per_s"] > 0
    assert result["throughput_workers"] == document["device"]["cores"]


@pytest.mark.arm64
def test_accuracy_and_agreement_come_from_the_same_run(drawn: Bundle, document: Document) -> None:
    reference, (result,) = drawn.reference(), document["results"]

    assert result["top1"] == 1.0 and result["agreement"] == 1.0
    assert result["disagreements"] == []
    assert np.sum(result["confusion"]) == 6 == sum(each["images"] for each in result["per_class"].values())
    assert list(result["per_class"]) == list(drawn.manifest.labels)
    assert len(reference.images) > 6, "the golden images are some of many"


@pytest.mark.arm64
def test_a_result_says_what_was_measured_with_what(drawn: Bundle, document: Document) -> None:
    (result,) = document["results"]
    (artifact,) = drawn.manifest.artifacts

    assert (result["recipe"], result["file"]) == ("int8", artifact.file)
    assert (result["sha256"], result["bytes"]) == (artifact.sha256, artifact.bytes)
    assert result["runtime"] in ("ai-edge-litert", "tflite-runtime")
    assert result["runtime_version"] == document["conditions"]["versions"][result["runtime"]]
    # tflite-runtime gives XNNPACK the float operators alone.
    assert result["delegate"] == ("XNNPACK" if result["runtime"] == "ai-edge-litert" else None)
    assert result["threads"] == 1


@pytest.mark.arm64
def test_under_emulation_no_latency_is_reported(document: Document) -> None:
    if not document["conditions"]["emulated"]:
        pytest.skip("this processor is real")
    (result,) = document["results"]

    measured = ("invoke_ms", "end_to_end_ms", "stages_ms", "cold_start_ms", "peak_memory_mb", "throughput_per_s")
    assert {result[name] for name in (*measured, "samples_ms")} == {None}
    assert document["valid"] and "emulated" in rendered(document)


def test_an_emulated_processor_gets_accuracy_alone(drawn: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "emulated", lambda: True)
    document = benched(drawn.path)
    (result,) = document["results"]

    assert document["conditions"]["emulated"]
    assert (result["invoke_ms"], result["samples_ms"], result["throughput_per_s"]) == (None, None, None)
    assert result["top1"] == 1.0
    shown = rendered(document)
    assert " ms" not in shown and "emulated: latency, memory and throughput are not reported" in shown


@pytest.mark.parametrize(("throttling", "warnings"), [(None, 1), ((), 0)])
def test_a_raspberry_pi_that_does_not_tell_its_throttling_is_warned_of_once(
    throttling: tuple[str, ...] | None,
    warnings: int,
    drawn: Bundle,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(device, "read", lambda _: replace(PI, throttling=throttling))
    benched(drawn.path, threads=(1, 2))

    assert capsys.readouterr().err.count("does not report throttling") == warnings


def test_what_was_too_short_is_invalid_wherever_it_is_shown(drawn: Bundle) -> None:
    document = benched(drawn.path)
    (result,) = document["results"]

    reasons = result["invalid_reasons"]  # of which other work on the machine may be one
    assert not result["valid"] and any(each.startswith("too short: 30 runs") for each in reasons)
    runs = [result["invoke_ms"]["runs"], *(result["stages_ms"][stage]["runs"] for stage in STAGES)]
    assert runs == [30] * 6, "the warm-up does not count"
    assert not document["valid"]
    assert any(each.startswith("int8, 1 thread: too short") for each in document["invalid_reasons"])
    shown = rendered(document)
    assert "int8 (invalid)" in shown and "INVALID: too short: 30 runs in" in shown


def test_reasons_are_printed_once_for_each_kind(drawn: Bundle) -> None:
    (bench,) = benches(benched(drawn.path), "the test's")
    busy, busier = (Reason("disturbed", f"other processes used {load} of 2 cores") for load in (0.41, 0.72))
    at_full_load = replace(busy, kind="disturbed at full load")
    everywhere = replace(bench.results[0], **vars(judged([busy])), cold_start_reasons=(), full_load_reasons=())
    results = [replace(everywhere, recipe=recipe, threads=each) for recipe in ("float32", "int8") for each in (1, 2)]

    def remarks(*results: BenchResult, **changed: Any) -> list[str]:
        reasons = [replace(why, scope=variant(each.recipe, each.threads)) for each in results for why in each.reasons]
        document = replace(bench, results=results, **vars(judged(reasons)) | changed)
        lines = table.render(document).splitlines()
        return [line.removeprefix("INVALID: ") for line in lines if line.startswith("INVALID: ")]

    assert remarks(*results) == [f"{busy} (all of them)"]
    results[1] = replace(results[1], **vars(judged([busier])))
    results[2] = replace(results[2], **vars(judged([])), full_load_reasons=(at_full_load,))
    results[3] = replace(results[3], **vars(judged([busy, Reason("throttled")])))
    assert remarks(*results) == [
        f"{busy} (float32, 1 thread; int8, 2 threads); {busier.detail} (float32, 2 threads)",
        "throttled (int8, 2 threads)",
        f"{at_full_load} (int8, 1 thread)",
    ]
    everything = judged([Reason("the clock was set back")])
    assert remarks(*results, **vars(everything))[0] == "the clock was set back (all of them)"
    assert remarks(results[2]) == [f"{at_full_load} (int8, 1 thread)"]


def test_a_cold_start_that_fails_costs_nothing_but_itself(drawn: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cold_start, "LIMIT_SECONDS", 0.001)
    document = benched(drawn.path)
    (result,) = document["results"]

    assert (result["cold_start_ms"], result["peak_memory_mb"]) == (None, None) and result["invoke_ms"]["runs"] == 30
    assert any(reason.startswith("no cold start: a separate process") for reason in result["invalid_reasons"])
    assert "INVALID: no cold start: a separate process" in rendered(document)


class Machine:
    """What ``load.now`` sees, unless a part of the benchmark changes it."""

    def __init__(self) -> None:
        self.moment = Moment(device=PI, load_average=None, seconds=0.0, own=0.0, busy=0.0)

    def passes(self, *, own: float = 10.0, busy: float = 10.0, **device: Any) -> None:
        """Ten seconds, in which our processes and all together used so much."""
        was = self.moment
        self.moment = replace(
            was,
            device=replace(was.device, **device),
            seconds=was.seconds + 10,
            own=was.own + own,
            busy=(was.busy or 0) + busy,
        )

    def reasons(self, model: Path, *, cold: dict[str, Any], loads: list[dict[str, Any]]) -> list[str]:
        """Why a benchmark is invalid where this passes at its cold start and its loads; not what the samples say."""
        turn = iter(loads)

        def start(*_: Any, **__: Any) -> cold_start.ColdStart:
            self.passes(**cold)
            return cold_start.NOT_MEASURED

        def full_load(*_: Any, **__: Any) -> float:
            self.passes(**next(turn))
            return 1.0

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(load, "now", lambda: self.moment)
            patch.setattr(cold_start, "measure", start)
            patch.setattr(throughput, "measure", full_load)
            (result,) = benched(model)["results"]
        return [f"{each['kind']}: {each['detail']}" for part in PARTS for each in result[f"{part}_reasons"]]


@pytest.mark.parametrize(
    ("cold", "loads", "reasons"),
    [
        ({}, [{}, {}], []),
        ({"busy": 35.0}, [{}, {}], ["disturbed at cold start: other processes used 2.50 of 4 cores"]),
        (
            {"throttling": ("throttled since boot",)},
            [{}, {}],
            ["throttled at cold start: throttled since boot"],
        ),
        (
            {},
            [{"throttling": ("under-voltage since boot",)}, {}],
            ["throttled at full load: under-voltage since boot"],
        ),
        ({}, [{}, {"throttling": ("throttled since boot",)}], ["throttled at full load: throttled since boot"]),
        ({}, [{}, {"busy": 30.0}], ["disturbed at full load: other processes used 1.00 of 4 cores"]),
        ({}, [{"frequency_mhz": 2000.0}, {}], []),
        ({}, [{}, {"frequency_mhz": 2000.0}], ["the frequency changed at full load: from 2400 to 2000 MHz"]),
    ],
)
def test_the_machine_is_watched_at_cold_start_and_at_full_load(
    cold: dict[str, Any], loads: list[dict[str, Any]], reasons: list[str], drawn: Bundle
) -> None:
    assert Machine().reasons(drawn.path, cold=cold, loads=loads) == reasons


def test_a_disturbed_measurement_is_repeated_and_the_document_says_so(
    drawn: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured = [Timed(Timing(), (Reason("disturbed", "other processes used 0.41 of 2 cores"),)), NOT_TIMED]
    monkeypatch.setattr(timing, "measure", lambda *_, **__: measured.pop(0))
    monkeypatch.setattr(Repeats, "_is_calm", lambda *_: True)
    document = benched(drawn.path)
    (result,) = document["results"]

    assert document["valid"] and result["valid"] and result["reasons"] == []
    assert [each["kind"] for each in result["discarded"]] == ["disturbed"]


def test_a_photograph_that_goes_while_others_are_scored_is_named(
    drawn: Bundle, photographs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = next(file for file in photographs.iterdir() if file.is_file())
    score = scoring.score

    def late(*given: Any, **named: Any) -> scoring.Scored:
        scored = score(*given, **named)
        gone.unlink()
        return scored

    monkeypatch.setattr(scoring, "score", late)
    with pytest.raises(MissingInput, match=f"{re.escape(str(gone))}: can no longer be read"):
        benched(drawn.path, photographs)


def test_few_images_are_no_proof_of_accuracy_and_the_table_says_so(document: Document) -> None:
    assert "6 images (golden): too few to measure accuracy; name more" in rendered(document)
    many = document | {"images": document["images"] | {"count": 100, "labelled": 100}}
    assert "too few" not in rendered(many)


def test_each_recipe_is_measured_with_each_number_of_threads(drawn: Bundle) -> None:
    document = benched(drawn.path, threads=(2, 1))

    assert [(each["recipe"], each["threads"]) for each in document["results"]] == [("int8", 2), ("int8", 1)]


def test_other_photographs_are_named_and_a_broken_one_counts_as_wrong(drawn: Bundle, photographs: Path) -> None:
    document = benched(drawn.path, photographs)
    (result,) = document["results"]

    assert document["images"]["name"] == str(photographs)
    assert (document["images"]["count"], document["images"]["labelled"]) == (3, 3)
    (failed,) = document["images"]["failed"]
    assert failed["file"].endswith("broken.jpg") and failed["reason"].startswith("cannot be decoded as JPEG")
    assert result["top1"] == pytest.approx(2 / 3) and result["agreement"] == 1.0 and result["compared"] == 2
    assert "counts as wrong" in rendered(document)


def test_photographs_that_nobody_labelled_are_timed_without_a_claim(drawn: Bundle, tmp_path: Path) -> None:
    file = drawn.golden().files[0]
    (tmp_path / f"new{file.suffix}").write_bytes(file.read_bytes() + b"\0")
    document = benched(drawn.path, tmp_path)
    (result,) = document["results"]

    assert document["images"]["labelled"] == 0
    assert (result["top1"], result["per_class"], result["confusion"], result["agreement"]) == (None,) * 4
    assert result["end_to_end_ms"]["p50"] > 0


def test_a_single_file_is_measured_on_photographs_that_are_named(drawn: Bundle, photographs: Path) -> None:
    file = drawn.path / "drawn-int8.tflite"
    document = benched(file, photographs)
    (result,) = document["results"]

    assert (result["recipe"], result["file"], result["sha256"]) == ("int8", file.name, drawn.artifact("int8").sha256)
    assert document["model"]["keras_sha256"] is None and result["agreement"] is None
    with pytest.raises(WrongUsage, match="--data"):
        benched(file)
    with pytest.raises(WrongUsage, match="no formats to choose"):
        target.read_target(file, BenchOptions(recipes=("int8",)))


def test_a_file_from_elsewhere_is_measured_with_the_labels_that_are_named(
    drawn: Bundle, photographs: Path, tmp_path: Path
) -> None:
    """Also in the fresh processes of the cold start."""
    content = drawn.read(drawn.artifact())
    file, labels = tmp_path / "plain.tflite", tmp_path / "names.txt"
    file.write_bytes(content.replace(metadata.ENTRY.encode(), b"x" * len(metadata.ENTRY)))
    labels.write_text("".join(f"{number} {label}\n" for number, label in enumerate(drawn.manifest.labels)))
    options = BenchOptions(rules=SHORT, file=FileOptions(labels, (0.0,), (1.0,)))
    of = target.read_target(file, options)
    measured = run.bench(of, target.find_images(of, photographs), options, command="bench")

    (result,), (expected,) = measured.results, benched(drawn.path / "drawn-int8.tflite", photographs)["results"]
    assert of.notes == ("this file does not state a crop, so center-crop is used",)
    assert result.top1 == expected["top1"] is not None and result.cold_start_ms is not None
    with pytest.raises(WrongUsage, match="mean is for a"):
        target.read_target(drawn.path, BenchOptions(file=FileOptions(mean=(0.0,))))


def test_an_answer_that_changes_in_the_timed_run_is_invalid(drawn: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    scores = Classifier.scores
    monkeypatch.setattr(Classifier, "scores", lambda self, pixels: np.roll(scores(self, pixels), 1))
    (result,) = benched(drawn.path)["results"]

    assert "predictions changed in the timed run: of 6 images" in result["invalid_reasons"][-1]


def test_only_some_photographs_are_held_in_memory_and_those_from_everywhere(tmp_path: Path) -> None:
    many = [LabelledImage(tmp_path / f"{number:03}", str(number), None) for number in range(640)]
    for each in many:
        each.file.write_bytes(bytes(1000))
    chosen = timing._chosen(many)[0]
    assert len(chosen) == 64 and chosen[0] == many[0] and chosen[-1] == many[-1]
    many[0].file.write_bytes(bytes(timing.MAX_BYTES - 1500))
    assert timing._chosen(many)[0] == [many[0], chosen[1]]
    assert timing._chosen(many[:1])[0] == many[:1]


def test_nothing_to_measure_is_said(drawn: Bundle, copied: Path, tmp_path: Path) -> None:
    (tmp_path / "photographs").mkdir()
    (tmp_path / "photographs" / "broken.jpg").write_bytes(b"\xff\xd8\xff no picture")
    with pytest.raises(BadData, match="none of 1 images can be read"):
        benched(drawn.path, tmp_path / "photographs")
    with pytest.raises(MissingInput):
        benched(tmp_path / "gone")
    (copied / "drawn-int8.tflite").write_bytes(b"damaged")
    with pytest.raises(BadData, match="bytes, but it was written with"):
        benched(copied)
    with pytest.raises(WrongUsage, match="It holds int8"):
        target.read_target(drawn.path, BenchOptions(recipes=("float16",)))


def test_the_numbers_of_threads_are_read_from_the_command_line() -> None:
    assert app.numbers("1, 2,4,2") == (1, 2, 4)
    for wrong in ("", "0", "1,", "-1", "1.5", "²", "9999", "1" * 5000):
        with pytest.raises(WrongUsage, match="not numbers of threads"):
            app.numbers(wrong)


def test_hostile_names_stay_inert_in_the_table(drawn: Bundle) -> None:
    document = benched(drawn.path)
    document["model"]["name"] = "\x1b[31mred"
    document["images"] |= {"name": "a\u202eb", "failed": [{"file": "\x1b]0;title\x07", "reason": "[/]"}]}
    shown = rendered(document)

    assert "\x1b" not in shown and "\u202e" not in shown and "\x07" not in shown
    assert "\\x1b[31mred" in shown and "[/]" in shown


def test_json_puts_a_list_of_numbers_on_one_line_and_changes_no_text() -> None:
    document = {"samples": [1.5, -2, 3e-07], "text": "[\n 1,\n  2\n]", "nested": [[1, 2], [3, 4]], "empty": []}
    text = codec.indented(document)

    assert json.loads(text) == document
    assert "[ 1.5, -2, 3e-07 ]" in text
    with pytest.raises(ValueError, match="not JSON compliant"):
        codec.indented({"missing": math.nan})
