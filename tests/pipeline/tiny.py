"""A second entry of the backbones, without widths.

It trains in a fraction of the time that the smallest MobileNetV2 takes, most of which goes into building and tracing
layers, however few the images are.
"""

from pathlib import Path
from typing import Any

import numpy as np

from tlpipe.network.backbones import Backbone
from tlpipe.network.backend import keras

LAYERS = 14
"""Those that fine-tuning can choose from."""


def tiny(*, include_top: bool, weights: None, input_tensor: Any) -> Any:
    """A stem, a block of a narrow network, and a wide end; it knows no alpha."""
    assert not include_top and weights is None

    def convolved(source: Any, name: str, filters: int, *, size: int = 1, stride: int = 1) -> Any:
        layer = keras.layers.Conv2D(filters, size, strides=stride, padding="same", use_bias=False, name=name)
        return keras.layers.BatchNormalization(name=f"{name}_bn")(layer(source))

    stem = keras.layers.ReLU(6.0, name="stem_relu")(convolved(input_tensor, "stem", 8, size=3, stride=4))
    wide = keras.layers.ReLU(6.0, name="expand_relu")(convolved(stem, "expand", 24))
    deep = keras.layers.DepthwiseConv2D(3, padding="same", use_bias=False, name="depthwise")(wide)
    added = keras.layers.Add(name="add")([stem, convolved(deep, "project", 8)])
    end = keras.layers.ReLU(6.0, name="end_relu")(convolved(added, "end", 32))
    return keras.Model(keras.utils.get_source_inputs(input_tensor), end)


def load_npz(model: Any, file: Path) -> None:
    with np.load(file) as arrays:
        for layer in model.layers:
            layer.set_weights([arrays[f"{layer.name}/{number}"] for number, _ in enumerate(layer.weights)])


def write_npz(file: Path) -> Path:
    """Random weights, always the same."""
    keras.utils.set_random_seed(3)
    network = tiny(include_top=False, weights=None, input_tensor=keras.Input((48, 48, 3)))
    arrays = {f"{layer.name}/{n}": array for layer in network.layers for n, array in enumerate(layer.get_weights())}
    np.savez(file, **arrays)
    return file


TINY = Backbone(
    name="tiny",
    builder=tiny,
    sizes=(32, 48),
    scale=1 / 128,
    offset=-127 / 128,
    top_layers=3,
    top_begins="end",
    layers=LAYERS,
    weights_file="the .npz of tiny",
    load_weights=load_npz,
)
