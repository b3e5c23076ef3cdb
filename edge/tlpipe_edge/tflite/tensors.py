"""Turns pixels into the input tensor of a model."""

from collections.abc import Callable

import numpy as np

from tlpipe_edge.contract.manifest import Tensor

ToTensor = Callable[[np.ndarray], np.ndarray]


def tensor_maker(tensor: Tensor, *, mean: tuple[float, ...] = (0.0,), std: tuple[float, ...] = (1.0,)) -> ToTensor:
    """A function from (size, size, 3) uint8 pixels to the input tensor of the model, with its batch axis.

    The real value of a pixel is ``(pixel - mean) / std`` per channel. An integer input stores it as
    ``round(real / scale) + zero_point``, for any scale and zero point.
    """
    offset, divisor = np.array(mean, np.float32), np.array(std, np.float32)
    if not tensor.scale:
        if not offset.any() and (divisor == 1).all():
            return lambda pixels: pixels[None].astype(tensor.dtype)
        return lambda pixels: ((pixels[None].astype(np.float32) - offset) / divisor).astype(tensor.dtype)
    limits = np.iinfo(tensor.dtype)
    real = (np.arange(256, dtype=np.float32)[:, None] - offset) / divisor
    table = np.clip(np.rint(real / tensor.scale) + tensor.zero_point, limits.min, limits.max).astype(tensor.dtype)
    if tensor.dtype == "uint8" and (table == np.arange(256)[:, None]).all():
        return lambda pixels: pixels[None]
    channels = np.arange(3) if table.shape[1] == 3 else np.zeros(3, int)
    return lambda pixels: table[pixels, channels][None]
