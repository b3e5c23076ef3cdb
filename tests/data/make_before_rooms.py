# ruff: noqa: I001  (it imports the modules of before, which are not here)
"""Makes the folder ``before_rooms`` beside this file again: a run, a bundle and benchmarks as tlpipe wrote them before
its modules were moved into packages. What came later has to open them: ``tests/contract/test_before_rooms.py``.

It is run with the sources of that commit, 55af00cbe0e2c2bd746a53163f05ce2a7ef0e933, on PYTHONPATH, in an environment
with what they require:

    git worktree add ../before 55af00cbe0e2c2bd746a53163f05ce2a7ef0e933
    PYTHONPATH=../before/pipeline:../before/edge python tests/data/make_before_rooms.py

A network that is much smaller than any MobileNetV2 takes its place, so that all of it stays below 600 kB.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from PIL import Image

BEFORE = "55af00cbe0e2c2bd746a53163f05ce2a7ef0e933"
HERE = Path(__file__).parent
MADE = HERE / "before_rooms"
LABELS = ("blue cross", "green bars", "red ring")
COUNT = 14
PHOTOGRAPHS = "@PHOTOS@"
"""Stands for the absolute path of the photographs, which each test has elsewhere."""
UNREAD = ("tensorboard", "architecture.png", "layers.svg", "predictions.png")
"""What a stage leaves for people, and no command reads; it would be the larger part of the fixture."""


def tiny(*, input_tensor: Any, include_top: bool, weights: None, alpha: float) -> Any:
    """A backbone with the layers' names of a MobileNetV2, of two blocks; called as keras.applications is."""
    from tlpipe.silence import keras

    assert not include_top and weights is None and alpha == 1.0
    layers = keras.layers

    def normalized(tensor: Any, name: str, *, active: bool = True) -> Any:
        tensor = layers.BatchNormalization(name=f"{name}_BN")(tensor)
        return layers.ReLU(6.0, name=f"{name}_relu")(tensor) if active else tensor

    def convolved(tensor: Any, channels: int, name: str, *, size: int = 1, active: bool = True) -> Any:
        convolution = layers.Conv2D(channels, size, strides=size // 2 + 1, padding="same", use_bias=False, name=name)
        return normalized(convolution(tensor), name, active=active)

    def block(tensor: Any, channels: int, name: str, *, stride: int) -> Any:
        wide = convolved(tensor, 4 * tensor.shape[-1], f"{name}_expand")
        depthwise = layers.DepthwiseConv2D(3, strides=stride, padding="same", use_bias=False, name=f"{name}_depthwise")
        narrow = convolved(normalized(depthwise(wide), f"{name}_depthwise"), channels, f"{name}_project", active=False)
        return narrow if stride == 2 else layers.Add(name=f"{name}_add")([tensor, narrow])

    tensor = convolved(input_tensor, 8, "Conv1", size=3)
    for number, (channels, stride) in enumerate([(12, 2), (12, 1)], 1):
        tensor = block(tensor, channels, f"block_{number}", stride=stride)
    image = keras.utils.get_source_inputs(input_tensor)
    return keras.Model(image, convolved(tensor, 96, "Conv_1"), name="tiny")


def draw(folder: Path) -> None:
    """PNG files, a folder for each label."""
    sys.path.insert(0, str(HERE.parent))
    import drawing

    random = np.random.default_rng(7)
    for kind, label in enumerate(LABELS):
        (folder / label).mkdir(parents=True)
        for number in range(COUNT):
            drawing.picture(kind, len(LABELS), random).save(folder / label / f"{number:02}.png", optimize=True)


def make(folder: Path) -> None:
    """Fill ``folder``: photographs, run, bundle, bench.json, bench-edge.json."""
    from tlpipe import bench, dataset, evaluate, export, model, recipes, train
    from tlpipe.runs import Config
    from tlpipe_edge import bench as device_bench
    from tlpipe_edge import subject
    from tlpipe_edge.latency import Rules
    from tlpipe_edge.manifest import RECIPES

    model.BACKBONES["mobilenet_v2"] = model.Backbone(tiny, (1.0,), 1 / 127.5, -1.0)
    draw(folder / "photographs")
    config = Config(weights="none", image_size=64, views=2, epochs=40, batch_size=8, learning_rate=1e-2)
    run = train.train(dataset.load(folder / "photographs", test_fraction=0.25), folder / "run", config)
    run = train.finetune(run, top_layers=12, epochs=4, learning_rate=3e-4)
    bundle = export.export(run, recipes.parse(RECIPES), folder / "bundle")
    evaluate.evaluate(bundle)

    # So short that the documents call themselves invalid: a fixture needs no latency that is true.
    rules = Rules(window_runs=2, window_seconds=0, runs=20, seconds=0, processes=1, full_seconds=0.1)
    options = subject.Options(rules=rules)
    document = bench.bench(bundle, options, command="tlpipe bench bundle --out bench.json")
    (folder / "bench.json").write_text(device_bench.to_json(document) + "\n")
    of = subject.read(bundle.path, options)
    looked_at = subject.find(of, None)
    document = device_bench.bench(of, looked_at, options, command="tlpipe-edge bench bundle --json")
    (folder / "bench-edge.json").write_text(device_bench.to_json(document) + "\n")


def slim(folder: Path) -> None:
    """Leave out what nothing reads, and name no path of this machine."""
    for stage in (folder / "run").iterdir():
        if not stage.is_dir():
            continue
        for name in UNREAD:
            shutil.rmtree(stage / name) if (stage / name).is_dir() else (stage / name).unlink()
    for file in folder.rglob("*.json"):
        file.write_text(file.read_text().replace(str(folder / "photographs"), PHOTOGRAPHS))
    for curve in [*folder.glob("run/*/*.png"), *folder.glob("bundle/training/*.png")]:
        with Image.open(curve) as picture:  # a bundle holds copies of them; nobody looks at these
            picture.convert("L").reduce(4).quantize(8).save(curve, optimize=True)
    for file in folder.rglob("*"):
        assert file.is_dir() or str(folder).encode() not in file.read_bytes(), f"{file} names the folder it was made in"


def main() -> None:
    import tlpipe

    where = Path(tlpipe.__file__).parent
    asked = subprocess.run(["git", "-C", where, "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    found = asked.stdout.strip()
    if found != BEFORE:
        sys.exit(f"{where} is of commit {found or 'unknown'}: put the sources of {BEFORE} on PYTHONPATH")
    with TemporaryDirectory() as name:
        os.environ["XDG_CACHE_HOME"] = str(Path(name) / "cache")
        folder = Path(name) / "made"
        folder.mkdir()
        make(folder)
        slim(folder)
        shutil.rmtree(MADE, ignore_errors=True)
        shutil.copytree(folder, MADE)


if __name__ == "__main__":
    main()
