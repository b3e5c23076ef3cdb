"""Mistakes of a user are said before TensorFlow is imported, an image is hashed, or anything is written."""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import drawing
import numpy as np
import older
import pytest
from PIL import Image

from tlpipe.demo.digits import BACKBONE
from tlpipe.network.backbones import MOBILENET_V2
from tlpipe.runs.run_folder import Run
from tlpipe.storage import locks
from tlpipe_edge.contract.bundle import Bundle

PROGRAM = Path(__file__).parents[1] / "mistaken.py"
SMALL = ("--weights", "small.weights.h5", "--alpha", "0.35", "--image-size", "64")
KERAS = ("--keras", "runs/drawn/2-finetuned/model.keras")
"""The Keras model of the bundle here, which is a copy."""


@dataclass(frozen=True)
class Mistake:
    """A command line, or ``call`` and the call of a function; its exit code, and a part of the error."""

    arguments: tuple[Any, ...]
    code: int
    said: str
    named: tuple[tuple[str, Any], ...] = ()


def call(*arguments: Any, code: int, said: str, **named: Any) -> Mistake:
    return Mistake(("call", *arguments), code, said, tuple(named.items()))


def of_data(data: str, code: int, said: str) -> list[Mistake]:
    """A mistake in the images of every command that takes any."""
    commands = [("train", data, *SMALL), ("run", data, *SMALL)]
    commands += [(name, "exported/drawn", *KERAS, "--data", data) for name in ("evaluate", "bench")]
    return [Mistake(command, code, said) for command in commands]


def of_training(code: int, said: str, *options: Any) -> list[Mistake]:
    return [Mistake((name, "photos", *options), code, said) for name in ("train", "run")]


def of_bundle(path: str, said: str) -> list[Mistake]:
    commands = [("evaluate", path), ("bench", path)]
    return [Mistake(command, 66, said) for command in commands] + [call("bench", path, code=66, said=said)]


def of_run(path: str, said: str) -> list[Mistake]:
    return [Mistake((name, path), 66, said) for name in ("finetune", "export")]


DATA = [
    *of_data("fotos", 66, "fotos: no such folder, list or archive\nDid you mean HERE/photos?"),
    *of_data(
        "cat.jpg",
        65,
        "cat.jpg: this is an image, not a folder of images, a list or an archive\nName a folder with one sub",
    ),
    *of_data("photos.zip", 65, "photos.zip: named as an archive, but no zip or tar"),
    *of_data("exported/drawn", 65, "exported/drawn: this is a bundle, not a folder"),
    *of_data("runs/drawn", 65, "runs/drawn: this is a run, not a folder"),
    *of_data("empty", 65, "no images in class folders"),
    *of_data("photos/kryss", 65, "8 images, but no class folders"),
    *of_data("bad.csv", 65, "bad.csv, line 1: no column has the path of an image (there is name, kind)"),
    *of_data("inside", 65, "the splits are inside the class folders"),
    *(
        Mistake(
            (name, data, *SMALL), 65, f"only one class ('{only}')\nIf the folders in HERE/{data}/{only} are the classes"
        )
        for name in ("train", "run")
        for data, only in (("deep", "photos"), ("deeper", "data"))
    ),
    *(
        Mistake(
            (name, "exported/drawn", *KERAS, "--data", "deep"),
            65,
            "no image is of a class of the model: 'photos' (16 images)\nIf the",
        )
        for name in ("evaluate", "bench")
    ),
    Mistake(("train", "scarce", *SMALL), 65, "class 'a': too few different images to hold out a split"),
    call("train", "fotos", code=66, said="Did you mean HERE/photos?"),
    call("evaluate", "exported/drawn", data="cat.jpg", keras=KERAS[1], code=65, said="this is an image"),
    call("bench", "exported/drawn", data="cat.jpg", keras=KERAS[1], code=65, said="this is an image"),
]

TRAINING = [
    *of_training(2, "alpha 0.4 is not a width multiplier of mobilenet_v2\nChoose 0.35, 0.5,", "--alpha", "0.4"),
    *of_training(2, "invalid image size: 1000\nChoose a size from 64 to 224", "--image-size", "1000"),
    *of_training(2, "invalid image size: 1000", "--image-size", "1000", "--weights", "none"),
    *of_training(2, "--image-size", "--image-size", "big"),
    *of_training(2, "--views", "--views", "0"),
    *of_training(2, "--epochs", "--epochs", "-1"),
    *of_training(2, "--batch-size", "--batch-size", "0"),
    *of_training(2, "--learning-rate", "--learning-rate", "-1"),
    *of_training(2, "--learning-rate", "--learning-rate", "nan"),
    *of_training(2, "--learning-rate: inf is too high", "--learning-rate", "inf"),
    *of_training(2, "--epochs: 1000000000000000 is too high", "--epochs", str(10**15)),
    *of_training(2, "--seed", "--seed", "-1"),
    *of_training(2, "--crop", "--crop", "squeeze"),
    *of_training(2, "--class-weights", "--class-weights", "fair"),
    *of_training(2, "invalid test fraction: 1", *SMALL, "--test-fraction", "1"),
    *of_training(2, "invalid validation fraction: nan", *SMALL, "--validation-fraction", "nan"),
    *of_training(2, "no validation images to select", *SMALL, "--validation-fraction", "0"),
    *of_training(2, "leave too little", *SMALL, "--validation-fraction", "0.5", "--test-fraction", "0.5"),
    *of_training(2, "--crop auto needs a pre-trained backbone", "--weights", "none", "--crop", "auto"),
    *of_training(2, "--nonsense", "--nonsense"),
    *of_training(66, "gone.h5: no such weights file\nName a .weights.h5", "--weights", "gone.h5"),
    *of_training(65, "cat.jpg: not a file of weights", "--weights", "cat.jpg"),
    *of_training(65, "text.weights.h5: not a file of weights", "--weights", "text.weights.h5"),
    *of_training(
        65,
        "of mobilenet_v2 at width 0.35, not 0.5\nUse --alpha 0.35",
        "--weights",
        "small.weights.h5",
        "--alpha",
        "0.5",
    ),
    *of_training(65, "other.weights.h5: not the weights of mobilenet_v2 at width 1", "--weights", "other.weights.h5"),
    *of_training(65, "large.weights.h5: not the weights of mobilenet_v2 at width 1", "--weights", "large.weights.h5"),
    *of_training(65, "damaged.weights.h5: not a file of weights", "--weights", "damaged.weights.h5"),
    *of_training(65, "top.h5: the weights of mobilenet_v2 at width 1 with its top", "--weights", "top.h5"),
    *of_training(65, "photos: this is a folder, not a weights file\nName a .weights.h5", "--weights", "photos"),
    *of_training(65, "runs/drawn: this is a run, not a weights file", "--weights", "runs/drawn"),
    *of_training(
        69,
        "the ImageNet weights cannot be downloaded ([Errno 111] Connection refused)\nName a file with --weights FILE",
        "--alpha",
        "1.4",
    ),
    *of_training(2, "photos/out: the output folder is inside the image folder", *SMALL, "--out", "photos/out"),
    *of_training(2, "runs/drawn: exists already", *SMALL, "--out", "runs/drawn"),
    *of_training(2, "it holds something else", *SMALL, "--out", "empty/..", "--overwrite"),
    *of_training(2, "cat.jpg: is a file, not a folder", *SMALL, "--out", "cat.jpg/run"),
    *of_training(69, "closed: cannot be written to", *SMALL, "--out", "closed/run"),
    Mistake(("train",), 2, "tlpipe train: missing argument 'DATA'\nSee tlpipe train --help."),
    Mistake(("train", "photos", "--views"), 2, "tlpipe train: option '--views' requires an argument\nSee tlpipe train"),
    Mistake(("train", "photos", "--out", ""), 2, "tlpipe train --out: an empty value\nGive one"),
    Mistake(("train", "--overwrite", ""), 2, "tlpipe train DATA: an empty value\nGive one"),
    Mistake(("--config", "", "train", "photos"), 2, "tlpipe --config: an empty value\nGive one"),
    Mistake(("--config=", "train", "photos"), 2, "tlpipe --config: an empty value\nGive one"),
    Mistake(("report", "--out", "new", "--", "--odd="), 66, "--odd=: no such"),
    Mistake(("report", "", "--out", "new"), 2, "tlpipe report BUNDLE|FILE: an empty value\nGive one"),
    Mistake(("run", "photos", *SMALL, "--bench", "some"), 2, "--bench"),
    Mistake(("run", "photos", *SMALL, "--overwrite", "--out", "new/kept"), 2, "kept: not replaced: it holds something"),
    Mistake(("run", "photos", "--bench", "all", "--no-bench"), 2, "--bench all and --no-bench exclude each other"),
    Mistake(("demo", "--no-bench", "--bench", "recommended"), 2, "--bench recommended and --no-bench exclude each"),
    Mistake(("demo", "--bench", "some"), 2, "--bench"),
    call("train", "photos", training={"alpha": 0.4}, code=2, said="alpha 0.4"),
    call("train", "photos", training={"image_size": 1000}, code=2, said="invalid image size"),
    call("train", "photos", training={"crop": "squeeze"}, code=2, said="crop"),
    call("train", "photos", training={"weights": "gone.h5"}, code=66, said="no such weights file"),
    call("train", "photos", training={"weights": "small.weights.h5"}, code=65, said="at width 0.35, not 1"),
    call("run", "photos", training={"finetuning": {"top_layers": 500}}, code=2, said="the backbone has 154"),
    call("run", "photos", out="closed/run", code=69, said="cannot be written to"),
    call("run", "photos", timed="some", code=2, said="timed='some': not a choice\nPass none, recommended, all."),
]

LATER = [
    Mistake(("finetune", "runs/drawn"), 2, "2-finetuned: exists already"),
    Mistake(("finetune", "runs/drawn", "--overwrite", "--top-layers", "500"), 2, "but the backbone has 154"),
    Mistake(("finetune", "runs/drawn", "--overwrite", "--top-layers", "-1"), 2, "--top-layers"),
    Mistake(("finetune", "runs/drawn", "--overwrite", "--learning-rate", "nan"), 2, "--learning-rate"),
    Mistake(("finetune", "runs/moved", "--overwrite"), 66, "the images that the run was trained on are not there"),
    Mistake(
        ("finetune", "runs/hollow", "--overwrite"),
        65,
        "model.keras: missing: it was written with the other files\nCopy the run again",
    ),
    Mistake(("finetune", "runs/damaged", "--overwrite"), 65, "model.keras: damaged: 10 bytes"),
    call("finetune", "runs/drawn", overwrite=True, finetuning={"top_layers": 500}, code=2, said="the backbone has 154"),
    *of_run("runs/drwan", "runs/drwan: no such run\nDid you mean runs/drawn?"),
    *of_run("drawn", "drawn: no such run\nDid you mean runs/drawn?"),
    *of_run("exported/drawn", "exported/drawn: this is a bundle, not a run\nName the run that it was exported from"),
    *of_run("cat.jpg", "cat.jpg: this is an image, not a run"),
    *of_run("runs", "runs: no run here (run.json is missing)\nName runs/damaged or"),
    *of_run(
        "runs/drawn/1-frozen", "runs/drawn/1-frozen: no run here (run.json is missing)\nName the folder that it is in"
    ),
    *of_run("empty", "empty: no run here"),
    Mistake(("export", "runs/drawn", "--quantize", "int4"), 2, "export --quantize: unknown number format int4\nChoose"),
    Mistake(("export", "runs/drawn", "--out", "empty/..", "--overwrite"), 2, "it holds something else"),
    Mistake(("export", "runs/drawn", "--out", "exported/drawn"), 2, "exists already"),
    Mistake(("export", "runs/drawn", "--out", "closed/drawn"), 69, "cannot be written to"),
    Mistake(("export", "runs/drawn", "--out", "cat.jpg/drawn"), 2, "is a file, not a folder"),
    Mistake(("export", "runs/moved"), 66, "the images that the run was trained on are not there"),
    Mistake(("export", "runs/damaged"), 65, "model.keras: damaged: 10 bytes"),
    call("export", "runs/drawn", ["int4"], code=2, said="unknown number format int4"),
    call("export", "exported/drawn", code=66, said="this is a bundle, not a run"),
    *of_bundle("exported/drwan", "exported/drwan: no such bundle\nDid you mean exported/drawn?"),
    *of_bundle("drawn", "drawn: no such bundle\nDid you mean exported/drawn?"),
    *of_bundle(
        "xyz",
        "xyz: no such bundle\nName a folder that tlpipe export wrote. There is exported/broken or exported/drawn.",
    ),
    *of_bundle("runs/drawn", "runs/drawn: this is a run, not a bundle\nExport it first: tlpipe export runs/drawn"),
    *of_bundle("cat.jpg", "cat.jpg: this is an image, not a bundle"),
    *of_bundle("bad.csv", "bad.csv: this is a CSV file, not a bundle"),
    *of_bundle(
        "exported/drawn/drawn-int8.tflite", "this is a .tflite file, not a bundle\nName the folder that it is in"
    ),
    *of_bundle(
        "exported", "exported: no bundle here (manifest.json is missing)\nName exported/broken or exported/drawn."
    ),
    Mistake(("evaluate", "exported/drawn", "--keras", "gone.keras"), 66, "model was not found\nCheck the path."),
    Mistake(("evaluate", "exported/drawn", "--keras", "cat.jpg"), 65, "cat.jpg: not a Keras model"),
    Mistake(("evaluate", "exported/drawn", "--keras", "runs/drawn/1-frozen/model.keras"), 65, "another sha256"),
    Mistake(("evaluate", "exported/drawn", *KERAS, "--max-drop", "2"), 2, "--max-drop"),
    Mistake(("evaluate", "exported/drawn", *KERAS, "--min-agreement", "nan"), 2, "--min-agreement"),
    Mistake(
        ("evaluate", "exported/drawn", *KERAS, "--images", "runs"), 2, "--format and --images say how --data is read"
    ),
    Mistake(
        ("evaluate", "exported/drawn", *KERAS, "--format", "csv"), 2, "--format and --images say how --data is read"
    ),
    Mistake(("evaluate", "exported/broken", *KERAS), 65, "bytes, but it was written with"),
    Mistake(("evaluate", "closed/exported", *KERAS), 69, "cannot be written to"),
    Mistake(("explain", "exported/broken"), 65, "bytes, but it was written with"),
    Mistake(("explain", "exported/drwan"), 66, "exported/drwan: no such bundle\nDid you mean exported/drawn?"),
    Mistake(("explain", "cat.jpg"), 66, "cat.jpg: this is an image, not a bundle"),
    Mistake(("explain", "runs/moved"), 66, "the images that the run was trained on are not there"),
    Mistake(("explain", "runs/damaged"), 65, "model.keras: damaged: 10 bytes"),
    Mistake(("explain", "closed/exported"), 69, "cannot be written to"),
    call("explain", "exported/drwan", code=66, said="Did you mean exported/drawn?"),
    call("evaluate", "exported/drawn", max_drop=2, code=2, said="max_drop=2: not a share"),
    call("evaluate", "exported/drawn", min_agreement=float("nan"), code=2, said="min_agreement=nan: not a share"),
    Mistake(("bench", "exported/drawn", "--keras", "gone.keras"), 66, "gone.keras: the Keras model was not found"),
    Mistake(("bench", "exported/broken", *KERAS), 65, "bytes, but it was written with"),
    Mistake(("bench", "exported/drawn", "--recipe", "int4"), 2, "no format int4 in this bundle\nIt holds"),
    Mistake(("bench", "exported/drawn", "--threads", "many"), 2, "bench --threads: many: not numbers of threads"),
    Mistake(("bench", "exported/drawn", "--threads", "0"), 2, "0: not numbers of threads"),
    Mistake(("bench", "exported/drawn", "--runtime", "onnx"), 2, "tlpipe bench --runtime: no runtime onnx"),
    Mistake(("bench", "exported/drawn", "--device", "raspberrypi"), 2, "--device: raspberrypi: not an ssh address"),
    Mistake(("bench", "exported/drawn", "--device", "ssh://pi", "--wheelhouse", "gone"), 66, "gone: no such folder"),
    Mistake(("bench", "exported/drawn", "--device", "ssh://pi", "--wheelhouse", "empty"), 66, "empty: no wheels here"),
    Mistake(("bench", "exported/drawn", "--baseline", "gone.json"), 66, "gone.json: no such baseline"),
    Mistake(("bench", "exported/drawn", "--baseline", "bad.csv"), 65, "bad.csv: not valid JSON"),
    Mistake(("bench", "exported/drawn", "--max-slowdown", "0.5"), 2, "--max-slowdown"),
    Mistake(("bench", "exported/drawn", "--max-slowdown", "inf"), 2, "--max-slowdown"),
    Mistake(("bench", "exported/drawn", "--max-drop", "-1"), 2, "--max-drop"),
    Mistake(("bench", "exported/drawn", "--max-drop", "1.5"), 2, "--max-drop"),
    Mistake(("bench", "exported/drawn", "--out", "gone/bench.json"), 66, "gone/bench.json: no such folder"),
    Mistake(("bench", "exported/drawn", "--out", "closed/bench.json"), 69, "cannot be written to"),
    Mistake(("bench", "exported/drawn", "--out", "bad.csv"), 2, "exists already"),
    Mistake(
        ("bench", "exported/drawn", "--out", "runs"), 2, "runs: a folder\nName a file in it, such as runs/bench.json"
    ),
    call("bench", "exported/drawn", recipes=["int4"], code=2, said="no format int4 in this bundle"),
    call("bench", "exported/drawn", threads=0, code=2, said="invalid numbers of threads"),
    call("bench", "exported/drawn", device="raspberrypi", code=2, said="not an ssh address"),
    Mistake(("report", "exported/drwan", "--out", "new"), 66, "no such file or bundle\nDid you mean exported/drawn?"),
    Mistake(("report", "cat.jpg", "--out", "new"), 65, "cat.jpg: this is an image, not a bundle or a benchmark"),
    Mistake(("report", "exported/drawn/drawn-int8.tflite", "--out", "new"), 65, "Name the folder that it is in"),
    Mistake(("report", "runs/drawn", "--out", "new"), 66, "this is a run, not a bundle\nExport it first"),
    Mistake(("report", "exported/drawn", "--out", "closed/new"), 69, "cannot be written to"),
    Mistake(("report", "exported/drawn", "--out", "empty/..", "--overwrite"), 2, "it holds something else"),
    Mistake(("report", "exported/drawn"), 2, "--out"),
    call("report", "exported/drwan", out="new", code=66, said="Did you mean exported/drawn?"),
]

LOCKED = ("held/new", "held/run", "held/bundle", "held/scored/evaluation.json")
"""What another process is writing."""
WRITTEN = "another tlpipe process is writing it\nWait until that process has ended."
BUSY = [
    *of_training(75, f"held/new: {WRITTEN}", *SMALL, "--out", "held/new"),
    *of_training(75, f"held/run: {WRITTEN}", *SMALL, "--out", "held/run", "--overwrite"),
    Mistake(("finetune", "held/run", "--overwrite"), 75, f"held/run: {WRITTEN}"),
    Mistake(("export", "runs/drawn", "--out", "held/new"), 75, f"held/new: {WRITTEN}"),
    Mistake(("export", "runs/drawn", "--out", "held/bundle", "--overwrite"), 75, f"held/bundle: {WRITTEN}"),
    Mistake(("evaluate", "held/bundle", *KERAS), 75, f"held/bundle: {WRITTEN}"),
    Mistake(("evaluate", "held/scored", *KERAS), 75, f"held/scored/evaluation.json: {WRITTEN}"),
    Mistake(("explain", "held/bundle"), 75, f"held/bundle: {WRITTEN}"),
    Mistake(("explain", "held/scored"), 75, f"held/scored/evaluation.json: {WRITTEN}"),
    Mistake(("report", "exported/drawn", "--out", "held/new"), 75, f"held/new: {WRITTEN}"),
    call("train", "photos", out="held/new", code=75, said=f"held/new: {WRITTEN}"),
]

MISTAKES = [*DATA, *TRAINING, *LATER, *BUSY]


@dataclass(frozen=True)
class Made:
    """The outcomes of ``MISTAKES``, in their order, and the folder in which they were made."""

    here: Path
    outcomes: list[dict[str, Any]]
    written: set[Path]


def moved(run: Path) -> None:
    """The images of the run are elsewhere now."""
    for stage in ("1-frozen", "2-finetuned"):
        splits = json.loads((run / stage / "splits.json").read_text())
        for rows in splits["splits"].values():
            for row in rows:
                row["file"] += ".moved"
        (run / stage / "splits.json").write_text(json.dumps(splits))


def world(here: Path, run: Path, bundle: Path) -> Path:
    """A working folder with what a user may have, and may name wrongly."""
    import h5py

    drawing.photographs(here / "photos", ("-blå ring", "kryss"), count=8)
    for folder in ("empty", "closed", "exported/kept", "inside/a/train", "inside/a/test", "inside/b/train"):
        (here / folder).mkdir(parents=True)
    shutil.copytree(here / "photos", here / "deep/photos")
    shutil.copytree(here / "photos", here / "deeper/data/train")
    for name in "ab":
        drawing.photographs(here / "scarce", (name,), count=2)
    Image.new("RGB", (8, 8)).save(here / "cat.jpg")
    Image.new("RGB", (8, 8)).save(here / "exported/kept/cat.jpg")
    (here / "photos.zip").write_text("no archive")
    (here / "bad.csv").write_text("name,kind\ncat.jpg,cat\n")
    shutil.copy(BACKBONE, here / "small.weights.h5")
    (here / "text.weights.h5").write_text("no weights")
    with h5py.File(here / "other.weights.h5", "w") as weights:
        weights["kernel"] = np.zeros((3, 3), np.float32)
    with h5py.File(here / "large.weights.h5", "w") as weights:
        weights["layers/conv2d/vars/0"] = np.zeros(3_000_000, np.float32)
    with h5py.File(here / "top.h5", "w") as weights:
        weights.attrs["layer_names"] = ["Conv1", "predictions"]
        weights["Conv1/Conv1/kernel:0"] = np.zeros(MOBILENET_V2.parameters[1.0], np.float32)
        weights["predictions/predictions/kernel:0"] = np.zeros((1280, 10), np.float32)
    (here / "damaged.weights.h5").write_bytes(BACKBONE.read_bytes().replace(b"SNOD", b"DONS"))
    for name in ("runs/drawn", "runs/moved", "runs/hollow", "runs/damaged", "held/run"):
        shutil.copytree(run, here / name)
    moved(older.without_checksums(here / "runs/moved"))
    for stage in ("1-frozen", "2-finetuned"):
        (here / "runs/hollow" / stage / "model.keras").unlink()
        (here / "runs/damaged" / stage / "model.keras").write_text("no archive")
    for name in ("exported/drawn", "exported/broken", "closed/exported", "held/bundle", "held/scored"):
        shutil.copytree(bundle, here / name)
    with next((here / "exported/broken").glob("*int8.tflite")).open("ab") as file:
        file.write(b"\0")
    return here


def without_network() -> dict[str, str]:
    """The environment of a program that reaches no host: its proxy is not there."""
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        closed = f"http://127.0.0.1:{nobody.getsockname()[1]}"
    return os.environ | {"https_proxy": closed, "no_proxy": "", "NO_PROXY": ""}


@pytest.fixture(scope="module")
def made(run: Run, bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Made:
    """One program makes all of them: starting it takes longer than a mistake."""
    here = world(tmp_path_factory.mktemp("mistakes"), run.path, bundle.path)
    mistakes = [(each.arguments, dict(each.named)) for each in MISTAKES]
    with contextlib.ExitStack() as held:
        for name in LOCKED:
            held.enter_context(locks.locked(here / name))
        before = set(here.rglob("*"))
        done = subprocess.run(
            [sys.executable, str(PROGRAM)],
            input=json.dumps(mistakes, default=str),
            cwd=here,
            env=without_network(),
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return Made(here, json.loads(done.stdout), before ^ set(here.rglob("*")))


@pytest.mark.parametrize("number", range(len(MISTAKES)), ids=lambda n: "-".join(map(str, MISTAKES[n].arguments)))
def test_a_mistake_is_said_at_once(made: Made, number: int) -> None:
    mistake, done = MISTAKES[number], made.outcomes[number]
    error = done["said"][done["said"].find("error: ") :]

    assert not done["imported"] and not done["hashed"], done
    assert done["code"] == mistake.code, done["said"]
    assert mistake.said.replace("HERE", str(made.here)) in error and len(error.splitlines()) <= 2, error
    assert done["out"] == ""


def test_a_mistake_writes_nothing(made: Made) -> None:
    assert not made.written


@pytest.mark.parametrize("command", [("demo",), ("run", "photos", "--out", "here/run")])
def test_a_place_of_results_that_cannot_be_is_said_before_the_first_step(
    tlpipe: Any, tmp_path: Path, command: tuple[str, ...]
) -> None:
    drawing.photographs(tmp_path / "photos", ("a", "b"), count=8)
    (tmp_path / "reports").write_text("a file")
    done = tlpipe(*command)

    assert done.code == 2 and done.stderr == f"error: {tmp_path}/reports: is a file, not a folder\nName another path.\n"
    assert not (tmp_path / "runs").exists()


def test_a_size_that_the_network_pads_is_noted(tlpipe: Any, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    note = "image size 200 is no multiple of 32, so the network pads; better: 192 or 224\n"

    assert tlpipe("train", "empty", "--image-size", "200").stderr.startswith(note)
    assert "multiple" not in tlpipe("train", "empty", "--image-size", "192").stderr
