"""What report.json says of groups and rows: all that is derived from what was measured."""

import json
from importlib.resources import files
from pathlib import Path

import benches
import jsonschema
import pytest
import reports
from reports import changed, made

from tlpipe.evaluation.significance import mcnemar
from tlpipe.reporting.derive import groups
from tlpipe_edge.contract.bundle import Bundle

SCHEMA = json.loads((files("tlpipe") / "schemas/report.schema.json").read_text("utf-8"))
DEVICE = benches.document(keras=False)
WORKSTATION = benches.document(board="Workstation", slower=0.4, threads=(1, 2))
REASON = "disturbed: other processes used 1.12 of 2 cores"


@pytest.mark.parametrize(
    "documents",
    [
        [DEVICE],
        [WORKSTATION],
        [DEVICE, WORKSTATION],
        [benches.emulated(DEVICE)],
        [benches.invalid(WORKSTATION, REASON, rows=[0, 3])],
        [benches.invalid(WORKSTATION, REASON, rows=range(8))],
        [changed(DEVICE, 0, **dict.fromkeys(("top1", "top1_interval", "per_class", "confusion", "disagreements")))],
        [DEVICE | {"images": None}],
    ],
    ids=["device", "workstation", "both", "emulated", "partly invalid", "invalid", "unlabelled", "no images"],
)
@pytest.mark.parametrize("with_bundle", [False, True], ids=["alone", "with a bundle"])
def test_every_report_is_as_its_schema_says(
    tmp_path: Path, documents: list[benches.Document], with_bundle: bool
) -> None:
    bundle = reports.bundle(tmp_path) if with_bundle else None
    if bundle:
        manifest = Bundle.open(bundle).manifest
        documents = [benches.document(labels=manifest.labels, recipes=("int8",)) for _ in documents[:1]]
        documents[0]["model"]["keras_sha256"] = manifest.provenance.keras_sha256
    out = reports.write(tmp_path, *documents, bundle=bundle)

    jsonschema.validate(reports.read(out), SCHEMA, cls=jsonschema.Draft202012Validator)
    assert {file.name for file in out.iterdir()} == {"report.json", "report.html", "report.md", "report.csv"}


def test_the_schema_is_one_and_names_every_key() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    document = made(WORKSTATION)
    for path in ("verdict", "model"):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(document | {path: document[path] | {"another": 1}}, SCHEMA)


def test_a_difference_is_noise_by_mcnemars_test() -> None:
    """Five images on which the artifact alone is wrong are not enough for a p below 0.05, six are."""
    assert mcnemar(5, 0) == pytest.approx(0.0625) and mcnemar(6, 0) == pytest.approx(0.03125)
    document = benches.document(recipes=("int8",))
    lost = [each for each in document["results"][0]["disagreements"] if each["keras"] == each["truth"]][:1]
    for count, noise in ((5, True), (6, False)):
        others = {"disagreements": lost * count, "agreement": 1 - count / 307}
        scored = made(changed(document, 0, **others))["groups"][0]["rows"][0]["accuracy"]
        assert scored["within_noise"] is noise
        assert scored["p"] == pytest.approx(mcnemar(count, 0))


def test_without_keras_its_accuracy_comes_from_the_disagreements() -> None:
    """A Pi has no TensorFlow: what Keras answered is known from the bundle's reference."""
    beside, alone = (made(benches.document(recipes=("int8",), keras=k))["groups"][0] for k in (True, False))

    assert not beside["keras"]["derived"] and alone["keras"]["derived"]
    assert alone["keras"]["accuracy"]["top1"] == pytest.approx(beside["keras"]["accuracy"]["top1"])
    for ours, theirs in zip(alone["rows"], beside["rows"], strict=True):
        assert ours["accuracy"]["difference"] == pytest.approx(theirs["accuracy"]["difference"])
        assert ours["accuracy"]["p"] == theirs["accuracy"]["p"]
    assert alone["keras"]["accuracy"]["per_class"] == beside["keras"]["accuracy"]["per_class"]
    assert all(row["speedup"] is None for row in alone["rows"])


def test_keras_is_as_large_on_every_device(tmp_path: Path) -> None:
    """What its answers are known from has no size; the file that was measured beside has."""
    emulated, unknown = benches.emulated(DEVICE), benches.document(board="Another", seed=1)
    unknown["keras"] |= {"bytes": None}
    out = reports.write(tmp_path, emulated, WORKSTATION, unknown)
    groups = reports.read(out)["groups"]

    assert [group["keras"]["bytes"] for group in groups] == [benches.KERAS_BYTES] * 3
    assert [group["keras"]["derived"] for group in groups] == [True, False, False]
    rows = [row for row in reports.page(out).all("tr") if row.has("keras")]
    assert ["27.10 MB" in row.text for row in rows] == [True] * 3
    assert made(emulated)["groups"][0]["keras"]["bytes"] is None


def test_incomplete_or_contradictory_disagreements_prove_nothing() -> None:
    document = benches.document(keras=False, recipes=("int8",))
    half = changed(document, 0, disagreements=document["results"][0]["disagreements"][:1])
    count = len(document["results"][0]["disagreements"])
    others = changed(document, 0, compared=100, agreement=1 - count / 100)
    lost = [each for each in document["results"][0]["disagreements"] if each["keras"] == each["truth"]]
    contradiction = changed(document, 0, disagreements=lost[:1] * 100, agreement=1 - 100 / 307)

    for incomplete in (half, others, contradiction):
        group = made(incomplete)["groups"][0]
        assert group["keras"] is None
        assert group["rows"][0]["accuracy"]["difference"] is None


@pytest.mark.parametrize(
    ("answered", "compared", "known"),
    [
        (True, 307, True),  # the device cannot read an image that Keras could
        (False, 306, True),  # nobody can read it
        (True, 306, False),  # the device cannot read it, and of another one nobody knows what Keras says
        (False, 305, False),
        (False, 307, False),  # more than there can be
    ],
)
@pytest.mark.parametrize("keras", [True, False])
def test_a_failed_image_that_keras_answered_does_not_stand_for_one_that_it_did_not(
    *, answered: bool, compared: int, known: bool, keras: bool
) -> None:
    document = benches.document(keras=keras, recipes=("int8",))
    others = [each | {"answer": None, "score": None} for each in document["results"][0]["disagreements"][:1]]
    others += document["results"][0]["disagreements"][1:]
    file = others[0]["file"] if answered else "/home/pi/another.jpg"
    document["images"] |= {"failed": [{"file": file, "reason": "not an image"}]}
    of_file = {"disagreements": others, "compared": compared, "agreement": 1 - len(others) / compared}
    group = made(changed(document, 0, **of_file))["groups"][0]

    assert (group["rows"][0]["accuracy"]["p"] is not None) is known
    assert (group["keras"] is not None) is (known or keras)


def test_the_front_is_what_nothing_beats() -> None:
    rows = made(benches.document())["groups"][0]["rows"]
    places = [(row["invoke_ms"]["p50"], -row["accuracy"]["top1"]) for row in rows]
    for row, place in zip(rows, places, strict=True):
        beaten = any(other != place and other[0] <= place[0] and other[1] <= place[1] for other in places)
        assert row["on_front"] is not beaten
    assert 1 < sum(row["on_front"] for row in rows) < 4


def test_an_emulated_device_has_no_latency_whatever_the_bench_says() -> None:
    emulated = DEVICE | {"conditions": DEVICE["conditions"] | {"emulated": True}}
    document = made(emulated)

    for row in document["groups"][0]["rows"]:
        assert row["invoke_ms"] is row["end_to_end_ms"] is row["throughput_per_s"] is row["peak_memory_mb"] is None
        assert row["stages_ms"] == row["quantiles_ms"] == row["cold_start_ms"] == {}
    assert "latency is not measured" in document["verdict"]["text"]


def test_images_that_were_trained_on_are_a_caution() -> None:
    document = benches.document()
    for count, cautioned in ((0, 0), (12, 1)):
        said = made(document | {"images": document["images"] | {"trained_on": count}})["warnings"]
        texts = ["".join(part["text"] for part in sentence) for sentence in said]
        assert sum("12 of these images were used for training" in text for text in texts) == cautioned


def test_several_devices_are_side_by_side(tmp_path: Path) -> None:
    together = {"schema": 1, "benches": [DEVICE, WORKSTATION]}
    one, two = made(together), made(DEVICE, WORKSTATION)

    names = ["Raspberry Pi 5 Model B Rev 1.0", "Workstation"]
    assert [group["name"] for group in one["groups"]] == [group["name"] for group in two["groups"]] == names
    assert all(name in one["verdict"]["text"] for name in names)
    table = next(reports.page(reports.write(tmp_path, together)).all("table"))
    assert [head.text.split(",")[0] for head in table.all("b")] == names


def test_devices_of_one_kind_are_told_apart_and_a_file_named_twice_is_one() -> None:
    first, second = (benches.document(address=f"ssh://pi@{name}:22", keras=False) for name in ("kitchen", "shed"))
    third = benches.document(keras=False, seed=1)
    names = [group["name"] for group in made(first, second, third, third)["groups"]]

    board = "Raspberry Pi 5 Model B Rev 1.0"
    assert names == [f"{board}, ssh://pi@kitchen:22", f"{board}, ssh://pi@shed:22", board]


def test_an_evaluation_that_a_bench_repeats_is_not_shown_twice(tmp_path: Path) -> None:
    bundle = reports.bundle(tmp_path)
    manifest = Bundle.open(bundle).manifest
    bench = benches.document(labels=manifest.labels, recipes=("int8",), images=40)
    bench["model"]["keras_sha256"] = manifest.provenance.keras_sha256
    evaluation = json.loads((bundle / "evaluation.json").read_text())
    rates = {key: evaluation["artifacts"][0][key] for key in ("sha256", "top1", "top1_interval", "per_class")}
    bench = changed(bench, 0, **rates)
    bench["keras"] |= {key: evaluation["keras"][key] for key in ("top1", "top1_interval", "per_class")}
    document = reports.read(reports.write(tmp_path, bench, bundle=bundle))

    assert [group["name"] for group in document["groups"]] == ["Raspberry Pi 5 Model B Rev 1.0"]


def test_a_file_that_the_bundle_holds_no_more_is_warned_of(tmp_path: Path) -> None:
    bundle = reports.bundle(tmp_path)
    manifest = Bundle.open(bundle).manifest
    other = benches.document(labels=manifest.labels, recipes=("int8",))
    other["model"]["keras_sha256"] = manifest.provenance.keras_sha256
    document = reports.read(reports.write(tmp_path, other, bundle=bundle))

    said = ["".join(part["text"] for part in warning) for warning in document["warnings"]]
    assert "Raspberry Pi 5 Model B Rev 1.0: int8 is not the current file of the bundle" in said


def test_a_file_that_a_device_could_not_run_is_warned_of() -> None:
    warnings = made(DEVICE | {"skipped": [{"recipe": "dynamic", "reason": "this runtime is too old"}]})["warnings"]

    said = ["".join(part["text"] for part in warning) for warning in warnings]
    assert said == ["Raspberry Pi 5 Model B Rev 1.0: dynamic was skipped: this runtime is too old"]


def test_stages_are_listed_in_the_order_of_the_work() -> None:
    shuffled = dict(reversed(DEVICE["results"][0]["stages_ms"].items()))
    row = made(changed(DEVICE, 0, stages_ms=shuffled))["groups"][0]["rows"][0]

    assert tuple(row["stages_ms"]) == groups.STAGES


def test_the_page_writes_times_as_people_do(tmp_path: Path) -> None:
    document = benches.document()
    times = [node.text for node in reports.page(reports.write(tmp_path, document)).all("time")]
    document["conditions"]["date"] = "<yesterday>T"
    others = [node.text for node in reports.page(reports.write(tmp_path, document, name="other")).all("time")]

    assert "2026-11-24 10:05 UTC" in times and "<yesterday>T" in others
