"""A .tflite file from elsewhere on the command line: with its labels.txt it gives a prediction, and info says all."""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import small_models
from PIL import Image
from small_models import Builder

Command = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A model that ends with logits, its labels and two images, as a stranger has them."""
    builder = Builder()
    pixels = small_models.image(builder)
    file = tmp_path / "model.tflite"
    file.write_bytes(builder.content([pixels], [small_models.head(builder, pixels)], signature="serving_default"))
    (tmp_path / "labels.txt").write_text("0 red\n1 green\n2 other\n")
    for name, colour in (("red", (250, 0, 0)), ("green", (0, 250, 0))):
        Image.fromarray(np.full((8, 8, 3), colour, np.uint8)).save(tmp_path / f"{name}.png")
    return file


@pytest.mark.arm64
def test_a_model_and_its_labels_give_a_prediction(tlpipe_edge: Command, model: Path) -> None:
    done = tlpipe_edge("classify", model, model.with_name("red.png"), model.with_name("green.png"), "--json")

    rows = json.loads(done.stdout)["images"]
    assert done.returncode == 0 and [row["label"] for row in rows] == ["red", "green"]
    assert sum(each["score"] for each in rows[0]["top_k"]) == pytest.approx(1)
    assert done.stderr.splitlines() == [
        f"note: the labels are those of {model.with_name('labels.txt')}",
        "note: the input is assumed to be (pixel - 127.5) / 127.5, because most models with a float32 input expect it; "
        "--mean and --std change it",
        "note: the model ends with FULLY_CONNECTED, not with a softmax: a softmax is applied to its scores",
        "note: this file does not state a crop, so center-crop is used",
    ]


@pytest.mark.arm64
def test_the_options_reach_every_command(tlpipe_edge: Command, model: Path) -> None:
    """With pixels of 0 to 255, the score of the same image is another."""
    named = model.with_name("named.txt")
    named.write_text("rot\ngrün\nanders\n")
    options = ("--labels", named, "--mean", "0,0,0", "--std", "1")
    expected = small_models.probabilities_of(np.full((4, 4, 3), (250, 0, 0)))[0]

    done = tlpipe_edge("classify", model, model.with_name("red.png"), *options, "--json")
    (row,) = json.loads(done.stdout)["images"]
    assert row["label"] == "rot" and row["score"] == pytest.approx(expected) and "assumed" not in done.stderr
    frames = model.with_name("frames")
    frames.mkdir()
    shutil.copy(model.with_name("red.png"), frames)
    done = tlpipe_edge("camera", model, "--source", frames, *options, "--json")
    answer = json.loads(done.stdout)
    assert answer["label"] == "rot" and answer["score"] == pytest.approx(expected)
    assert "rot, grün, anders" in tlpipe_edge("info", model, *options).stdout


@pytest.mark.parametrize("command", ["classify", "camera", "bench", "info"])
def test_a_bundle_does_not_take_the_options(tlpipe_edge: Command, copied: Path, command: str) -> None:
    images = (copied / "golden",) if command == "classify" else ()
    done = tlpipe_edge(command, copied, *images, "--labels", "labels.txt")

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"error: {copied}: labels is for a .tflite file; a bundle states it\nLeave --labels out.\n"


def test_info_describes_a_model_and_what_is_assumed(tlpipe_edge: Command, model: Path) -> None:
    done = tlpipe_edge("info", model)

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[1:7] == [
        "input: float32 1x4x4x3 tensor 0",
        "output: float32 1x3 tensor 3",
        "operators: 2: 1 MEAN, 1 FULLY_CONNECTED",
        "last operators: MEAN, FULLY_CONNECTED",
        "signatures: serving_default",
        "model: 3 classes: red, green, other",
    ]
    assert "model.tflite: 0.00 MB, no TFLite Metadata" in done.stdout and "a softmax is applied" in done.stdout


def test_info_names_some_of_many_classes(tlpipe_edge: Command, tmp_path: Path) -> None:
    builder = Builder()
    pixels = small_models.image(builder)
    means = builder.operator("MEAN", [pixels, builder.constant([1, 2], "int32")], builder.tensor((1, 3)))
    layer = [means, builder.constant(np.zeros((1_000, 3))), builder.constant(np.zeros(1_000))]
    logits = builder.operator("FULLY_CONNECTED", layer, builder.tensor((1, 1_000)))
    file = tmp_path / "model.tflite"
    file.write_bytes(builder.content([pixels], [logits]))
    (tmp_path / "labels.txt").write_text("".join(f"class {number}\n" for number in range(1_000)))

    done = tlpipe_edge("info", file)

    assert (done.returncode, done.stderr) == (0, "")
    assert "model: 1000 classes: class 0, " in done.stdout and ", class 99 and 900 more\n" in done.stdout


def detector(folder: Path) -> Path:
    builder = Builder()
    pixels = builder.tensor((1, 300, 300, 3), "uint8", quantized=(1 / 128, 128))
    outputs = [builder.tensor(shape) for shape in ((1, 10, 4), (1, 10), (1, 10), (1,))]
    builder.operators.append(("TFLite_Detection_PostProcess", (pixels,), tuple(outputs), "NONE"))
    file = folder / "detector.tflite"
    file.write_bytes(builder.content([pixels], outputs, graphs=2))
    return file


def test_info_describes_what_is_no_classifier_and_says_why(tlpipe_edge: Command, tmp_path: Path) -> None:
    done = tlpipe_edge("info", detector(tmp_path))

    assert (done.returncode, done.stderr) == (0, "")
    for line in (
        "input: uint8 1x300x300x3 (0.0078125, 128) tensor 0",
        "output: float32 1x10x4 tensor 1",
        "output: float32 1 tensor 4",
        "operators: 1: 1 CUSTOM TFLite_Detection_PostProcess",
        "graphs: 2; this is the first",
        "no classifier for tlpipe-edge: 4 outputs: an object detector, not a classifier",
    ):
        assert line in done.stdout.splitlines()
    assert tlpipe_edge("classify", detector(tmp_path), "red.png").returncode == 65


def test_info_of_a_model_without_labels_says_how_to_name_them(tlpipe_edge: Command, model: Path) -> None:
    model.with_name("labels.txt").unlink()
    done = tlpipe_edge("info", model)

    assert (done.returncode, done.stderr) == (0, "")
    assert "no classifier for tlpipe-edge: it does not name its labels" in done.stdout
    assert "--labels FILE" in done.stdout
    assert tlpipe_edge("info", model, "--labels", "gone.txt").returncode == 66


def test_info_names_the_labels_that_do_not_fit(tlpipe_edge: Command, model: Path) -> None:
    labels = model.with_name("labels.txt")
    labels.write_text("red\ngreen\nblue\nother\n")
    done = tlpipe_edge("info", model)

    assert f"no classifier for tlpipe-edge: {labels}: 4 labels for a model with 3 outputs" in done.stdout.splitlines()


def test_info_finds_the_damage_of_a_file(tlpipe_edge: Command, model: Path) -> None:
    content = model.read_bytes()
    for length in (0, 8, 100, len(content) - 40):
        model.write_bytes(content[:length])
        done = tlpipe_edge("info", model)
        assert done.returncode == 65 and done.stderr.startswith("error: ") and "Traceback" not in done.stderr


def test_info_says_what_the_runtime_finds_after_the_description(tlpipe_edge: Command, model: Path) -> None:
    """The structure is sound, and the operator refuses its shapes."""
    builder = Builder()
    pixels = small_models.image(builder)
    logits = small_models.head(builder, pixels)
    broken = builder.operator("ADD", [logits, builder.constant([1, 2])], builder.tensor((1, 3)))
    model.write_bytes(builder.content([pixels], [broken]))
    done = tlpipe_edge("info", model)

    assert done.returncode == 65 and "operators: 3" in done.stdout
    assert "cannot run this model" in done.stderr
