"""Ranges for the tensors of an int8 network, and biases that make up for what rounding does to their means.

Rounding the kernels and the activations moves the mean of each channel, and later layers carry that on. So the same
images go through the network in floats and as int8 rounds it, tensor by tensor, and the bias of each layer is moved by
the difference of the means: what comes after sees what the corrected layers before give. (Bias correction: Nagel et al.
2019, *Data-Free Quantization Through Weight Equalization and Bias Correction*, ICCV, section 4.2; here with images.)
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tlpipe.conversion.arithmetic import LEVELS, Range, computed, rounded, rounded_kernel
from tlpipe.conversion.rounding import Grams, can_be_rounded, rounded_for_outputs
from tlpipe.conversion.tensor import Tensor
from tlpipe_edge.console import progress

BATCH = 16
"""Images that are computed together."""
KEPT_VALUES = 1 << 20
"""A tensor with more values for each image is computed again when it is needed: it is not kept in memory."""
LIVE = 0.02
"""A channel of a ReLU that lets through less than this share of its values is left as it is."""
SAMPLED = 25_000
"""Values of a tensor, of each batch, by which its range is chosen."""
SAME_RANGE = ("pad", "flip", "flat", "largest", "maximum", "average")
"""What has the levels of its input, as TFLite wants it of these operators."""
ROUNDS = 2
"""Corrections of a layer with a ReLU, whose bounds make the first one inexact; without one, the first is exact."""


@dataclass(frozen=True)
class Corrected:
    """A network with corrected biases, and the range of each of its tensors but the softmax."""

    tensors: tuple[Tensor, ...]
    ranges: dict[str, Range]


def corrected(tensors: Sequence[Tensor], pixels: np.ndarray, *, for_outputs: bool = False) -> Corrected:
    """Choose the ranges, and correct the biases, with images (N, size, size, 3) uint8.

    The same pixels give the same result on the same machine.
    """
    network = _Network(tensors, pixels, for_outputs=for_outputs)
    for tensor in progress.track(tensors[1:-1], description="choosing ranges, kernels and biases of layers"):
        network.settle(tensor)
    return Corrected((*network.settled.values(), tensors[-1]), network.ranges)


class _Network:
    """The tensors that are settled so far, and what they are for all images, as far as later ones need it.

    ``_exact`` and ``_levels`` are those that are kept, by name, a batch each: in floats, and as int8 rounds them.
    """

    def __init__(self, tensors: Sequence[Tensor], pixels: np.ndarray, *, for_outputs: bool) -> None:
        self._for_outputs = for_outputs
        image, batches = tensors[0], [pixels[start : start + BATCH] for start in range(0, len(pixels), BATCH)]
        self._given = {tensor.name: tensor for tensor in tensors}
        self._batches = range(len(batches))
        self._kernels: dict[str, np.ndarray] = {}
        self._chance = np.random.default_rng(0)
        self._of_pixels = {image.name}
        self.settled = {image.name: image}
        self.ranges = {image.name: Range(0.0, float(LEVELS))}
        self._exact: dict[str, list[np.ndarray]] = {image.name: [batch.astype(np.float32) for batch in batches]}
        self._levels: dict[str, list[np.ndarray]] = {image.name: batches}

    def settle(self, tensor: Tensor) -> None:
        """Give it a range and, if it has a kernel, a corrected bias."""
        if tensor.kernel is not None:
            self._kernels[tensor.name] = rounded_kernel(tensor)
        wanted, low, high = _Means(), np.inf, -np.inf
        kept, sample = [], []
        for at in self._batches:
            values = np.asarray(computed(tensor, self._inputs_in_floats(tensor, at)))
            wanted.add(values)
            low, high = min(low, float(values.min())), max(high, float(values.max()))
            sample.append(values.ravel()[self._chance.integers(0, values.size, SAMPLED)])
            if values[0].size <= KEPT_VALUES:
                kept.append(values)
        self.ranges[tensor.name] = self._range(tensor, low, high, np.concatenate(sample))
        if self._for_outputs and can_be_rounded(tensor):
            tensor = self._rounded(tensor)
        if tensor.kernel is not None:
            for _ in range(1 if tensor.ceiling is None else ROUNDS):
                tensor = self._moved(tensor, wanted)
        self.settled[tensor.name] = tensor
        if kept:
            self._levels[tensor.name] = [self._as_levels(tensor, at) for at in self._batches]
            self._exact[tensor.name] = kept
        self._forget()

    def _rounded(self, tensor: Tensor) -> Tensor:
        grams = Grams(tensor)
        for at in self._batches:
            (inputs,) = self._inputs_in_int8(tensor, at)
            grams.add(inputs)
        tensor = replace(tensor, kernel=rounded_for_outputs(tensor, grams))
        self._kernels[tensor.name] = rounded_kernel(tensor)
        return tensor

    def _moved(self, tensor: Tensor, wanted: "_Means") -> Tensor:
        """The tensor with its bias moved by the difference of the means, as far as its ReLU lets it through."""
        found, live = _Means(), _Means()
        ceiling = np.inf if tensor.ceiling is None else tensor.ceiling
        for at in self._batches:
            values = np.asarray(computed(tensor, self._inputs_in_int8(tensor, at), self._kernels[tensor.name]))
            found.add(values)
            live.add((values > 0) & (values < ceiling))
        gap = wanted.means - found.means
        if tensor.ceiling is not None:
            gap = np.where(live.means > LIVE, gap / np.maximum(live.means, LIVE), 0.0)
        return replace(tensor, bias=(tensor.bias + gap).astype(np.float32))

    def _range(self, tensor: Tensor, low: float, high: float, sample: np.ndarray) -> Range:
        """From the smallest to the largest value. A pixel keeps its 256 levels, of which the converter keeps 170; a
        convolution without a ReLU, whose largest values are rare, the range that is nearest to a sample."""
        before = self.ranges[tensor.inputs[0]]
        if tensor.kind in SAME_RANGE:
            return before
        if tensor.constant is not None and tensor.inputs[0] in self._of_pixels:
            self._of_pixels.add(tensor.name)
            combine = np.multiply if tensor.kind == "times" else np.add
            ends = combine.outer((before.low, before.high), tensor.constant)
            return Range.around(float(ends.min()), float(ends.max()))
        if tensor.kind in ("convolution", "depthwise") and tensor.ceiling is None:
            return Range.nearest(sample, low, high)
        return Range.around(low, high)

    def _as_levels(self, tensor: Tensor, at: int) -> np.ndarray:
        """A settled tensor in a batch."""
        return self._levels_of(tensor, self._inputs_in_int8(tensor, at))

    def _levels_of(self, tensor: Tensor, inputs: list[Any]) -> np.ndarray:
        within = self.ranges[tensor.name]
        return within.levels(rounded(computed(tensor, inputs, self._kernels.get(tensor.name)), within))

    def _inputs_in_floats(self, tensor: Tensor, at: int) -> list[Any]:
        """What a tensor is computed of in a batch."""
        values: dict[str, Any] = {}

        def inputs(each: Tensor) -> list[Any]:
            return [self._exact[name][at] if name in self._exact else values[name] for name in each.inputs]

        for each in self._between(tensor):
            values[each.name] = computed(self._given[each.name], inputs(each))
        return inputs(tensor)

    def _inputs_in_int8(self, tensor: Tensor, at: int) -> list[Any]:
        """The same as int8 rounds it."""
        values: dict[str, Any] = {}

        def inputs(each: Tensor) -> list[Any]:
            kept = self._levels
            return [self.ranges[name].values(kept[name][at]) if name in kept else values[name] for name in each.inputs]

        for each in self._between(tensor):
            values[each.name] = self.ranges[each.name].values(self._levels_of(each, inputs(each)))
        return inputs(tensor)

    def _between(self, tensor: Tensor) -> list[Tensor]:
        """The settled tensors, in order, that are computed again for this one, because they are not kept."""
        needed, found = set(tensor.inputs) - set(self._exact), []
        for name in reversed(self.settled):
            if name in needed:
                found.append(self.settled[name])
                needed |= set(self.settled[name].inputs) - set(self._exact)
        return found[::-1]

    def _forget(self) -> None:
        """Drop what no tensor that is not settled yet is computed of."""
        rest = [tensor for name, tensor in self._given.items() if name not in self.settled]
        needed = {name for tensor in rest for each in (*self._between(tensor), tensor) for name in each.inputs}
        for name in [name for name in self._exact if name not in needed]:
            del self._exact[name], self._levels[name]


class _Means:
    """The mean of each channel, (channels,) float64, over batches of values (..., channels)."""

    def __init__(self) -> None:
        self._sums: Any = 0.0
        self._count = 0

    def add(self, values: np.ndarray) -> None:
        """Take a batch into account."""
        flat = values.reshape(-1, values.shape[-1])
        self._sums = self._sums + flat.sum(0, dtype=np.float64)
        self._count += len(flat)

    @property
    def means(self) -> np.ndarray:
        """Of all batches so far."""
        return np.asarray(self._sums / self._count)
