"""Rounds kernels so that the outputs of a layer stay near, not each weight alone.

A weight is rounded, and the weights that are not rounded yet make up for its error in the outputs, as far as they can:
OBQ, in the order of GPTQ (Frantar and Alistarh 2022, *Optimal Brain Compression*, NeurIPS; Frantar et al. 2023, *GPTQ*,
ICLR, algorithm 1). What is needed of the images is the Gram matrix of the inputs of the layer alone.
"""

from typing import Any

import numpy as np

from tlpipe.conversion.tensor import Tensor
from tlpipe.network.backend import tf

DAMPING = 0.01
"""Added to the diagonal of a Gram matrix, as a share of its mean: directions that the images do not show keep their
weights."""
POSITIONS, POSITIONS_OF_DEPTHWISE = 256, 64
"""Positions of an image that count at most, evenly spaced: more are much alike. A depthwise convolution has few weights
for each output."""
MAX_WEIGHTS = 2304
"""Of each output, as many as a convolution of 3 x 3 and 256 channels has. A layer with more, such as a dense one on a
flattened image, is rounded weight by weight: it would take minutes, and its Gram matrix gigabytes."""
_TOP = 127


class Grams:
    """Sums of products of the inputs of a layer, over batches: (groups, K, K) float64, K weights for each output.

    A depthwise convolution has a group for each channel, all others have one.
    """

    def __init__(self, tensor: Tensor) -> None:
        self._tensor = tensor
        self.matrix: Any = 0.0

    def add(self, inputs: Any) -> None:
        """Take a batch of inputs into account, as int8 has them."""
        rounded = self._columns(tf.convert_to_tensor(inputs))
        self.matrix = self.matrix + np.asarray(tf.matmul(rounded, rounded, transpose_a=True), np.float64)

    def _columns(self, values: Any) -> Any:
        """(groups, positions, K) float32."""
        tensor = self._tensor
        if tensor.kind == "dense":
            return values[None]
        assert tensor.kernel is not None
        height, width, inside, _ = tensor.kernel.shape
        limit = POSITIONS_OF_DEPTHWISE if tensor.kind == "depthwise" else POSITIONS
        step = tensor.stride
        while (values.shape[1] // step) * (values.shape[2] // step) > limit:
            step += tensor.stride
        if (height, width) == (1, 1):
            return tf.reshape(values[:, ::step, ::step], (1, -1, inside))
        patches = tf.image.extract_patches(
            values, [1, height, width, 1], [1, step, step, 1], [1, 1, 1, 1], tensor.padding.upper()
        )
        if tensor.kind == "depthwise":
            return tf.transpose(tf.reshape(patches, (-1, height * width, inside)), (2, 0, 1))
        return tf.reshape(patches, (1, -1, height * width * inside))


def can_be_rounded(tensor: Tensor) -> bool:
    """Whether a layer has at most ``MAX_WEIGHTS`` for each output."""
    return tensor.kernel is not None and _as_columns(tensor).shape[1] <= MAX_WEIGHTS


def rounded_for_outputs(tensor: Tensor, grams: Grams) -> np.ndarray:
    """The kernel on the grid of ``arithmetic.rounded_kernel``, float32.

    The largest weight of each output keeps its level, so that the converter finds the same grid.
    """
    work = _as_columns(tensor)  # (groups, K, outputs)
    size = work.shape[1]
    largest = np.abs(work).max(1, keepdims=True)
    step = np.maximum(largest, 1e-8) / _TOP
    order, places = np.argsort(-np.diagonal(grams.matrix, axis1=1, axis2=2), axis=1), np.arange(size)
    work = np.take_along_axis(work, order[:, :, None], 1)
    hessian = np.take_along_axis(np.take_along_axis(grams.matrix, order[:, :, None], 1), order[:, None, :], 2)
    damping = DAMPING * np.trace(hessian, axis1=1, axis2=2) / size
    hessian[:, places, places] += np.maximum(damping, 1e-12)[:, None]
    factor = _upper_factor_of_inverse(hessian)
    result = np.empty_like(work)
    fixed = np.abs(work) >= largest * (1 - 1e-6)
    signs = np.sign(work)
    for at in range(size):
        levels = np.clip(np.rint(work[:, at] / step[:, 0]), -_TOP, _TOP)
        result[:, at] = np.where(fixed[:, at], signs[:, at] * _TOP, levels) * step[:, 0]
        error = (work[:, at] - result[:, at]) / factor[:, at, at, None]
        work[:, at + 1 :] -= factor[:, at, at + 1 :, None] * error[:, None, :]
    back = np.empty_like(result)
    np.put_along_axis(back, order[:, :, None], result, 1)
    return _as_kernel(tensor, back)


def _upper_factor_of_inverse(matrices: np.ndarray) -> np.ndarray:
    """The upper triangular U with U^T U = A^-1, of symmetric positive definite A (groups, K, K).

    With J, which turns the order around, and J A J = L L^T, it is J L^-1 J. NumPy needs 200 times as long for the
    inverse of many small ones.
    """
    lower = tf.linalg.cholesky(matrices[:, ::-1, ::-1])
    unit = tf.eye(matrices.shape[1], batch_shape=[len(matrices)], dtype=lower.dtype)
    return np.asarray(tf.linalg.triangular_solve(lower, unit))[:, ::-1, ::-1]


def _as_columns(tensor: Tensor) -> np.ndarray:
    """(groups, K, outputs) float64."""
    assert tensor.kernel is not None
    kernel = tensor.kernel.astype(np.float64)
    if tensor.kind == "depthwise":
        height, width, channels, _ = kernel.shape
        return kernel.reshape(height * width, channels).T[:, :, None]
    return kernel.reshape(1, -1, kernel.shape[-1])


def _as_kernel(tensor: Tensor, columns: np.ndarray) -> np.ndarray:
    assert tensor.kernel is not None
    if tensor.kind == "depthwise":
        columns = columns[:, :, 0].T
    return columns.reshape(tensor.kernel.shape).astype(np.float32)
