"""A bundle measured on the workstation: the device's document with the Keras model beside it."""

import copy
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import benches
import jsonschema
import numpy as np
import pytest

from tlpipe.benchmark import keras_timing, measure
from tlpipe.conversion.recipes import RECIPES
from tlpipe.data import dataset
from tlpipe.data.dataset import Dataset
from tlpipe.evaluation.original import ScoredImages, images_of
from tlpipe.runs.exported import original
from tlpipe.runs.run_folder import Run
from tlpipe_edge.bench import run, table, target, timing, validity
from tlpipe_edge.bench.latency import Latency
from tlpipe_edge.bench.repeat import Repeats
from tlpipe_edge.bench.target import BenchmarkTarget, BenchOptions
from tlpipe_edge.bench.timing import Timed
from tlpipe_edge.classify.classifier import Classifier
from tlpipe_edge.contract.benchmark import KerasResult
from tlpipe_edge.contract.bundle import Bundle
from tlpipe_edge.contract.latency import Timing
from tlpipe_edge.contract.validity import Reason, judged
from tlpipe_edge.errors import BadData, Unavailable

Document = dict[str, Any]
Command = Callable[..., Any]


def rendered(*documents: Document) -> str:
    """The documents as the command prints them."""
    return table.render(*map(benches.bench, documents))


@pytest.fixture(scope="module")
def schema() -> jsonschema.Draft202012Validator:
    """The schema that is in the package."""
    text = (files("tlpipe") / "schemas" / "bench.schema.json").read_text("utf-8")
    jsonschema.Draft202012Validator.check_schema(json.loads(text))
    return jsonschema.Draft202012Validator(json.loads(text))


def test_a_real_document_follows_the_schema(benchmark: Document, schema: jsonschema.Draft202012Validator) -> None:
    schema.validate(benchmark)
    schema.validate(benches.document_of(*[benches.bench(benchmark)] * 2))


def test_the_drawn_documents_of_the_reports_tests_follow_it_too(schema: jsonschema.Draft202012Validator) -> None:
    drawn = benches.document()
    for document in (drawn, benches.emulated(drawn), benches.invalid(drawn, "too short: 3 runs in 0.1 s", rows=[0])):
        schema.validate(document)


@pytest.mark.parametrize(
    ("where", "value"),
    [
        (("schema",), 2),
        (("valid",), True),  # with reasons
        (("conditions", "emulated"), True),  # with latencies
        (("results", 0, "invoke_ms"), None),  # without emulation
        (("results", 0, "invoke_ms", "p50"), None),
        (("results", 0, "samples_ms", "decode"), []),
        (("results", 0, "top1"), 1.5),
        (("results", 0, "invalid_reasons"), []),
        (("results", 0, "sha256"), "no hash"),
        (("keras", "compiled_ms"), None),
        (("images", "failed"), [{"file": "a.jpg"}]),
        (("device", "board"), None),
    ],
)
def test_the_schema_refuses_what_would_mislead(
    benchmark: Document, schema: jsonschema.Draft202012Validator, where: tuple[str | int, ...], value: object
) -> None:
    document = copy.deepcopy(benchmark)
    part: Any = document
    for key in where[:-1]:
        part = part[key]
    part[where[-1]] = value

    assert not schema.is_valid(document)


def test_the_document_of_an_emulated_device_follows_the_schema(
    bundle: Bundle, benchmark: Document, schema: jsonschema.Draft202012Validator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tlpipe_edge.bench.run.emulated", lambda: True)
    of = target.read_target(bundle.path, BenchOptions(recipes=("int8",)))
    alone = run.bench(of, target.find_images(of, None), BenchOptions(), command="tlpipe-edge bench")
    bench = measure.with_keras(alone, benches.bench(benchmark).keras or KerasResult())
    document = benches.document_of(bench)
    schema.validate(document)

    assert document["results"][0]["speedup"] == {"predict": None, "compiled": None}
    assert document["results"][0]["size_ratio"] > 1
    assert "emulated" in rendered(document)


def test_it_looks_at_what_evaluate_looks_at_and_counts_the_same(benchmark: Document, evaluation: Document) -> None:
    assert (benchmark["images"]["name"], benchmark["images"]["count"]) == (evaluation["split"], evaluation["images"])
    assert [each["recipe"] for each in benchmark["results"]] == list(RECIPES)
    for result, scored in zip(benchmark["results"], evaluation["artifacts"], strict=True):
        for key in ("recipe", "file", "sha256", "bytes", "top1", "top1_interval", "top5", "agreement", "per_class"):
            assert result[key] == scored[key], key
    for key in ("top1", "top1_interval", "top5", "per_class"):
        assert benchmark["keras"][key] == evaluation["keras"][key], key


def test_a_recipe_that_the_runtime_cannot_run_is_left_out_and_named(
    bundle: Bundle, schema: jsonschema.Draft202012Validator, monkeypatch: pytest.MonkeyPatch
) -> None:
    def open_all_but_dynamic(self: BenchmarkTarget, recipe: str, *, threads: int, runtime: str) -> Classifier:
        if recipe == "dynamic":
            raise BadData("tflite-runtime 2.14.0 cannot run this model: Didn't find op", "Take another recipe.")
        return usual(self, recipe, threads=threads, runtime=runtime)

    usual = BenchmarkTarget.open
    monkeypatch.setattr(BenchmarkTarget, "open", open_all_but_dynamic)
    monkeypatch.setattr("tlpipe_edge.bench.run.emulated", lambda: True)

    def bench_all(*recipes: str) -> Document:
        of, options = target.read_target(bundle.path, BenchOptions(recipes=recipes)), BenchOptions(recipes=recipes)
        return benches.document_of(run.bench(of, target.find_images(of, None), options, command="tlpipe-edge bench"))

    document = bench_all()
    schema.validate(document)
    assert [each["recipe"] for each in document["results"]] == ["float32", "float16", "int8"]
    assert document["skipped"][0]["recipe"] == "dynamic" and "skipped: dynamic: " in rendered(document)
    with pytest.raises(BadData, match="cannot run this model"):
        bench_all("dynamic", "int8")


def test_a_damaged_file_is_not_taken_for_one_that_the_runtime_cannot_run(bundle: Bundle, tmp_path: Path) -> None:
    copied = Path(shutil.copytree(bundle.path, tmp_path / "copied"))
    (copied / bundle.artifact("dynamic").file).write_bytes(b"damaged")
    of = target.read_target(copied, BenchOptions())

    with pytest.raises(BadData, match="but it was written with"):
        run.bench(of, target.find_images(of, None), BenchOptions(), command="tlpipe-edge bench")


def test_keras_is_timed_both_ways_with_raw_samples(benchmark: Document, bundle: Bundle) -> None:
    keras = benchmark["keras"]

    assert keras["sha256"] == bundle.manifest.provenance.keras_sha256
    for name in ("predict", "compiled"):
        samples = keras["samples_ms"][name]
        assert keras[f"{name}_ms"]["runs"] == len(samples) == 20
        assert keras[f"{name}_ms"]["p50"] == pytest.approx(np.median(samples))
    assert keras["predict_ms"]["p50"] > keras["compiled_ms"]["p50"]
    assert set(keras["versions"]) == {"tensorflow", "keras"}
    assert any(reason.startswith("Keras: predict: too short") for reason in benchmark["invalid_reasons"])


def test_each_result_is_compared_with_keras(benchmark: Document) -> None:
    keras = benchmark["keras"]
    for result in benchmark["results"]:
        p50 = result["invoke_ms"]["p50"]
        assert result["speedup"]["predict"] == pytest.approx(keras["predict_ms"]["p50"] / p50)
        assert result["speedup"]["compiled"] == pytest.approx(keras["compiled_ms"]["p50"] / p50)
        assert result["size_ratio"] == pytest.approx(keras["bytes"] / result["bytes"])
        assert result["top1_difference"] == pytest.approx(result["top1"] - keras["top1"])


def test_the_table_has_both_ways_of_keras_and_every_recipe(benchmark: Document) -> None:
    shown = rendered(benchmark)
    keras = benchmark["keras"]

    assert f"{keras['predict_ms']['p50']:.2f} ms" in shown and f"{keras['compiled_ms']['p50']:.2f} ms" in shown
    for result in benchmark["results"]:
        assert f"{result['invoke_ms']['p50']:.2f} ms" in shown and f"{result['speedup']['compiled']:.1f}x" in shown
        assert f"{result['size_ratio']:.1f}x" in shown
        assert f" {1000 / result['end_to_end_ms']['p50']:.1f} " in shown, "frames a second"
    assert shown.count("(invalid)") == 2 + 2 * len(benchmark["results"]), "each time, and each speed-up over Keras"


def test_an_image_that_changed_since_the_splits_is_refused(run: Run, tmp_path: Path) -> None:
    photographs = Dataset.read(run.best_stage / "splits.json")
    example = photographs.splits["test"][0]
    changed = tmp_path / example.file.name
    changed.write_bytes(example.file.read_bytes() + b"\0")
    moved = dataset.Example(changed, example.label, example.sha256)

    with pytest.raises(BadData, match="changed since the splits were made"):
        measure.labelled_images(ScoredImages("test", (moved,)))
    gone = dataset.Example(tmp_path / "gone.png", example.label, example.sha256)
    assert measure.labelled_images(ScoredImages("test", (gone,))).items[0].sha256 == example.sha256


def test_the_command_keeps_the_document_and_meets_its_own_baseline(
    tlpipe: Callable[..., Any], bundle: Bundle, benchmark: Document, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(measure, "bench", lambda *_, **__: benches.bench(trusted(benchmark)))
    table = tlpipe("bench", bundle.path, "--recipe", "int8", "--out", "stored.json")
    assert table.code == 0 and "int8" in table.stdout
    stored = json.loads((tmp_path / "stored.json").read_text())
    assert stored == trusted(benchmark)

    done = tlpipe("bench", bundle.path, "--baseline", "stored.json", "--json")
    assert done.code == 0 and json.loads(done.stdout) == stored
    assert "not worse than stored.json, in 4 measurements" in done.stderr


def test_the_command_exits_with_one_and_says_what_got_worse(
    tlpipe: Callable[..., Any], bundle: Bundle, benchmark: Document, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    before = trusted(benchmark)
    before["results"][3]["invoke_ms"] |= {"p50": before["results"][3]["invoke_ms"]["p50"] / 2, "min": 0.0}
    (tmp_path / "stored.json").write_text(json.dumps(before))
    monkeypatch.setattr(measure, "bench", lambda *_, **__: benches.bench(trusted(benchmark)))

    done = tlpipe("bench", bundle.path, "--baseline", "stored.json")
    assert done.code == 1 and "int8, 1 thread: the network alone" in done.stderr and "(2.00 times)" in done.stderr
    assert tlpipe("bench", bundle.path, "--baseline", "stored.json", "--max-slowdown", "2.5").code == 0


def test_a_missing_baseline_is_told_before_minutes_are_spent(
    tlpipe: Callable[..., Any], bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measure, "bench", lambda *_, **__: pytest.fail("measured"))
    done = tlpipe("bench", bundle.path, "--baseline", "gone.json")

    assert done.code == 66 and "gone.json: no such baseline" in done.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--out", "folder", "--overwrite"], "folder: a folder\nName a file in it, such as folder/bench.json."),
        (["--out", "stored.json", "--overwrite", "--baseline", "./stored.json"], "stored.json: is the baseline"),
        (["--runtime", "tensorflow"], "no runtime tensorflow"),
        (["--threads", "0"], "0: not numbers of threads"),
    ],
)
def test_wrong_usage_is_told_before_minutes_are_spent(
    tlpipe: Command, bundle: Bundle, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, options: list[str], said: str
) -> None:
    monkeypatch.setattr(measure, "bench", lambda *_, **__: pytest.fail("measured"))
    (tmp_path / "folder").mkdir()
    (tmp_path / "stored.json").write_text("kept")
    done = tlpipe("bench", bundle.path, *options)

    assert done.code == 2 and said in done.stderr
    assert (tmp_path / "stored.json").read_text() == "kept"


def test_what_devices_measured_survives_an_error_here(
    bundle: Bundle, tlpipe: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def without_a_runtime(*_: Any, **__: Any) -> None:
        raise Unavailable("the TFLite runtime is not installed (tflite-runtime)", "pip install tflite-runtime")

    there = benches.document(recipes=["int8"], keras=False, address="ssh://pi@one")
    monkeypatch.setattr(measure, "bench", without_a_runtime)
    monkeypatch.setattr(measure, "elsewhere", lambda *_, **__: benches.bench(there))

    done = tlpipe("bench", bundle.path, "--device", "ssh://pi@one", "--out", "there.json")
    assert done.code == 69 and "error: the TFLite runtime is not installed" in done.stderr
    assert json.loads((tmp_path / "there.json").read_text())["device"]["address"] == "ssh://pi@one"
    assert "int8" in done.stdout


def test_a_baseline_of_another_machine_is_told_before_minutes_are_spent(
    tlpipe: Callable[..., Any], bundle: Bundle, benchmark: Document, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(measure, "bench", lambda *_, **__: pytest.fail("measured"))
    pi = trusted(benchmark) | {"device": benchmark["device"] | {"board": "Raspberry Pi 5"}}
    (tmp_path / "pi.json").write_text(json.dumps(pi))
    done = tlpipe("bench", bundle.path, "--baseline", "pi.json")

    assert done.code == 65 and "pi.json: no benchmark of drawn on" in done.stderr and "Raspberry Pi 5" in done.stderr


def trusted(document: Document) -> Document:
    """The document as if the rules had been met."""
    document = copy.deepcopy(document)
    for part in (document, document["keras"], *document["results"]):
        part |= {"valid": True, "invalid_reasons": [], "reasons": []}
    return document


def test_devices_are_side_by_side_in_one_table(
    bundle: Bundle, benchmark: Document, tlpipe: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = benches.document(recipes=["int8"], keras=False, address="ssh://pi@one")
    monkeypatch.setattr(measure, "bench", lambda *_, **__: benches.bench(trusted(benchmark)))
    monkeypatch.setattr(measure, "elsewhere", lambda *_, **__: benches.bench(there))

    done = tlpipe("bench", bundle.path, "--device", "ssh://pi@one", "--out", "both.json")
    rows = [line.split() for line in done.stdout.splitlines()]
    shown = [(row[1], row[2]) for row in rows if row[:1] == ["ssh://pi@one"]]
    assert shown == [("int8", "1"), ("int8", f"{there['results'][0]['bytes'] / 1e6:.2f}")]
    assert sum(row[:2] == ["this", "machine"] for row in rows) == 2 * (1 + len(RECIPES)) + 1
    smaller = benchmark["keras"]["bytes"] / there["results"][0]["bytes"]
    (quality,) = [row for row in rows if row[:3] == ["ssh://pi@one", *shown[1]]]
    assert quality[-2:] == [f"{smaller:.1f}x", "-"], "no top-1 against Keras: these are other images"
    stored = json.loads(Path("both.json").read_text())
    assert [each["device"]["address"] for each in stored["benches"]] == [None, "ssh://pi@one"]


def test_a_device_with_the_same_images_is_held_against_keras_too(benchmark: Document) -> None:
    here, there = trusted(benchmark), trusted(benchmark)
    there |= {"keras": None, "device": there["device"] | {"address": "ssh://pi@one"}}
    for result in there["results"]:
        result["top1"] = here["keras"]["top1"] - 0.1
    shown = rendered(here, there).splitlines()

    assert sum(line.startswith("ssh://pi@one") and line.endswith(" 10.0 %") for line in shown) == len(RECIPES)


def test_without_an_image_that_can_be_read_there_is_nothing_to_measure(
    bundle: Bundle, tmp_path: Path, tlpipe: Command
) -> None:
    for label in bundle.manifest.labels:
        (tmp_path / "photographs" / label).mkdir(parents=True)
        (tmp_path / "photographs" / label / "one.jpg").write_bytes(b"\xff\xd8\xff no picture")

    done = tlpipe("bench", bundle.path, "--data", tmp_path / "photographs")
    assert done.code == 65 and "error: none of the 3 images can be read" in done.stderr


def test_a_disturbed_latency_of_keras_is_measured_again(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    timed: list[str] = []
    disturbances = [[Reason("disturbed", "other processes used 0.41 of 2 cores")], []]
    latency = Latency((5.0,) * 2000)
    monkeypatch.setattr(keras_timing, "_timed", lambda name, *_, **__: timed.append(name) or latency)
    monkeypatch.setattr(validity, "disturbances", lambda *_, **__: disturbances.pop(0))
    monkeypatch.setattr(Repeats, "_is_calm", lambda *_: True)
    file = original(bundle, None)
    images = images_of(bundle, file)
    keras = keras_timing.measure(
        keras_timing.score(bundle, file, images.examples), measure.labelled_images(images), bundle
    )

    assert keras.valid and [each.kind for each in keras.discarded] == ["disturbed"]
    assert len(timed) == 4, "both ways of calling Keras, twice"


def test_one_way_to_call_keras_can_be_timed_alone(
    bundle: Bundle, benchmark: Document, schema: jsonschema.Draft202012Validator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keras_timing, "_timed", lambda *_, **__: Latency((5.0,) * 2000))
    file = original(bundle, None)
    images = images_of(bundle, file)
    scored, found = keras_timing.score(bundle, file, images.examples), measure.labelled_images(images)
    keras = keras_timing.measure(scored, found, bundle, calls=("compiled",))
    document = benches.document_of(measure.with_keras(benches.bench(benchmark), keras))

    schema.validate(document)
    assert document["keras"]["predict_ms"] is None and document["keras"]["compiled_ms"]["p50"] == 5.0
    shown = rendered(document)
    assert "Keras compiled" in shown and "Keras predict" not in shown


def test_after_a_wait_in_vain_keras_is_not_waited_for_either(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    busy = Reason("disturbed", "other processes used 0.41 of 2 cores")
    waits: list[int] = []
    monkeypatch.setattr(timing, "measure", lambda *_, **__: Timed(Timing(), (busy,)))
    monkeypatch.setattr(keras_timing, "_with_latencies", lambda known, *_: replace(known, **vars(judged([busy]))))
    monkeypatch.setattr(Repeats, "_is_calm", lambda _, threads: waits.append(threads))
    bench = measure.bench(bundle, BenchOptions(recipes=("float32", "int8")), command="tlpipe bench")

    assert bench.keras and bench.keras.reasons == (busy,) and len(bench.reasons) == 3
    assert waits == [1], "one wait for the whole benchmark"


def test_an_emulated_workstation_has_no_latency_of_keras_either(
    bundle: Bundle,
    benchmark: Document,
    schema: jsonschema.Draft202012Validator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(keras_timing, "emulated", lambda: True)
    monkeypatch.setattr(run, "emulated", lambda: True)
    document = benches.document_of(measure.bench(bundle, BenchOptions(recipes=("int8",)), command="tlpipe bench"))

    schema.validate(document)
    assert document["keras"]["predict_ms"] is None and document["keras"]["top1"] == benchmark["keras"]["top1"]
    assert "emulated" in rendered(document)


def test_a_device_that_is_not_there_does_not_cost_the_results_of_the_others(
    bundle: Bundle, benchmark: Document, tlpipe: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A real ssh, which finds the port closed."""
    monkeypatch.setattr(measure, "bench", lambda *_, **__: benches.bench(trusted(benchmark)))

    gone = "ssh://nobody@127.0.0.1:1"
    there = benches.document(recipes=["int8"], keras=False, address="ssh://pi@one")
    elsewhere = measure.elsewhere
    monkeypatch.setattr(
        measure,
        "elsewhere",
        lambda at, *rest, **given: benches.bench(there) if at.host == "one" else elsewhere(at, *rest, **given),
    )

    done = tlpipe("bench", bundle.path, "--device", gone, "--device", "ssh://pi@one", "--json")
    assert [each["device"]["address"] for each in json.loads(done.stdout)["benches"]] == [None, "ssh://pi@one"]
    assert f"warning: {gone}: ssh cannot connect: Connection refused; Is it switched on?" in done.stderr
    assert done.code == 69 and f"error: {gone}: ssh cannot connect: Connection refused\n" in done.stderr


def test_where_no_device_is_there_nothing_is_measured_here(
    bundle: Bundle, tlpipe: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measure, "bench", lambda *_, **__: pytest.fail("measured"))

    done = tlpipe("bench", bundle.path, "--device", "ssh://nobody@127.0.0.1:1")
    assert done.code == 69 and done.stdout == "" and "warning" not in done.stderr


def test_an_address_that_is_none_is_said_before_anything_is_measured(bundle: Bundle, tlpipe: Command) -> None:
    done = tlpipe("bench", bundle.path, "--device", "raspberrypi.local")
    assert done.code == 2 and "not an ssh address" in done.stderr and done.stdout == ""


def test_a_stored_report_is_not_overwritten_and_a_wrong_recipe_is_said_at_once(
    bundle: Bundle, tlpipe: Command, tmp_path: Path
) -> None:
    (tmp_path / "stored.json").write_text("kept")
    done = tlpipe("bench", bundle.path, "--out", "stored.json")
    assert done.code == 2 and "stored.json: exists already" in done.stderr
    assert (tmp_path / "stored.json").read_text() == "kept"

    done = tlpipe("bench", bundle.path, "--recipe", "int4")
    assert done.code == 2 and "no format int4" in done.stderr and "scoring" not in done.stderr
