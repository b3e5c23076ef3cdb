"""Keras models that were trained elsewhere, as it were: small, saved as their owners would, and hostile ones."""

import json
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from tlpipe.network.backend import keras

SIZE = 48
SCALED = keras.layers.Rescaling


def classifier(*layers: Any, size: int | None = SIZE, name: str | None = None) -> Any:
    """A Sequential of these layers on images."""
    keras.utils.set_random_seed(4)
    return keras.Sequential([keras.Input((size, size, 3)), *layers], name=name)


def simple(*, classes: int = 3, activation: str | None = "softmax", first: Sequence[Any] = ()) -> Any:
    """Convolution, pooling and a Dense head, behind the layers ``first``."""
    convolution = keras.layers.Conv2D(8, 3, strides=2, activation="relu")
    head = keras.layers.Dense(classes, activation=activation)
    return classifier(*first, convolution, keras.layers.GlobalAveragePooling2D(), head)


def saved(model: Any, file: Path) -> Path:
    """Save as .keras or .h5, by the name."""
    model.save(file)
    return file


def labels_file(folder: Path, labels: Sequence[str]) -> Path:
    """The labels, one per line."""
    file = folder / "labels.txt"
    file.write_text("".join(f"{label}\n" for label in labels), "utf-8")
    return file


def with_config(file: Path, change: Callable[[dict[str, Any]], Any]) -> Path:
    """Change the configuration in a .keras or .h5 file in place."""
    if file.suffix == ".h5":
        with h5py.File(file, "r+") as stored:
            config = json.loads(stored.attrs["model_config"])
            change(config)
            stored.attrs["model_config"] = json.dumps(config)
        return file
    with zipfile.ZipFile(file) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(entries["config.json"])
    change(config)
    entries["config.json"] = json.dumps(config).encode()
    return with_entries(file, entries)


def with_entries(file: Path, entries: dict[str, bytes]) -> Path:
    """Write a .keras file with these entries."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return file


def entries_of(file: Path) -> dict[str, bytes]:
    """The entries of a .keras file."""
    with zipfile.ZipFile(file) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def scores(model: Any, pixels: np.ndarray) -> np.ndarray:
    """What the model itself gives for (N, size, size, 3) float32."""
    return np.asarray(model.predict(pixels, verbose=0))
