"""From a model that was trained elsewhere to a report: by the functions, and what is refused."""

import json
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import drawing
import foreign_models as foreign
import numpy as np
import pytest
from once import once
from PIL import Image

import tlpipe
from tlpipe.adopting.stage import UNKNOWN
from tlpipe.cli.commands import app
from tlpipe.data.dataset import Dataset
from tlpipe.network.backend import keras
from tlpipe.runs.adopted import Adopted
from tlpipe.runs.run_folder import ADOPTED, Run
from tlpipe_edge.contract.bundle import Bundle
from tlpipe_edge.contract.manifest import Crop
from tlpipe_edge.errors import BadData, MissingInput, WrongUsage
from tlpipe_edge.tflite import metadata

LABELS = ("ring", "bars", "cross")


@dataclass(frozen=True)
class Elsewhere:
    """What a stranger has: a model, the photographs it was trained on by plain Keras, and its accuracy there."""

    model: Path
    photographs: Path
    labels: Path


def squares(folder: Path, labels: Sequence[str], *, count: int, seed: int) -> Path:
    """PNGs of the size of the model, so that nothing here resizes them again."""
    drawing.photographs(folder, labels, count=count, seed=seed)
    for file in sorted(folder.rglob("*.*g")):
        image = Image.open(file).convert("RGB").resize((foreign.SIZE, foreign.SIZE))
        file.unlink()
        image.save(file.with_suffix(".png"))
    return folder


def pixels_of(files: Sequence[Path]) -> np.ndarray:
    return np.stack([np.asarray(Image.open(file), np.float32) for file in files])


def trained(photographs: Path) -> Any:
    """Plain Keras on pixels of -1..1, with Keras's own order of classes (that of the alphabet).

    tanh, because other pixels saturate it; with ReLU, larger pixels may leave the order of the scores.
    """
    names = sorted(LABELS)
    files = sorted(photographs.rglob("*.png"))
    true = np.array([names.index(file.parent.name) for file in files])
    layers = keras.layers
    convolutions = [layers.Conv2D(width, 3, strides=2, activation="tanh") for width in (8, 16)]
    pooling, head = layers.GlobalAveragePooling2D(), layers.Dense(3, activation="softmax")
    model = foreign.classifier(*convolutions, pooling, head)
    model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy")
    model.fit(pixels_of(files) / 127.5 - 1, true, epochs=15, batch_size=16, verbose=0)
    return model


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Elsewhere:
    def make(folder: Path) -> None:
        photographs = squares(folder / "photographs", LABELS, count=30, seed=0)
        trained(photographs).save(folder / "stranger.keras")
        foreign.labels_file(folder, sorted(LABELS))

    folder = once(tmp_path_factory, "elsewhere", make)
    return Elsewhere(folder / "stranger.keras", folder / "photographs", folder / "labels.txt")


@pytest.fixture(scope="module")
def run(elsewhere: Elsewhere, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """To look at only."""

    def make(folder: Path) -> None:
        named = {"labels": elsewhere.labels, "data": elsewhere.photographs, "mean": 127.5, "std": 127.5}
        tlpipe.adopt(elsewhere.model, **named, out=folder / "stranger")

    return Run.open(once(tmp_path_factory, "adopted", make) / "stranger")


@pytest.fixture(scope="module")
def bundle(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """To look at only."""

    def make(folder: Path) -> None:
        tlpipe.evaluate(tlpipe.export(run, ["int8", "float32"], out=folder / "stranger"))

    return Bundle.open(once(tmp_path_factory, "adopted-bundle", make) / "stranger")


def script_accuracy(elsewhere: Elsewhere, files: Sequence[Path]) -> float:
    """As its owner measures it."""
    scores = foreign.scores(keras.models.load_model(elsewhere.model), pixels_of(files) / 127.5 - 1)
    names = sorted(LABELS)
    return float(np.mean(scores.argmax(axis=1) == [names.index(file.parent.name) for file in files]))


def metrics(run: Run) -> Any:
    return json.loads((run.best_stage / "metrics.json").read_text())


def test_the_accuracy_is_that_of_the_stranger(elsewhere: Elsewhere, run: Run) -> None:
    """On the same pixels, image by image the same numbers up to the rounding of the normalization."""
    dataset = Dataset.read(run.best_stage / "splits.json")
    assert dataset.labels == tuple(sorted(LABELS))
    assert {name: len(examples) for name, examples in dataset.splits.items()} == {
        **{"train": 72, "validation": 9, "test": 9}
    }
    for split in ("validation", "test"):
        files = [example.file for example in dataset.splits[split]]
        assert metrics(run)[split]["top1"] == script_accuracy(elsewhere, files) > 0.8


def test_evaluate_agrees_with_the_stranger(elsewhere: Elsewhere, bundle: Bundle) -> None:
    every = sorted(elsewhere.photographs.rglob("*.png"))
    found = tlpipe.evaluate(shallow_copy(bundle), data=elsewhere.photographs)

    assert found.images == len(every) and found.keras.top1 == script_accuracy(elsewhere, every)
    assert all((each.agreement or 0) > 0.95 for each in found.artifacts)
    assert found.trained_on is None


def shallow_copy(bundle: Bundle) -> Bundle:
    """Beside the bundle, so that the Keras model is found from there; evaluate writes into it."""
    copy = bundle.path.with_name("copy")
    shutil.copytree(bundle.path, copy, dirs_exist_ok=True)
    return Bundle.open(copy)


def test_a_wrong_normalization_is_seen_in_the_accuracy(elsewhere: Elsewhere, run: Run, tmp_path: Path) -> None:
    """Pixels of 0..255, where -1..1 was learned."""
    given: dict[str, Any] = {"labels": elsewhere.labels, "data": elsewhere.photographs, "mean": 0, "std": 1}
    badly = tlpipe.adopt(elsewhere.model, **given, out=tmp_path / "run")

    files = sorted(elsewhere.photographs.rglob("*.png"))
    true = [sorted(LABELS).index(file.parent.name) for file in files]
    models = [keras.models.load_model(each.best_stage / "model.keras") for each in (run, badly)]
    good, bad = (float(np.mean(foreign.scores(model, pixels_of(files)).argmax(axis=1) == true)) for model in models)
    assert good == script_accuracy(elsewhere, files) and bad < good - 0.1


def test_the_run_says_where_it_comes_from(run: Run) -> None:
    config = run.config

    assert run.adopted and run.best == ADOPTED and [stage.name for stage in run.stages] == [ADOPTED]
    assert isinstance(config, Adopted)
    assert config.source.file == "stranger.keras" and len(config.source.sha256) == 64
    assert (config.image_size, config.crop) == (foreign.SIZE, Crop.STRETCH)
    assert Adopted.read(run.best_stage / "config.json") == config
    there = {file.name for file in run.best_stage.iterdir()}
    assert {"model.keras", "splits.json", "metrics.json", "architecture.png", "layers.svg"} <= there
    assert not there & {"history.jsonl", "learning-curve.png"}


def test_the_bundle_says_it_too(run: Run, bundle: Bundle) -> None:
    origin = bundle.manifest.provenance
    assert isinstance(run.config, Adopted)
    assert origin.adopted == run.config.source and origin.stage == ADOPTED
    card = (bundle.path / "MODEL_CARD.md").read_text("utf-8")
    assert "Not known: whether the model was trained on these images" in card
    assert "trained elsewhere" in card and "stretch" in card and "of width" not in card
    note = next(each.notes[0] for each in bundle.manifest.artifacts if each.recipe == "int8")
    assert re.match(r"converter alone \(without remedies: conv2d\w*: no rule for the activation tanh\); on ", note)
    assert {file.name for file in (bundle.path / "training").iterdir()} == {
        *(f"{ADOPTED}-metrics.json", f"{ADOPTED}-confusion-matrix.png")
    }


def test_the_report_warns_and_has_no_training(bundle: Bundle, tmp_path: Path) -> None:
    report = tlpipe.report(bundle, out=tmp_path / "report")

    assert report.training == () and report.origin is not None
    assert report.origin.adopted == bundle.manifest.provenance.adopted
    page = (tmp_path / "report" / "report.html").read_text("utf-8")
    assert "The model was trained elsewhere" in page
    assert re.search(r"trained elsewhere: (<[^>]+>)?stranger\.keras", page)
    assert "width multiplier" not in page and "<h2>Training" not in page


def test_its_export_does_not_change_how_a_process_trains(run: Run, tmp_path: Path) -> None:
    """Another training in the same process must come to the same bits as in one of its own."""
    from tensorflow.python.framework import config

    tlpipe.export(run, ["float32"], out=tmp_path / "bundle")
    assert not config.is_op_determinism_enabled()


def test_a_file_is_named_as_the_model_that_was_given(bundle: Bundle) -> None:
    for artifact in bundle.manifest.artifacts:
        described = metadata.read(bundle.read(artifact))
        assert described is not None and described.name == f"stranger_{foreign.SIZE}"


@pytest.mark.parametrize("inside", [False, True])
def test_the_advice_is_about_what_was_named(
    quick: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str], inside: bool
) -> None:
    """A model that gives every class the same score, with or without a normalization inside."""
    layers = keras.layers
    scaling = [layers.Rescaling(1 / 127.5, -1)] if inside else []
    head = layers.Dense(3, activation="softmax", kernel_initializer="zeros")
    foreign.classifier(*scaling, layers.GlobalAveragePooling2D(), head).save(tmp_path / "flat.keras")
    if inside:
        del quick["mean"], quick["std"]
    tlpipe.adopt(tmp_path / "flat.keras", **quick)

    said = capsys.readouterr().err
    assert ("Check the order of the labels, and --mean and --std\n" in said) is not inside
    assert ("Check the order of the labels\n" in said) is inside


def test_a_device_names_the_origin(bundle: Bundle) -> None:
    from tlpipe_edge.cli import describe

    assert f"{ADOPTED}; trained elsewhere (stranger.keras)" in "\n".join(describe.model(bundle.path))


def test_there_is_no_training_to_continue_or_to_repeat(run: Run) -> None:
    for continued in (lambda: tlpipe.finetune(run), lambda: run.training):
        with pytest.raises(BadData, match="its model was adopted"):
            continued()


def test_a_damaged_configuration_is_refused(run: Run, tmp_path: Path) -> None:
    copy = tmp_path / "run"
    shutil.copytree(run.path, copy)
    (copy / ADOPTED / "config.json").write_text('{"schema": 1, "image_size": -1}')

    from tlpipe_edge.errors import BadConfiguration

    with pytest.raises(BadConfiguration, match="Adopt the model again"):
        tlpipe.export(copy, ["float32"], out=tmp_path / "bundle")


@pytest.fixture
def quick(elsewhere: Elsewhere, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What adopts a model with few images in a second."""
    from tlpipe.pictures import architecture, plots

    for module in (architecture, plots):
        monkeypatch.setattr(module, "save", lambda _figure, file: file.touch())
    photographs = squares(tmp_path / "photographs", LABELS, count=6, seed=1)
    return {"labels": elsewhere.labels, "data": photographs, "mean": 127.5, "std": 127.5, "out": tmp_path / "run"}


def test_classes_may_have_no_images_and_folders_no_class(
    elsewhere: Elsewhere, quick: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.move(quick["data"] / "bars", quick["data"] / "sofas")
    run = tlpipe.adopt(elsewhere.model, **quick)

    printed = capsys.readouterr().err
    assert "not a class of the model, so it does not count for accuracy: 'sofas' (6 images)" in printed
    assert "2 of the 3 classes of the model have images; 1 have none" in printed
    assert UNKNOWN in printed
    dataset = Dataset.read(run.best_stage / "splits.json")
    assert dataset.labels == tuple(sorted(LABELS))
    assert {example.label for examples in dataset.splits.values() for example in examples} == {1, 2}
    tlpipe.evaluate(tlpipe.export(run, ["int8"], out=quick["out"].with_name("bundle")))


def test_no_class_in_common_is_refused(elsewhere: Elsewhere, quick: dict[str, Any]) -> None:
    for folder in list(quick["data"].iterdir()):
        folder.rename(folder.with_name(f"other {folder.name}"))

    with pytest.raises(BadData, match="no image is of a class of the model"):
        tlpipe.adopt(elsewhere.model, **quick)
    assert not quick["out"].exists()


def test_images_of_a_repeated_label_are_refused(elsewhere: Elsewhere, quick: dict[str, Any], tmp_path: Path) -> None:
    first, second, _ = sorted(LABELS)
    quick["labels"] = foreign.labels_file(tmp_path, [first, second, second])

    with pytest.raises(BadData) as caught:
        tlpipe.adopt(elsewhere.model, **quick)
    reason = f"class {second!r} is the label of 2 outputs ({second} (1), {second} (2), counted from 0)"
    assert caught.value.reason == reason and caught.value.advice and not quick["out"].exists()


def test_another_number_of_labels_is_refused(elsewhere: Elsewhere, quick: dict[str, Any], tmp_path: Path) -> None:
    quick["labels"] = foreign.labels_file(tmp_path, [*LABELS, "d", "e"])

    with pytest.raises(BadData, match="5 labels for a model with 3 outputs"):
        tlpipe.adopt(elsewhere.model, **quick)


def test_an_unreadable_image_is_left_out(
    elsewhere: Elsewhere, quick: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(5):  # most of them in train
        (quick["data"] / "ring" / f"broken{number}.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(50 + number))
    run = tlpipe.adopt(elsewhere.model, **quick)

    said = capsys.readouterr().err
    assert (
        "broken0.png: " in said and "; not used for calibration\n" in said and "training" not in said.split("broken")[1]
    )
    tlpipe.export(run, ["int8"], out=quick["out"].with_name("bundle"))


def test_the_remedies_of_int8_need_no_dense_head(quick: dict[str, Any], tmp_path: Path) -> None:
    layers = keras.layers
    model = foreign.classifier(layers.Conv2D(3, 5, strides=4), layers.GlobalAveragePooling2D(), layers.Softmax())
    run = tlpipe.adopt(foreign.saved(model, tmp_path / "conv.h5"), **quick)
    bundle = tlpipe.export(run, ["int8"], out=tmp_path / "bundle")

    (artifact,) = bundle.manifest.artifacts
    assert artifact.quantization is not None and artifact.quantization.used == "rounded kernels"
    assert artifact.input.dtype == artifact.output.dtype == "uint8"


def test_blue_first_goes_to_int8(elsewhere: Elsewhere, quick: dict[str, Any], tmp_path: Path) -> None:
    run = tlpipe.adopt(elsewhere.model, **(quick | {"mean": (103.9, 116.8, 123.7), "std": 1}), bgr=True)

    bundle = tlpipe.export(run, ["int8"], out=tmp_path / "bundle")
    assert bundle.manifest.artifacts[0].input.dtype == "uint8"


def test_scores_must_be_numbers(quick: dict[str, Any], tmp_path: Path) -> None:
    model = foreign.simple()
    model.set_weights([np.full_like(array, np.nan) for array in model.get_weights()])

    with pytest.raises(BadData, match="scores that are not numbers"):
        tlpipe.adopt(foreign.saved(model, tmp_path / "nan.keras"), **quick)
    assert not quick["out"].exists()


def test_an_existing_run_is_kept(elsewhere: Elsewhere, quick: dict[str, Any]) -> None:
    quick["out"].mkdir()
    (quick["out"] / "mine").touch()

    for overwrite in (False, True):
        with pytest.raises(WrongUsage):
            tlpipe.adopt(elsewhere.model, **quick, overwrite=overwrite)
    assert (quick["out"] / "mine").exists()


def test_the_api_refuses_what_it_does_not_know(elsewhere: Elsewhere, quick: dict[str, Any]) -> None:
    with pytest.raises(WrongUsage, match="not a choice"):
        tlpipe.adopt(elsewhere.model, **quick, crop="middle")
    with pytest.raises(MissingInput):
        tlpipe.adopt("none.keras", **quick)


def test_the_command(
    elsewhere: Elsewhere, quick: dict[str, Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The name of the run is that of the model."""
    monkeypatch.chdir(quick["out"].parent)
    options = ["--labels", str(elsewhere.labels), "--data", str(quick["data"]), "--mean", "127.5,127.5,127.5"]

    with pytest.raises(SystemExit) as ended:
        app(["adopt", str(elsewhere.model), *options, "--std", "127.5", "--crop", "center-crop"])
    assert ended.value.code == 0
    printed = capsys.readouterr()
    assert printed.out == "runs/stranger\n"
    assert "no normalization; 3 classes, softmax at the end" in printed.err
    assert "normalization: (pixel - 127.5) / 127.5, in front of the model; images are resized by center-crop" in (
        printed.err
    )
    assert Run.open("runs/stranger").config.spec.crop is Crop.CENTER


def test_an_older_manifest_is_read(bundle: Bundle) -> None:
    from tlpipe_edge.contract.manifest import Manifest

    document = json.loads((bundle.path / "manifest.json").read_text())
    del document["provenance"]["adopted"], document["checksum"]
    assert Manifest.from_json(json.dumps(document)).provenance.adopted is None
