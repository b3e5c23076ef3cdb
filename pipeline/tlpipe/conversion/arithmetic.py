"""Computes the tensors of a folded network: in floats, and as the int8 kernels of a device round them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tlpipe.conversion.tensor import Tensor
from tlpipe.network.backend import tf

LEVELS = 255
"""Steps of a tensor, and, with both signs, of a kernel: -127 to 127."""
SHARES = tuple(share / 20 for share in range(20, 7, -1))
"""Of a range that is tried: from all of it to two fifths."""


@dataclass(frozen=True)
class Range:
    """The values that the first and the last of the 256 levels of a tensor stand for; one of them is 0."""

    low: float
    high: float

    @classmethod
    def around(cls, low: float, high: float) -> "Range":
        """The range of these values, moved so that one of its levels is 0, which paddings and ReLUs need."""
        low, high = min(0.0, low), max(0.0, high, 1e-6)
        step = (high - low) / LEVELS
        zero = float(np.clip(np.rint(-low / step), 0, LEVELS))
        return cls(-zero * step, (LEVELS - zero) * step)

    @classmethod
    def nearest(cls, sample: np.ndarray, low: float, high: float) -> "Range":
        """The range within ``low`` and ``high`` that rounds the ``sample`` (N,) of float32 values with the least mean
        square of the errors, by a search over ``SHARES`` of both ends.

        A few large values are cut off where all others gain by smaller steps (Choukroun et al. 2019, *Low-bit
        Quantization of Neural Networks for Efficient Inference*, ICCV Workshops, section 3).
        """
        ranges = [cls.around(low * one, high * other) for one in SHARES for other in SHARES]
        errors = [float(np.square(each.rounded(sample) - sample).mean()) for each in ranges]
        return ranges[int(np.argmin(errors))]

    def rounded(self, values: np.ndarray) -> np.ndarray:
        """The values, float32, on the nearest levels."""
        step, low = np.float32(self.step), np.float32(self.low)
        return np.clip(np.rint((values - low) / step), 0, LEVELS) * step + low

    @property
    def step(self) -> float:
        """The difference of two levels."""
        return (self.high - self.low) / LEVELS

    def levels(self, values: Any) -> np.ndarray:
        """The numbers of the levels, uint8, of values (any shape) that are on them."""
        return np.rint((np.asarray(values) - self.low) / self.step).astype(np.uint8)

    def values(self, levels: np.ndarray) -> np.ndarray:
        """The values, float32, of ``levels``."""
        return (levels * np.float32(self.step) + np.float32(self.low)).astype(np.float32)


def rounded(value: Any, within: Range) -> Any:
    """``value`` on the nearest of the 256 levels."""
    return tf.quantization.fake_quant_with_min_max_vars(value, within.low, within.high, num_bits=8)


def rounded_kernel(tensor: Tensor) -> np.ndarray:
    """The kernel as the converter rounds it: symmetric, a scale per output channel (TFLite's 8-bit specification)."""
    if tensor.kernel is None:
        raise ValueError(f"{tensor.name} has no kernel")
    axes = (0, 1, 3) if tensor.kind == "depthwise" else tuple(range(tensor.kernel.ndim - 1))
    step = np.maximum(np.abs(tensor.kernel).max(axes, keepdims=True), 1e-8) / (LEVELS // 2)
    levels = np.clip(np.rint(tensor.kernel / step), -(LEVELS // 2), LEVELS // 2)
    return (levels * step).astype(np.float32)


def computed(tensor: Tensor, values: Sequence[Any], kernel: Any = None) -> Any:
    """The value of a tensor, not rounded, of the ``values`` of its inputs, with ``kernel`` in the place of its own."""
    kernel = tensor.kernel if kernel is None else kernel
    first = values[0]
    padding = tensor.padding.upper()
    match tensor.kind:
        case "convolution":
            result = tf.nn.conv2d(first, kernel, tensor.stride, padding) + tensor.bias
        case "depthwise":
            strides = [1, tensor.stride, tensor.stride, 1]
            result = tf.nn.depthwise_conv2d(first, kernel, strides, padding) + tensor.bias
        case "dense":
            result = tf.matmul(first, kernel) + tensor.bias
        case "times":
            result = first * tensor.constant
        case "plus":
            result = first + tensor.constant
        case "flip":
            result = first[..., ::-1]
        case "flat":
            result = tf.reshape(first, (-1, int(np.prod(first.shape[1:]))))
        case "add":
            result = first + values[1]
        case "pad":
            result = tf.pad(first, [(0, 0), *tensor.pads, (0, 0)])
        case "mean":
            result = tf.reduce_mean(first, (1, 2))
        case "largest":
            result = tf.reduce_max(first, (1, 2))
        case "maximum":
            result = tf.nn.max_pool2d(first, tensor.window, tensor.stride, padding)
        case "average":
            result = tf.nn.avg_pool2d(first, tensor.window, tensor.stride, padding)
        case "softmax":
            result = tf.nn.softmax(first)
        case _:
            raise ValueError(f"{tensor.name}: the image is computed of nothing")
    if tensor.ceiling is None:
        return result
    return tf.nn.relu6(result) if tensor.ceiling == 6 else tf.nn.relu(result)
