"""Which layers int8 hurts: the figures are right, are stored in the bundle, and bad input is said."""

import json
import math
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter, OpResolverType

import tlpipe
from tlpipe.explaining import explain, images
from tlpipe.runs.run_folder import SPLITS, Run
from tlpipe_edge.contract import explanation
from tlpipe_edge.contract.bundle import EXPLANATION, MANIFEST, Bundle
from tlpipe_edge.contract.explanation import Explanation
from tlpipe_edge.contract.files import load_json
from tlpipe_edge.errors import BadData, MissingInput, TlpipeError, WrongUsage

IMAGES = 6
"""Of 64, so that the tests are quick."""


@pytest.fixture(autouse=True)
def few_images(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "MAX_IMAGES", IMAGES)


@pytest.fixture
def here(run: Run, bundle: Bundle, tmp_path: Path) -> Bundle:
    """A copy of the bundle and of its run, for a test to change."""
    shutil.copytree(run.path, tmp_path / "runs/drawn")
    copy = Bundle.open(shutil.copytree(bundle.path, tmp_path / "exported/drawn"))
    stage = copy.manifest.provenance.stage
    origin = replace(copy.manifest.provenance, keras_file=f"../../runs/drawn/{stage}/model.keras")
    return rewritten(copy, provenance=origin)


def rewritten(bundle: Bundle, **others: Any) -> Bundle:
    (bundle.path / MANIFEST).write_text(replace(bundle.manifest, **others).to_json())
    return Bundle.open(bundle.path)


def without(bundle: Bundle, *recipes: str) -> Bundle:
    left = tuple(each for each in bundle.manifest.artifacts if each.recipe not in recipes)
    return rewritten(bundle, artifacts=left)


def splits_of(bundle: Bundle) -> Path:
    """The splits of the run of a copied bundle, which the run does not list: a test may change them."""
    stage = (bundle.path / bundle.manifest.provenance.keras_file).resolve().parent
    (stage / "config.json").unlink()
    return stage / SPLITS


def moved_images(bundle: Bundle, moved: Callable[[int, str], str]) -> None:
    """Give other paths to the calibration images, by their place in the manifest and their path."""
    assert bundle.manifest.calibration
    places = {sha256: place for place, sha256 in enumerate(bundle.manifest.calibration.images)}
    splits = splits_of(bundle)
    document = json.loads(splits.read_text())
    for row in document["splits"]["train"]:
        row["file"] = moved(places[row["sha256"]], row["file"])
    splits.write_text(json.dumps(document))


def ratio(bundle: Bundle, tensors: tuple[int, int], pixels: np.ndarray) -> float:
    """The signal-to-noise ratio of the outputs of two operators, in LiteRT and double precision."""
    computed = []
    for recipe, step in zip(("float32", "int8"), tensors, strict=True):
        interpreter = Interpreter(
            model_content=bundle.read(bundle.artifact(recipe)),
            experimental_preserve_all_tensors=True,
            experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        )
        interpreter.allocate_tensors()
        (image,) = interpreter.get_input_details()
        (number,) = interpreter._get_ops_details()[step]["outputs"]
        scale, zero_point = interpreter._get_tensor_details(number, 0)["quantization"]
        found = []
        for each in pixels:
            interpreter.set_tensor(image["index"], each[None].astype(image["dtype"]))
            interpreter.invoke()
            stored = interpreter.get_tensor(number).astype(np.float64)
            found.append(scale * (stored - zero_point) if scale else stored)
        computed.append(np.stack(found))
    exact, rounded = computed
    return 10 * math.log10((exact**2).sum() / ((exact - rounded) ** 2).sum())


def test_the_ratios_are_those_of_the_two_files(here: Bundle) -> None:
    found = explain.of_bundle(here)
    pixels = np.stack(list(images.of_bundle(here)))

    assert (found.images, len(pixels), found.uncompared) == (IMAGES, IMAGES, 0)
    for layer in (2, 10, len(found.layers) - 1):  # the int8 file begins with a QUANTIZE
        assert found.layers[layer].snr_db == pytest.approx(ratio(here, (layer, layer + 1), pixels), abs=1e-3)
    assert 3 < min(each.snr_db for each in found.layers if each.snr_db is not None) < 40


def test_layers_have_the_names_of_keras(here: Bundle, run: Run) -> None:
    from tlpipe.network import build

    names = {layer.name for layer in build.load(run.best_stage / "model.keras").layers}
    *layers, softmax = explain.of_bundle(here).layers

    assert {layer.name for layer in layers} <= names
    assert {"input_scaling", "Conv1", "block_3_project", "block_5_add", "Conv_1", "pooling", "head"} <= {
        layer.name for layer in layers
    }
    described = {layer.name: layer.description for layer in layers}
    assert described["block_3_project"].startswith("1x1 convolution, linear, 8x8x")
    assert softmax.name == softmax.operator.lower() == "softmax"


def test_the_result_is_stored_in_the_bundle(here: Bundle) -> None:
    (here.path / EXPLANATION).write_text("{}")
    found = tlpipe.explain(here.path)
    file = here.path / EXPLANATION

    assert explanation.explanation(load_json(file), str(file)) == found
    assert (found.file, found.sha256) == ((int8 := here.artifact("int8")).file, int8.sha256)
    assert found.float32 == here.artifact("float32").sha256
    assert not [each.name for each in here.path.iterdir() if each.name.startswith(".evaluation.json.tlpipe")]


def test_without_a_float32_file_keras_is_converted(here: Bundle) -> None:
    expected = explain.of_bundle(here)
    found = explain.of_bundle(without(here, "float32"))

    assert found.float32 != expected.float32
    for ours, theirs in zip(found.layers, expected.layers, strict=True):
        assert ours.name == theirs.name and ours.snr_db == pytest.approx(theirs.snr_db, abs=0.01)


def test_a_run_is_converted_in_memory(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    before = {file: file.stat().st_mtime_ns for file in run.path.rglob("*")}
    found = tlpipe.explain(run.path)

    assert {file: file.stat().st_mtime_ns for file in run.path.rglob("*")} == before
    assert (found.file, found.images, found.uncompared) == (None, IMAGES, 0)
    assert found.layers[-2].name == "head" and len(found.layers) > 60
    assert "is converted in memory, and nothing is stored" in capsys.readouterr().err


def refused(bundle: Bundle, kind: type[TlpipeError]) -> str:
    (bundle.path / EXPLANATION).unlink(missing_ok=True)
    with pytest.raises(kind) as caught:
        explain.of_bundle(bundle)
    assert type(caught.value) is kind or issubclass(type(caught.value), kind)
    assert not (bundle.path / EXPLANATION).exists()
    return str(caught.value)


def test_a_bundle_without_int8_says_what_it_has(here: Bundle) -> None:
    assert refused(without(here, "int8"), WrongUsage) == (
        f"{here.path}: no int8 file in this bundle: it has float32, float16, dynamic\n"
        "Export one: tlpipe export RUN --quantize int8 --quantize float32"
    )


def test_a_damaged_file_is_named(here: Bundle) -> None:
    for recipe in ("int8", "float32"):
        file = here.path / here.artifact(recipe).file
        content = file.read_bytes()
        file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        assert refused(here, BadData).startswith(f"{file}: damaged")
        file.write_bytes(content)


def test_what_has_moved_is_said(here: Bundle) -> None:
    run = here.path.parents[1] / "runs/drawn"
    model = run / here.manifest.provenance.stage / "model.keras"
    model.rename(model.with_name("elsewhere"))
    assert explain.of_bundle(here).images == IMAGES  # the images are known, and there is a float32 file
    said = refused(without(here, "float32"), MissingInput)
    assert said.startswith(f"{model}: the Keras model was not found\nMove its run back, or export it again with")
    run.rename(run.with_name("moved"))
    assert "is not there, so its calibration images are not known\nMove the run drawn back" in refused(
        here, MissingInput
    )
    assert refused(rewritten(here, calibration=None), BadData).startswith(f"{here.path}: it lists no calibration")


def test_lost_images_are_counted(here: Bundle, capsys: pytest.CaptureFixture[str]) -> None:
    moved_images(here, lambda place, file: f"{file}.gone" if place in (0, 2) else file)
    found = explain.of_bundle(here)

    assert found.images == IMAGES
    said = " ".join(capsys.readouterr().err.split())
    assert f"warning: 2 of {IMAGES + 2} calibration images are not there or have changed; the first: " in said
    assert said.count(".gone: No such file or directory") == 1


def test_if_all_images_are_lost_there_is_no_result(here: Bundle, tmp_path: Path) -> None:
    assert here.manifest.calibration
    count = len(here.manifest.calibration.images)
    moved_images(here, lambda _, file: f"{file}.gone")
    assert f"none of the {count} calibration images is there and unchanged; the first: /" in refused(here, MissingInput)
    (tmp_path / "changed").write_bytes(b"another image")
    splits = here.path.parents[1] / "runs/drawn" / here.manifest.provenance.stage / SPLITS
    document = json.loads(splits.read_text())
    for row in document["splits"]["train"]:
        row["file"] = str(tmp_path / "changed")
    splits.write_text(json.dumps(document))
    assert f"none of the {count} calibration images is there and unchanged; the first: {tmp_path}/changed: changed" in (
        refused(here, BadData)
    )


def test_one_image_is_enough(here: Bundle) -> None:
    moved_images(here, lambda place, file: file if place == 3 else f"{file}.gone")

    assert explain.of_bundle(here).images == 1


def test_with_json_the_command_prints_one_document(tlpipe: Callable[..., Any], here: Bundle) -> None:
    done = tlpipe("explain", here.path, "--json")
    found = explanation.explanation(json.loads(done.stdout), "stdout")

    assert done.code == 0 and isinstance(found, Explanation)
    assert done.stdout == (here.path / EXPLANATION).read_text()
    done = tlpipe("explain", here.path)
    lines = done.stdout.splitlines()
    worst = found.layers[explanation.worst(found.layers)[0]]
    assert lines[0] == f"{len(found.layers)} layers on {IMAGES} calibration images; the worst:"
    assert lines[2].split()[0] == worst.name and lines[2].endswith(f"{worst.snr_db:.1f} dB")
    assert lines[7].startswith("At 20 dB the error is a tenth") and len(lines) == 8
