"""A tensor of an int8 graph, and how it is computed: what normalizations and ReLUs are folded into."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

Kind = Literal[
    "image", "times", "plus", "flip", "convolution", "depthwise", "dense", "add", "pad", "flat", "mean", "largest",
    "maximum", "average", "softmax",
]  # fmt: skip
"""How a tensor is computed."""


@dataclass(frozen=True)
class Tensor:
    """A tensor of the network, for a batch, and how it is computed from ``inputs``, the names of others.

    kernel: float32, (height, width, in, out); of a depthwise convolution (height, width, channels, 1), of a dense layer
        (in, out). bias: (out,) float32. Either both are there or none.
    stride, padding, window: as Keras has them. pads: ((top, bottom), (left, right)).
    ceiling: the upper bound of its ReLU, 6 or infinite; None if it has no ReLU.
    constant: what is multiplied or added, () or (channels,) float32.
    """

    name: str
    kind: Kind
    inputs: tuple[str, ...]
    kernel: np.ndarray | None = None
    bias: np.ndarray | None = None
    stride: int = 1
    padding: str = "valid"
    window: int = 1
    pads: tuple[tuple[int, int], tuple[int, int]] = ((0, 0), (0, 0))
    ceiling: float | None = None
    constant: np.ndarray | None = None
