"""What a model without a word on its normalization most likely expects of pixels 0..255."""

from dataclasses import dataclass

import numpy as np

from tlpipe_edge.contract.manifest import Tensor
from tlpipe_edge.tflite.graph import FLOATS, Graph, Step

SCALES_PIXELS = 50.0
"""A first operator that divides the input by at least this, or adds or subtracts it, expects 0..255, not -1..1."""
WEAK = 0.25
"""The largest value that a first convolution gives for pixels of -1..1, without its bias, if it expects 0..255: the sum
of its weights. Random weights of 3 x 3 x 3 have a sum of 2.5, and 0.01 with a factor of 1/255."""
OUTPUT_AXES = {"CONV_2D": 0, "DEPTHWISE_CONV_2D": 3}
"""The axis of the output channels in the weights."""


@dataclass(frozen=True)
class Normalization:
    """The input stands for ``(pixel - mean) / std``; ``reason`` says why, in the middle of a sentence."""

    mean: tuple[float, ...]
    std: tuple[float, ...]
    reason: str

    def __str__(self) -> str:
        mean, std = _written(self.mean), _written(self.std)
        if (mean, std) == ("0", "1"):
            return "pixels 0 to 255"
        return f"{'pixel' if mean == '0' else f'(pixel - {mean})'} / {std}"


def _written(values: tuple[float, ...]) -> str:
    """``127.5``, or ``(124, 116, 104)`` if they differ."""
    texts = [f"{value:.4g}" for value in values]
    return texts[0] if len({*texts}) == 1 else f"({', '.join(texts)})"


def implied(graph: Graph) -> Normalization:
    """What the first tensors of a graph imply that ``verify`` has accepted, or else the most common normalization.

    An integer input takes all its values from the 256 of a pixel. So does the first integer tensor behind a float
    input. A float input is 0..255 if the first operator scales it down, and otherwise most often -1..1.
    """
    image = graph.tensor(graph.inputs[0])
    if image.dtype not in FLOATS:
        return _quantized(image, f"its {image.dtype} input")
    pixels = graph.inputs[0]
    first = _user(graph, pixels)
    if first and first.name == "PAD":
        pixels = first.outputs[0]
        first = _user(graph, pixels)
    if first and first.name == "QUANTIZE":
        inner = graph.tensor(first.outputs[0])
        if inner.scale and inner.dtype in ("uint8", "int8"):
            return _quantized(inner, f"the {inner.dtype} tensor after its input")
    if first and _scales_down(graph, first, pixels):
        return Normalization((0.0,), (1.0,), f"its first operator, {first.name}, scales them")
    return Normalization((127.5,), (127.5,), "most models with a float32 input expect it")


def _quantized(tensor: Tensor, name: str) -> Normalization:
    """The normalization with which a pixel becomes the integer ``pixel + minimum of the type``."""
    scale = tensor.scale or 1.0
    reason = f"{name} has scale {tensor.scale:.4g} and zero point {tensor.zero_point}" if tensor.scale else name
    return Normalization((float(tensor.zero_point - np.iinfo(tensor.dtype).min),), (1 / scale,), reason)


def _user(graph: Graph, number: int) -> Step | None:
    """The first operator that makes something of tensor ``number``."""
    return next((step for step in graph.steps if number in step.inputs and step.outputs), None)


def _scales_down(graph: Graph, first: Step, pixels: int) -> bool:
    """Whether the first operator is made for 0..255. Converters fold a factor into the weights of a convolution."""
    other = next((number for number in first.inputs if number not in (pixels, -1)), None)
    constant = None if other is None else graph.constant(other)
    if constant is None:
        return False
    sizes = np.abs(constant)
    if first.name in OUTPUT_AXES and constant.ndim == 4:
        return bool(sizes.sum(tuple({*range(4)} - {OUTPUT_AXES[first.name]})).max() <= WEAK)
    if first.name == "MUL":
        return bool(sizes.min() > 0 and sizes.max() <= 1 / SCALES_PIXELS)
    return first.name in ("DIV", "ADD", "SUB") and bool(sizes.min() >= SCALES_PIXELS)
