"""EfficientNet-Lite0: EfficientNet-B0 without squeeze-and-excitation, and with ReLU6 in the place of swish.

Both make it hold its accuracy in int8. Source of the definition: github.com/tensorflow/tpu,
models/official/efficientnet/lite/efficientnet_lite_builder.py (Apache-2.0).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import keras

EPSILON = 1e-3
STEM, TOP = 32, 1280
"""Channels of the first and of the last convolution."""
_STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
"""Blocks, size of the kernel, stride of the first block, expansion, channels."""
_PARTS = ("expand", "depthwise", "project")
"""The convolutions of a block. PyTorch's file numbers its normalizations by their places here, from 0."""


@dataclass(frozen=True)
class _Block:
    """An inverted residual block. ``number`` is its place, from 0; the names of its layers begin with ``name``."""

    number: int
    name: str
    kernel: int
    stride: int
    expansion: int
    channels: int

    @property
    def parts(self) -> tuple[str, ...]:
        """Those of ``_PARTS`` that it has."""
        return _PARTS if self.expansion > 1 else _PARTS[1:]


def _blocks() -> Iterator[_Block]:
    number = 0
    for stage, (repeats, kernel, stride, expansion, channels) in enumerate(_STAGES, 1):
        for place in range(repeats):
            name = f"block{stage}{'abcdefgh'[place]}"
            yield _Block(number, name, kernel, stride if place == 0 else 1, expansion, channels)
            number += 1


def build(
    *, include_top: bool, weights: None, input_tensor: Any = None, input_shape: tuple[int, int, int] | None = None
) -> "keras.Model":
    """The network to its last feature map, (N, height / 32, width / 32, 1280), for images of -1..1.

    It takes the options of keras.applications, of which neither a top nor weights to download are there.
    """
    from tlpipe.network.backend import keras

    if include_top or weights is not None:
        raise ValueError("only without its top, and with weights from a file")
    start = keras.Input(input_shape) if input_tensor is None else input_tensor

    def convolved(values: Any, layer: Any, name: str, *, active: bool = True) -> Any:
        values = keras.layers.BatchNormalization(epsilon=EPSILON, name=f"{name}_bn")(layer(values))
        return keras.layers.ReLU(6.0, name=f"{name}_relu")(values) if active else values

    def convolution(channels: int, kernel: int, stride: int, name: str) -> Any:
        return keras.layers.Conv2D(channels, kernel, stride, padding="same", use_bias=False, name=f"{name}_conv")

    values = convolved(start, convolution(STEM, 3, 2, "stem"), "stem")
    for block in _blocks():
        before, name = values, block.name
        if block.expansion > 1:
            expand = convolution(int(values.shape[-1]) * block.expansion, 1, 1, f"{name}_expand")
            values = convolved(values, expand, f"{name}_expand")
        depthwise = keras.layers.DepthwiseConv2D(
            block.kernel, block.stride, padding="same", use_bias=False, name=f"{name}_depthwise_conv"
        )
        values = convolved(values, depthwise, f"{name}_depthwise")
        project = convolution(block.channels, 1, 1, f"{name}_project")
        values = convolved(values, project, f"{name}_project", active=False)
        if before.shape == values.shape:
            values = keras.layers.Add(name=f"{name}_add")([before, values])
    values = convolved(values, convolution(TOP, 1, 1, "top"), "top")
    return keras.Model(keras.utils.get_source_inputs(start), values, name="efficientnet_lite0")


def load_weights(model: "keras.Model", file: Path) -> None:
    """Read a .npz with the names of the PyTorch network (scripts/convert_efficientnet_lite.py). Raise KeyError or
    ValueError if it is another network, and the errors of numpy.load."""
    with file.open("rb") as stream, np.load(stream, allow_pickle=False) as stored:
        for name, convolution, normalization in _stored_names():
            # From (out, in, height, width); of depthwise ones (channels, 1, height, width).
            axes = (2, 3, 0, 1) if name.endswith("depthwise") else (2, 3, 1, 0)
            model.get_layer(f"{name}_conv").set_weights([stored[f"{convolution}.weight"].transpose(axes)])
            kinds = ("weight", "bias", "running_mean", "running_var")
            values = [stored[f"{normalization}.{kind}"] for kind in kinds]
            model.get_layer(f"{name}_bn").set_weights(values)


def _stored_names() -> Iterator[tuple[str, str, str]]:
    """The name of each convolution here, and those of it and of its normalization in PyTorch's file."""
    yield "stem", "_conv_stem", "_bn0"
    for block in _blocks():
        inside = f"_blocks.{block.number}"
        for part in block.parts:
            yield f"{block.name}_{part}", f"{inside}._{part}_conv", f"{inside}._bn{_PARTS.index(part)}"
    yield "top", "_conv_head", "_bn1"
