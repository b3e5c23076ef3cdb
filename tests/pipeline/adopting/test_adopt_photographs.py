"""A model that plain Keras trained on real photographs, where they lie beside the checkout."""

import json
from pathlib import Path
from typing import Any

import foreign_models as foreign
import numpy as np
import pytest
from PIL import Image

import tlpipe
from tlpipe.data.dataset import Dataset
from tlpipe.network.backend import keras
from tlpipe.pictures import architecture, plots

DATA = Path(__file__).parents[4] / "shared" / "data"
WEIGHTS = DATA / "weights" / "mobilenet_v2_1.0_no_top.weights.h5"
TRAIN = DATA / "clothing" / "train"
LABELS = ("dress", "pants", "shoes")
SIZE = 96

pytestmark = pytest.mark.skipif(
    not (WEIGHTS.is_file() and TRAIN.is_dir()), reason="no photographs and weights in shared/data beside the checkout"
)


def test_its_accuracy_is_the_same_and_a_wrong_normalization_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A frozen MobileNetV2 with a head; the files have the size of the model, so both see the same pixels."""
    for module in (architecture, plots):
        monkeypatch.setattr(module, "save", lambda _figure, file: file.touch())
    for label in LABELS:
        (tmp_path / "data" / label).mkdir(parents=True)
        for file in sorted((TRAIN / label).iterdir())[:20]:
            image = Image.open(file).convert("RGB").resize((SIZE, SIZE))
            image.save(tmp_path / "data" / label / f"{file.stem}.png")
    files = sorted((tmp_path / "data").rglob("*.png"))
    true = np.array([LABELS.index(file.parent.name) for file in files])
    pixels = np.stack([np.asarray(Image.open(file), np.float32) for file in files])
    keras.utils.set_random_seed(0)
    shape = (SIZE, SIZE, 3)
    base = keras.applications.MobileNetV2(input_shape=shape, include_top=False, weights=str(WEIGHTS), pooling="avg")
    head = keras.Sequential([keras.Input((1280,)), keras.layers.Dense(len(LABELS), activation="softmax")])
    head.compile(keras.optimizers.Adam(3e-3), "sparse_categorical_crossentropy")
    head.fit(foreign.scores(base, pixels / 127.5 - 1), true, epochs=10, verbose=0)
    model = keras.Model(base.input, head(base.output))
    named: dict[str, Any] = {"labels": foreign.labels_file(tmp_path, LABELS), "data": tmp_path / "data"}
    saved = foreign.saved(model, tmp_path / "stranger.keras")
    right = {file: bool(good) for file, good in zip(files, own_right(model, pixels, true), strict=True)}

    own, wrong = (
        tlpipe.adopt(saved, **named, **given, out=tmp_path / f"run {given['std']}")
        for given in ({"mean": 127.5, "std": 127.5}, {"mean": 0, "std": 1})
    )
    tests = Dataset.read(own.best_stage / "splits.json").splits["test"]
    expected = float(np.mean([right[example.file] for example in tests]))
    assert top1(own) == expected > 0.8
    assert top1(wrong) < expected - 0.2


def own_right(model: Any, pixels: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Whether each image is right, as the stranger computes it."""
    return np.asarray(foreign.scores(model, pixels / 127.5 - 1).argmax(axis=1) == true)


def top1(run: tlpipe.Run) -> float:
    return float(json.loads((run.best_stage / "metrics.json").read_text())["test"]["top1"])
