"""What the report says: its verdict, what is derived, what it refuses, and that it is there whole or not at all."""

import hashlib
import json
import shutil
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import benches
import jsonschema
import pytest
import reports
from PIL import Image

from tlpipe import report
from tlpipe.report import choice, groups, numbers, sources
from tlpipe.report.document import Basis
from tlpipe.significance import mcnemar
from tlpipe_edge.bundle import Bundle
from tlpipe_edge.errors import BadData, MissingInput, WrongUsage

Command = Callable[..., Any]

SCHEMA = json.loads((files("tlpipe") / "schemas/report.schema.json").read_text("utf-8"))
DEVICE = benches.document(keras=False)
WORKSTATION = benches.document(board="Workstation", slower=0.4, threads=(1, 2))
REASON = "disturbed: other processes used 1.12 of 2 cores"


def changed(document: benches.Document, row: int, **values: Any) -> benches.Document:
    """The same with other values in one result."""
    results = [each | (values if number == row else {}) for number, each in enumerate(document["results"])]
    return document | {"results": results}


def made(*documents: benches.Document) -> Any:
    """The report on these benches, in memory, as JSON."""
    named = [(f"{number}.json", document) for number, document in enumerate(documents)]
    return json.loads(report.build.report(sources.gather(None, named)).to_json())


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


def test_a_bundle_alone_is_reported_without_latency(tmp_path: Path) -> None:
    out = reports.write(tmp_path, bundle=reports.bundle(tmp_path))
    document = reports.read(out)

    assert document["verdict"]["text"] == (
        "Take int8: a file of 0.63 MB; top-1 is 90.0 % on 40 images, 2.5 points below Keras, within noise (p = 1.00); "
        "its latency is not measured yet."
    )
    assert [stage["best"] for stage in document["training"]] == [3, 2]
    assert "median latency" not in reports.page(out).text
    assert not list(reports.page(out).all("script"))


def test_the_verdict_names_file_device_speed_size_and_accuracy() -> None:
    document = made(benches.document())
    (choice,) = document["verdict"]["choices"]
    row = document["groups"][0]["rows"][choice["row"]]

    assert row["recipe"] == "int8"
    numbers = {part["unit"]: part["value"] for part in choice["sentence"] if part["unit"]}
    assert numbers["ms"] == row["invoke_ms"]["p50"]
    assert numbers["times as"] == row["size_ratio"] == pytest.approx(benches.KERAS_BYTES / benches.SIZES["int8"])
    assert numbers["percent"] == row["accuracy"]["top1"]
    assert document["verdict"]["text"].startswith("Take int8 on Raspberry Pi 5 Model B Rev 1.0: ")
    assert document["verdict"]["text"] == "".join(part["text"] for part in document["verdict"]["sentence"])


def test_the_fastest_file_is_taken_only_where_it_is_near_enough_to_keras() -> None:
    document = benches.document()
    far = changed(document, 3, top1=document["keras"]["top1"] - 0.03)

    assert made(document)["verdict"]["choices"][0]["row"] == 3
    assert made(far)["verdict"]["choices"][0]["row"] in (0, 1)


def test_of_files_equally_fast_the_smaller_one_is_taken() -> None:
    document = benches.document(recipes=("float32", "float16"))
    fast, slow = (each["invoke_ms"]["p50"] for each in document["results"])

    assert 1 < slow / fast < choice.AS_FAST
    assert made(document)["verdict"]["choices"][0]["row"] == 1


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


def test_the_front_is_what_nothing_beats() -> None:
    rows = made(benches.document())["groups"][0]["rows"]
    places = [(row["invoke_ms"]["p50"], -row["accuracy"]["top1"]) for row in rows]
    for row, place in zip(rows, places, strict=True):
        beaten = any(other != place and other[0] <= place[0] and other[1] <= place[1] for other in places)
        assert row["on_front"] is not beaten
    assert 1 < sum(row["on_front"] for row in rows) < 4


def test_an_invalid_latency_is_neither_chosen_nor_on_the_front() -> None:
    document = made(benches.invalid(benches.document(), REASON, rows=[3]))
    group = document["groups"][0]

    assert document["verdict"]["choices"][0]["row"] != 3
    assert not group["rows"][3]["on_front"] and not group["valid"]
    assert [part["value"] for part in group["doubt"] if part["unit"]] == [1, 4]


def test_where_everything_is_invalid_nothing_is_chosen_by_latency() -> None:
    document = made(benches.invalid(benches.document(), REASON, rows=range(4)))
    (chosen,) = document["verdict"]["choices"]

    assert document["verdict"]["text"].startswith(
        "No latency on Raspberry Pi 5 Model B Rev 1.0 is valid (disturbed); until one is, "
    )
    assert chosen["basis"] == Basis.SIZE
    assert " ms" not in document["verdict"]["text"]
    assert not document["groups"][0]["keras"]["valid"]  # it was timed in the same run


def test_a_run_that_is_invalid_as_a_whole_has_no_valid_row() -> None:
    rows = made(DEVICE | {"valid": False, "invalid_reasons": ["throttled"]})["groups"][0]["rows"]

    assert {(row["valid"], *row["invalid_reasons"]) for row in rows} == {(False, "throttled")}


def test_a_bench_that_hides_why_it_is_invalid_is_still_invalid() -> None:
    row = made(changed(DEVICE, 0, valid=False))["groups"][0]["rows"][0]

    assert not row["valid"] and row["invalid_reasons"] == ["no reason is given"]


def test_an_emulated_device_has_no_latency_whatever_the_bench_says() -> None:
    emulated = DEVICE | {"conditions": DEVICE["conditions"] | {"emulated": True}}
    document = made(emulated)

    for row in document["groups"][0]["rows"]:
        assert row["invoke_ms"] is row["end_to_end_ms"] is row["throughput_per_s"] is None
        assert row["stages_ms"] == row["quantiles_ms"] == row["cold_start_ms"] == {}
    assert "nothing was timed" in document["verdict"]["text"]


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


@pytest.mark.parametrize(
    ("reason", "kind"),
    [(REASON, "disturbed"), ("throttled", "throttled"), ("predict: spread too high: 1.35", "predict: spread too high")],
)
def test_a_reason_has_a_kind(reason: str, kind: str) -> None:
    assert choice.kind(reason) == kind


def test_accuracy_is_of_so_many_images_as_are_labelled() -> None:
    document = benches.document()
    document["images"] |= {"labelled": 100}

    assert "on 100 images" in made(document)["verdict"]["text"]


def test_the_evaluation_tells_what_a_bench_of_few_images_cannot(tmp_path: Path) -> None:
    """tlpipe-edge bench without --data scores the golden images alone."""
    bundle = reports.bundle(tmp_path)
    manifest = Bundle.open(bundle).manifest
    few = benches.document(labels=manifest.labels, recipes=("int8",), images=6, keras=False)
    few["model"]["keras_sha256"] = manifest.provenance.keras_sha256
    few = changed(few, 0, sha256=manifest.artifacts[0].sha256, disagreements=[], agreement=1.0)
    document = reports.read(reports.write(tmp_path, few, bundle=bundle))

    (choice,) = document["verdict"]["choices"]
    assert (choice["images"], choice["accuracy"]["top1"]) == (40, 0.9)
    assert [group["name"] for group in document["groups"]][1] == "Evaluation"


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
    assert "Raspberry Pi 5 Model B Rev 1.0: int8 is not the file that the bundle holds now" in said


def test_a_file_that_a_device_could_not_run_is_warned_of() -> None:
    warnings = made(DEVICE | {"skipped": [{"recipe": "dynamic", "reason": "this runtime is too old"}]})["warnings"]

    said = ["".join(part["text"] for part in warning) for warning in warnings]
    assert said == ["Raspberry Pi 5 Model B Rev 1.0: dynamic was left out: this runtime is too old"]


def test_only_a_report_is_replaced_and_only_when_told_so(tmp_path: Path) -> None:
    out = reports.write(tmp_path, DEVICE)
    bench, before = tmp_path / "out-0.json", (out / "report.json").read_bytes()

    with pytest.raises(WrongUsage, match="exists already"):
        report.of_paths([bench], out)
    assert (out / "report.json").read_bytes() == before
    (out / "left.txt").write_text("")
    report.of_paths([bench], out, overwrite=True)
    assert not (out / "left.txt").exists()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.txt").write_text("years")
    with pytest.raises(WrongUsage, match=r"it holds something else \(no report\.json\)"):
        report.of_paths([bench], tmp_path / "mine", overwrite=True)
    assert (tmp_path / "mine/thesis.txt").read_text() == "years"


def test_a_failure_in_the_middle_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = reports.write(tmp_path, DEVICE)
    before = {file.name: file.read_bytes() for file in out.iterdir()}

    def fail(_: object) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(report.sheet, "render", fail)
    for place in (out, tmp_path / "new"):
        with pytest.raises(OSError, match="No space left"):
            report.of_paths([tmp_path / "out-0.json"], place, overwrite=True)
    assert {file.name: file.read_bytes() for file in out.iterdir()} == before
    assert sorted(file.name for file in tmp_path.iterdir()) == ["out", "out-0.json"]


def photograph(file: Path, colour: str = "red") -> str:
    """A photograph with a place and an orientation in its EXIF data; its sha256."""
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "a camera's secret"
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (640, 320), colour).save(file, exif=exif)
    return hashlib.sha256(file.read_bytes()).hexdigest()


def shown(folder: Path, *disagreements: tuple[str, str], bundle: Path | None = None) -> list[str | None]:
    """The thumbnails of a report on disagreements over these (sha256, file)."""
    document = benches.document(recipes=("int8",))
    first = document["results"][0]["disagreements"][0]
    rows = [first | {"image": sha256, "file": file} for sha256, file in disagreements]
    out = reports.write(folder, changed(document, 0, disagreements=rows), bundle=bundle)
    thumbnails = {each["image"]: each["thumbnail"] for each in reports.read(out)["disagreements"]}
    return [thumbnails[sha256] for sha256, _ in disagreements]


def test_thumbnails_are_small_upright_and_tell_nothing_else(tmp_path: Path) -> None:
    import base64
    import io

    sha256 = photograph(tmp_path / "photos/a.jpg")
    (uri,) = shown(tmp_path, (sha256, str(tmp_path / "photos/a.jpg")))

    assert uri is not None
    content = base64.b64decode(uri.removeprefix("data:image/jpeg;base64,"))
    picture = Image.open(io.BytesIO(content))
    assert picture.size == (96, 192) and not picture.getexif()
    assert b"secret" in (tmp_path / "photos/a.jpg").read_bytes() and b"secret" not in content
    assert len(content) < 10_000


def test_an_image_that_changed_or_is_gone_is_named_alone(tmp_path: Path) -> None:
    sha256, file = photograph(tmp_path / "photos/a.jpg"), str(tmp_path / "photos/a.jpg")
    other = photograph(tmp_path / "photos/b.jpg", "blue")
    text = tmp_path / "photos/private.txt"
    text.write_text("mine")
    secret = hashlib.sha256(b"mine").hexdigest()
    photograph(tmp_path / "photos/a.jpg", "green")
    (tmp_path / "photos/b.jpg").rename(tmp_path / "photos/key")

    key = (other, str(tmp_path / "photos/key"))  # not called an image: not read
    gone = ("1" * 64, str(tmp_path / "photos/gone.jpg"))
    assert shown(tmp_path, (sha256, file), gone, key, (secret, str(text)), ("0" * 64, "/dev/zero")) == [None] * 5
    assert "the image is not here" in (tmp_path / "out/report.html").read_text()
    assert str(tmp_path / "photos") not in (tmp_path / "out/report.html").read_text().replace("out-0.json", "")


def test_images_are_found_beside_the_bench_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sha256 = photograph(tmp_path / "photos/a.jpg")
    monkeypatch.chdir("/")

    assert shown(tmp_path, (sha256, "photos/a.jpg"))[0] is not None


def test_images_of_a_device_are_found_where_the_run_found_them(tmp_path: Path) -> None:
    from tlpipe.report.photographs import thumbnails

    bundle = Bundle.open(reports.bundle(tmp_path))
    golden = bundle.golden().files[0]
    wanted = {
        photograph(tmp_path / "photos/a.jpg"): "/home/pi/a.jpg",
        hashlib.sha256(golden.read_bytes()).hexdigest(): "/home/pi/b.png",
    }
    run = (bundle.path / bundle.manifest.provenance.keras_file).resolve().parent
    run.mkdir(parents=True)
    rows = [{"file": str(tmp_path / "photos/a.jpg"), "label": bundle.manifest.labels[0], "sha256": next(iter(wanted))}]
    document = {"source": "photos", "labels": bundle.manifest.labels, "cut_from_train": [], "unreadable": []}
    (run / "splits.json").write_text(json.dumps(document | {"splits": {"test": rows}}))

    assert set(thumbnails(wanted, bundle=bundle, beside=())) == set(wanted)
    shutil.rmtree(run)
    assert len(thumbnails(wanted, bundle=bundle, beside=())) == 1


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
    assert numbers.shown(value, unit) == text


def test_the_command_prints_the_verdict_and_the_page(tlpipe: Command, tmp_path: Path) -> None:
    (tmp_path / "bench.json").write_text(json.dumps(DEVICE))
    done = tlpipe("report", "bench.json", "--out", "reports/pi")

    assert done.code == 0 and "Traceback" not in done.stderr
    verdict, page = done.stdout.splitlines()
    assert verdict == reports.read(tmp_path / "reports/pi")["verdict"]["text"]
    assert (tmp_path / page).is_file()


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["gone.json", "--out", "out"], 66, "no such file or bundle"),
        (["bad.json", "--out", "out"], 65, "bad.json: not valid JSON"),
        (["bench.json"], 2, "--out"),
        (["--out", "out"], 2, "BUNDLE|FILE"),
        (["bench.json", "--out", "bench.json", "--overwrite"], 2, "it holds something else"),
        (["bench.json", "--out", "bench.json/out"], 2, "a file, so that nothing can be made below it"),
    ],
)
def test_what_a_user_gets_wrong_is_said(
    tlpipe: Command, tmp_path: Path, arguments: list[str], code: int, said: str
) -> None:
    (tmp_path / "bench.json").write_text(json.dumps(DEVICE))
    (tmp_path / "bad.json").write_text("{")
    done = tlpipe("report", *arguments)

    assert done.code == code and said in done.stderr and done.stdout == ""
    assert "Traceback" not in done.stderr and not (tmp_path / "out").exists()


def test_the_command_does_not_wait_for_tensorflow(in_a_process: Command, tmp_path: Path) -> None:
    bundle = reports.bundle(tmp_path)
    done = in_a_process(
        "import atexit, sys; import tlpipe.cli\n"
        "atexit.register(lambda: print({'tensorflow', 'keras', 'sklearn', 'matplotlib'} & set(sys.modules)))\n"
        "sys.argv[0] = 'tlpipe'; tlpipe.cli.main()",
        *("report", bundle, "--out", tmp_path / "out"),
    )

    assert done.returncode == 0 and done.stdout.endswith("set()\n"), done.stderr


def test_run_ends_with_what_it_measured(tmp_path: Path) -> None:
    """The seam of ``tlpipe run``: documents that were never written, with the tuples that dataclasses leave in them."""
    bundle = Bundle.open(reports.bundle(tmp_path))
    document = benches.document(labels=bundle.manifest.labels, recipes=("int8",))
    document["model"]["keras_sha256"] = bundle.manifest.provenance.keras_sha256
    document["device"]["throttling"] = ()
    document["model"]["labels"] = tuple(document["model"]["labels"])
    made = report.of_run(bundle, [document], tmp_path / "out")

    assert made.groups[0].rows[0].invoke_ms is not None and (tmp_path / "out/report.html").is_file()


def test_stages_are_listed_in_the_order_of_the_work() -> None:
    shuffled = dict(reversed(DEVICE["results"][0]["stages_ms"].items()))
    row = made(changed(DEVICE, 0, stages_ms=shuffled))["groups"][0]["rows"][0]

    assert tuple(row["stages_ms"]) == groups.STAGES
