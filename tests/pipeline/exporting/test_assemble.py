"""The bundle: every number format as promised, and all that a device needs to trust it."""

import hashlib
import json
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import older
import pytest
from ai_edge_litert.interpreter import Interpreter
from PIL import Image

from tlpipe.conversion import calibration, recipes
from tlpipe.conversion.recipes import RECIPES
from tlpipe.conversion.remedies import CONVERTER, CORRECTED_IMAGES
from tlpipe.data.augment import View
from tlpipe.data.dataset import Dataset
from tlpipe.data.pixels import read_pixels
from tlpipe.exporting import assemble
from tlpipe.network import build
from tlpipe.runs import run_folder
from tlpipe.runs.run_folder import Run
from tlpipe_edge.classify.classifier import Classifier
from tlpipe_edge.contract.bundle import Bundle
from tlpipe_edge.errors import BadData, Busy, TlpipeError, WrongUsage
from tlpipe_edge.tflite import flatbuffer, metadata
from tlpipe_edge.tflite.interpreter import Session

OPERATOR_CODES_CUSTOM = 1  # slot of custom_code in the table OperatorCode of the public schema


@pytest.fixture(scope="module")
def photographs_of_run(run: Run) -> Dataset:
    return Dataset.read(run.best_stage / run_folder.SPLITS)


@pytest.fixture(scope="module")
def whole(bundle: Bundle) -> Any:
    """The Keras model of the bundle. To look at only."""
    return build.load((bundle.path / bundle.manifest.provenance.keras_file).resolve())


def content(bundle: Bundle, recipe: str) -> bytes:
    return bundle.read(bundle.artifact(recipe))


def tensors(bundle: Bundle, recipe: str) -> list[dict[str, Any]]:
    interpreter = Interpreter(model_content=content(bundle, recipe))
    interpreter.allocate_tensors()
    return list(interpreter.get_tensor_details())


def kernels(bundle: Bundle) -> list[dict[str, Any]]:
    """The weights of the int8 file's convolutions: the four-axis tensors with a scale a channel."""
    four_axes = [each for each in tensors(bundle, "int8") if len(each["shape"]) == 4]
    return [each for each in four_axes if len(each["quantization_parameters"]["scales"]) > 1]


def test_a_bundle_holds_what_it_should(bundle: Bundle, evaluation: dict[str, Any]) -> None:
    assert evaluation
    assert {file.name for file in bundle.path.iterdir()} == {
        *("manifest.json", "labels.txt", "reference.npz", "golden", "training", "evaluation.json"),
        *("predictions.npz", "MODEL_CARD.md"),
        *(f"drawn-{recipe}.tflite" for recipe in RECIPES),
        *([".evaluation.json.lock"] if (bundle.path / ".evaluation.json.lock").exists() else []),
    }
    assert tuple(artifact.recipe for artifact in bundle.manifest.artifacts) == tuple(RECIPES)
    assert (bundle.path / "labels.txt").read_text().splitlines() == list(bundle.manifest.labels)


def test_the_manifest_states_the_files(bundle: Bundle) -> None:
    for artifact in bundle.manifest.artifacts:
        file = bundle.path / artifact.file
        assert artifact.bytes == file.stat().st_size
        assert artifact.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()


def test_the_manifest_states_the_origin(bundle: Bundle, run: Run) -> None:
    origin = bundle.manifest.provenance
    file = run.best_stage / run_folder.MODEL

    assert (origin.run, origin.stage, origin.alpha) == ("drawn", run.best, 0.35)
    assert (bundle.path / origin.keras_file).resolve() == file
    assert origin.keras_sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
    assert not Path(origin.keras_file).is_absolute() and "/" not in origin.weights


@pytest.mark.parametrize("recipe", RECIPES)
def test_the_ends_of_each_format(bundle: Bundle, recipe: str) -> None:
    artifact = bundle.artifact(recipe)
    assert (artifact.input.shape, artifact.output.shape) == ((1, 64, 64, 3), (1, 3))
    if recipe == "int8":
        assert (artifact.input.dtype, artifact.input.scale, artifact.input.zero_point) == ("uint8", 1.0, 0)
        assert (artifact.output.dtype, artifact.output.scale, artifact.output.zero_point) == ("uint8", 1 / 256, 0)
    else:
        assert artifact.input.dtype == artifact.output.dtype == "float32"
        assert artifact.input.scale == artifact.output.scale == 0


@pytest.mark.parametrize("recipe", ["float32", "int8"])
def test_a_signature_runs_each_file(bundle: Bundle, recipe: str) -> None:
    interpreter = Interpreter(model_content=content(bundle, recipe))
    signed = interpreter.get_signature_runner("serving_default")
    session = Session(content(bundle, recipe))
    pixels = bundle.golden().pixels[:1]
    image = pixels.astype(session.input.dtype)
    scores = signed(image=image)["scores"]
    details = signed.get_output_details()["scores"]
    scale, zero_point = details["quantization"]

    assert interpreter.get_signature_list() == {"serving_default": {"inputs": ["image"], "outputs": ["scores"]}}
    dequantized = np.float32(scale) * (scores[0].astype(np.float32) - np.float32(zero_point)) if scale else scores[0]
    np.testing.assert_array_equal(dequantized, session.run(image))
    assert dequantized.sum() == pytest.approx(1, abs=0.02)


def test_the_weights_have_the_format_that_the_name_says(bundle: Bundle) -> None:
    expected = {"float32": np.float32, "float16": np.float16, "dynamic": np.int8, "int8": np.int8}
    for recipe, kind in expected.items():
        weights = [each for each in tensors(bundle, recipe) if len(each["shape"]) == 4 and each["shape"][0] > 1]
        assert max(Counter(each["dtype"] for each in weights).items(), key=lambda i: i[1])[0] == kind
    size = {artifact.recipe: artifact.bytes for artifact in bundle.manifest.artifacts}
    assert size["float16"] < 0.6 * size["float32"] and size["dynamic"] < 0.4 * size["float32"]


def test_int8_is_per_channel_throughout(bundle: Bundle) -> None:
    found = kernels(bundle)

    assert len(found) == 52  # MobileNetV2 has so many convolutions, 17 of them depthwise
    for each in found:
        quantization = each["quantization_parameters"]
        channels = 3 if each["shape"][0] == 1 else 0  # depthwise kernels are (1, height, width, channels)
        assert each["dtype"] == np.int8 and (quantization["zero_points"] == 0).all()
        assert quantization["quantized_dimension"] == channels
        assert len(quantization["scales"]) == each["shape"][channels]
    assert {each["dtype"] for each in tensors(bundle, "int8")} <= {np.int8, np.uint8, np.int32}


@pytest.mark.parametrize("recipe", RECIPES)
def test_only_builtin_operators(bundle: Bundle, recipe: str) -> None:
    codes = list(flatbuffer.root(content(bundle, recipe), flatbuffer.TFLITE, where="model").tables(1))

    assert codes
    assert not any(bytes(code.octets(OPERATOR_CODES_CUSTOM)) for code in codes)


@pytest.mark.parametrize("recipe", RECIPES)
def test_the_files_give_probabilities(bundle: Bundle, recipe: str) -> None:
    classifier = Classifier.open(bundle.path, recipe=recipe)
    random = np.random.default_rng(0)
    scores = np.stack([classifier.scores(random.integers(0, 256, (64, 64, 3), dtype=np.uint8)) for _ in range(5)])

    # each of three scores is rounded to a step of 1/256 in int8; float32 rounds in the last digits
    np.testing.assert_allclose(scores.sum(axis=1), 1, atol=3 / 256 if recipe == "int8" else 1e-5)
    assert scores.min() >= 0


@pytest.mark.parametrize("recipe", RECIPES)
def test_the_labels_are_inside_the_file(bundle: Bundle, recipe: str) -> None:
    described = metadata.read(content(bundle, recipe))

    assert described is not None
    assert (described.labels, described.mean, described.std) == (bundle.manifest.labels, (0.0,), (1.0,))


def test_float32_answers_as_keras_does(bundle: Bundle, whole: Any) -> None:
    golden = bundle.golden()
    expected = whole.predict(golden.pixels.astype(np.float32), verbose=0)

    # float32: sums of some hundred terms in another order; float16: ten bits of each weight
    np.testing.assert_allclose(golden.scores["float32"], expected, atol=1e-4)
    np.testing.assert_allclose(golden.scores["float16"], expected, atol=2e-2)
    assert (golden.scores["int8"].argmax(axis=1) == expected.argmax(axis=1)).mean() >= 0.8


def test_calibration_comes_from_the_train_split_alone_and_from_every_class(
    bundle: Bundle, photographs_of_run: Dataset
) -> None:
    stated = bundle.manifest.calibration
    assert stated is not None
    train = {example.sha256: example.label for example in photographs_of_run.splits["train"]}

    assert set(stated.images) <= set(train) and len(stated.images) == min(len(train), CORRECTED_IMAGES)
    counts = Counter(train[sha256] for sha256 in stated.images[: len(train) // 2])
    assert max(counts.values()) - min(counts.values()) <= 1


def test_calibration_takes_the_classes_in_turn(
    photographs_of_run: Dataset, monkeypatch: pytest.MonkeyPatch, run: Run
) -> None:
    monkeypatch.setattr(calibration, "MAX_IMAGES", 7)
    spec = bundle_spec(run)
    chosen = calibration.choose(photographs_of_run, spec, seed=0)

    assert [example.label for example in chosen.examples] == [0, 1, 2, 0, 1, 2, 0]
    assert chosen.examples == calibration.choose(photographs_of_run, spec, seed=0).examples
    assert chosen.examples != calibration.choose(photographs_of_run, spec, seed=1).examples
    assert len({example.sha256 for example in chosen.examples}) == 7
    (first, *_), *rest = chosen.tensors()()
    assert first.shape == (1, 64, 64, 3) and first.dtype == np.float32 and len(rest) == 6


def bundle_spec(run: Run) -> Any:
    from tlpipe.runs.config import Training

    return Training.read(run.best_stage / run_folder.CONFIG).spec


def test_the_reference_is_what_keras_says_of_the_test_images(
    bundle: Bundle, whole: Any, photographs_of_run: Dataset
) -> None:
    reference = bundle.reference()
    examples = photographs_of_run.splits["test"]
    pixels = np.stack([read_pixels(example, View(), bundle.manifest.image) for example in examples])

    assert reference.images == tuple(example.sha256 for example in examples)
    assert reference.true_labels.tolist() == [example.label for example in examples]
    # batches of another size may add up in another order
    np.testing.assert_allclose(reference.probabilities, whole.predict(pixels.astype(np.float32), verbose=0), atol=1e-5)


@pytest.mark.parametrize(("kind", "everywhere"), [("JPEG", True), ("PNG", True), ("TIFF", False), (None, False)])
def test_golden_images_are_of_formats_that_every_device_reads(
    kind: str | None, everywhere: bool, tmp_path: Path
) -> None:
    if kind is None:
        (tmp_path / "image").write_text("a text")
    else:
        Image.new("RGB", (8, 8)).save(tmp_path / "image", kind)
    assert assemble._is_read_everywhere(tmp_path / "image") is everywhere


def test_the_golden_images_come_out_as_stated(bundle: Bundle) -> None:
    golden = bundle.golden()

    assert len(golden.files) == assemble.GOLDEN_IMAGES and set(golden.scores) == set(RECIPES)
    for recipe, expected in golden.scores.items():
        classifier = Classifier.open(bundle.path, recipe=recipe)
        scores = np.stack([classifier(file).scores for file in golden.files])
        np.testing.assert_array_equal(scores, expected)  # the same kernels on the same machine


def test_the_training_is_documented(bundle: Bundle) -> None:
    for name in ("1-frozen", "2-finetuned"):
        assert json.loads((bundle.path / f"training/{name}-metrics.json").read_text())["schema"] == 1
        with Image.open(bundle.path / f"training/{name}-learning-curve.png") as picture:
            picture.load()


def test_how_int8_was_made_is_noted_and_nothing_of_the_others(bundle: Bundle) -> None:
    (note,) = bundle.artifact("int8").notes

    assert note == str(bundle.artifact("int8").quantization) and "validation images" in note
    others = [artifact for artifact in bundle.manifest.artifacts if artifact.recipe != "int8"]
    assert {(artifact.notes, artifact.quantization) for artifact in others} == {((), None)}


def test_the_manifest_ranks_the_files_as_the_entries_do(bundle: Bundle) -> None:
    assert {each.recipe: each.rank for each in bundle.manifest.artifacts} == {
        name: recipe.rank for name, recipe in RECIPES.items()
    }
    assert bundle.artifact().recipe == "int8"


def test_another_calibrated_format_is_one_entry(tiny_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is calibrated with its own converter settings, and a device takes it by its rank."""
    entry = recipes.Recipe(
        "int8x16",
        rank=0,
        help="int8 weights, int16 activations",
        cost="slow",
        operators="EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8",
        calibrated=True,
    )
    monkeypatch.setitem(recipes.RECIPES, entry.name, entry)
    bundle = assemble.export(tiny_run, recipes.parse(["float16", "int8x16"]), tmp_path / "drawn")

    artifact = bundle.artifact()
    assert (artifact.recipe, artifact.rank, artifact.file) == ("int8x16", 0, "drawn-int8x16.tflite")
    assert artifact.quantization is not None and artifact.quantization.used == CONVERTER.name
    assert bundle.manifest.calibration is not None
    weights = {each["dtype"] for each in tensors(bundle, "int8x16") if len(each["shape"]) == 4}
    assert {np.int8, np.int16} <= weights
    np.testing.assert_allclose(Classifier.open(bundle.path)(bundle.golden().files[0]).scores.sum(), 1, atol=1e-3)


def test_a_flipped_byte_is_found(bundle: Bundle, tmp_path: Path) -> None:
    import shutil

    copy = Path(shutil.copytree(bundle.path, tmp_path / "copy"))
    file = copy / "drawn-float16.tflite"
    damaged = bytearray(file.read_bytes())
    damaged[-5000] ^= 255
    file.write_bytes(damaged)

    with pytest.raises(BadData, match="sha256"):
        Classifier.open(copy, recipe="float16")


def test_a_bundle_that_exists_is_replaced_only_when_told(tiny_run: Run, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "manifest.json").write_text("of an older one")
    with pytest.raises(WrongUsage, match="--overwrite"):
        assemble.export(tiny_run, recipes.parse(["float32"]), out)
    assert (out / "manifest.json").read_text() == "of an older one"

    exported = assemble.export(tiny_run, recipes.parse(["none"]), out, overwrite=True)
    assert [artifact.file for artifact in exported.manifest.artifacts] == ["out-float32.tflite"]
    assert exported.manifest.calibration is None  # nothing was calibrated


def test_a_stage_that_is_replaced_while_it_is_read_is_not_exported(
    tiny_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = Run.open(shutil.copytree(tiny_run.path, tmp_path / "run"))
    load = build.load

    def replaced(file: Path) -> Any:
        model = load(file)
        model.save(file)
        file.write_bytes(file.read_bytes() + b"\0")
        older.without_checksums(copy.path)
        return model

    monkeypatch.setattr(build, "load", replaced)
    with pytest.raises(Busy, match="another tlpipe process has replaced this stage"):
        assemble.export(copy, recipes.parse(["float32"]), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_run_itself_is_not_replaced(run: Run) -> None:
    for place in (run.path, run.path.parent):
        with pytest.raises(WrongUsage, match="it holds something else"):
            assemble.export(run, recipes.parse(["float32"]), place, overwrite=True)
    assert (run.best_stage / run_folder.MODEL).is_file()


def test_an_export_that_fails_leaves_nothing(tiny_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise BadData("no reference")

    monkeypatch.setattr("tlpipe.exporting.conversions.convert.to_tflite", lambda *_, **__: fail())
    with pytest.raises(TlpipeError):
        assemble.export(tiny_run, recipes.parse(["float32"]), tmp_path / "exported/out")
    assert list((tmp_path / "exported").iterdir()) == []
