"""Kernels rounded for the outputs of their layer: the outputs are nearer than with each weight rounded alone."""

from dataclasses import replace

import numpy as np
import pytest

from tlpipe.conversion import rounding
from tlpipe.conversion.arithmetic import computed, rounded_kernel
from tlpipe.conversion.rounding import Grams, can_be_rounded, rounded_for_outputs
from tlpipe.conversion.tensor import Kind, Tensor

SHAPES: dict[str, tuple[Kind, tuple[int, ...], int, str]] = {
    "pointwise": ("convolution", (1, 1, 24, 16), 1, "valid"),
    "convolution": ("convolution", (3, 3, 8, 16), 2, "same"),
    "depthwise": ("depthwise", (3, 3, 24, 1), 2, "same"),
    "dense": ("dense", (24, 10), 1, "valid"),
}


def layer(name: str) -> Tensor:
    kind, shape, stride, padding = SHAPES[name]
    kernel = np.random.default_rng(1).normal(size=shape).astype(np.float32)
    bias = np.zeros(shape[2] if kind == "depthwise" else shape[-1], np.float32)
    return Tensor("layer", kind, ("before",), kernel, bias, stride=stride, padding=padding)


def inputs(tensor: Tensor, *, images: int = 64, seed: int = 0) -> np.ndarray:
    """Values whose channels and neighbours are correlated, as those of a network are; three channels are dead."""
    assert tensor.kernel is not None
    chance, channels = np.random.default_rng(seed), tensor.kernel.shape[-2]
    shape = (images, channels) if tensor.kind == "dense" else (images, 8, 8, channels)
    mixed = chance.normal(size=(*shape[:-1], 4)) @ np.random.default_rng(7).normal(size=(4, channels))
    values = np.maximum(mixed + 0.2 * chance.normal(size=shape), 0).astype(np.float32)
    values = np.cumsum(values, axis=1) / 4 if tensor.kind != "dense" else values
    values[..., :3] = 0
    return values


def error(tensor: Tensor, kernel: np.ndarray, values: np.ndarray) -> float:
    difference = np.asarray(computed(tensor, [values], kernel)) - np.asarray(computed(tensor, [values]))
    return float(np.square(difference).mean())


def rounded(tensor: Tensor, values: np.ndarray) -> np.ndarray:
    grams = Grams(tensor)
    for batch in np.array_split(values, 4):
        grams.add(batch)
    return rounded_for_outputs(tensor, grams)


@pytest.mark.parametrize("name", SHAPES)
def test_the_outputs_of_other_inputs_are_nearer(name: str) -> None:
    tensor = layer(name)
    kernel = rounded(tensor, inputs(tensor))
    unseen = inputs(tensor, seed=5)

    assert error(tensor, kernel, unseen) < 0.6 * error(tensor, rounded_kernel(tensor), unseen)
    again = rounded_kernel(replace(tensor, kernel=kernel))
    np.testing.assert_allclose(again, kernel, atol=1e-6)  # it is on the grid that the converter finds


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("name", ["convolution", "depthwise"])
def test_the_gram_matrix_is_of_what_the_layer_takes(name: str, stride: int, padding: str) -> None:
    """The squares of the outputs of a linear layer are w^T G w."""
    tensor = replace(layer(name), stride=stride, padding=padding)
    assert tensor.kernel is not None
    values = inputs(tensor, images=3)
    grams = Grams(tensor)
    grams.add(values)
    outputs = np.asarray(computed(tensor, [values]), np.float64).reshape(
        -1, tensor.kernel.shape[-1 if name == "convolution" else 2]
    )
    columns = rounding._as_columns(tensor)
    squares = np.einsum("gko,gkl,glo->go", columns, grams.matrix, columns).ravel()

    np.testing.assert_allclose(squares, np.square(outputs).sum(0), rtol=1e-4)


@pytest.mark.parametrize("name", SHAPES)
def test_what_cannot_be_made_up_for_is_rounded_weight_by_weight(name: str) -> None:
    """Without inputs, with fewer images than weights, and an output whose weights are all zero."""
    tensor = layer(name)
    assert tensor.kernel is not None
    tensor.kernel[..., 0] *= tensor.kind == "depthwise"
    for values in (np.zeros_like(inputs(tensor)), inputs(tensor, images=4)):
        kernel = rounded(tensor, values)
        assert np.isfinite(kernel).all()
        assert error(tensor, kernel, values) <= error(tensor, rounded_kernel(tensor), values) + 1e-9


def test_a_layer_of_very_many_weights_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    assert can_be_rounded(layer("dense")) and can_be_rounded(layer("depthwise"))
    monkeypatch.setattr(rounding, "MAX_WEIGHTS", 20)
    assert not can_be_rounded(layer("dense")) and can_be_rounded(layer("depthwise"))
