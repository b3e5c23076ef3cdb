"""The signal-to-noise ratio of each layer: both networks compute the same images, one at a time."""

import math
from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from tlpipe.explaining.layers import Matched
from tlpipe_edge.contract.explanation import MAX_DB, Layer
from tlpipe_edge.contract.manifest import Tensor
from tlpipe_edge.errors import BadData
from tlpipe_edge.machine import device
from tlpipe_edge.tflite.interpreter import Session
from tlpipe_edge.tflite.tensors import tensor_maker


def measured(float32: bytes, int8: bytes, matched: Matched, images: Iterable[np.ndarray]) -> tuple[int, list[Layer]]:
    """How many images there are, each (size, size, 3) uint8, and the layers with their ratios over all of them.

    Raise BadData if the runtime refuses a file, or if a layer gives infinite values or none.
    """
    sessions = [Session(content, threads=device.cores(), keep_tensors=True) for content in (float32, int8)]
    makers = [tensor_maker(session.input) for session in sessions]
    signals, noises, count = np.zeros(len(matched.pairs)), np.zeros(len(matched.pairs)), 0
    for pixels in images:
        for session, to_tensor in zip(sessions, makers, strict=True):
            session.set_input(to_tensor(pixels))
            session.invoke()
        for place, pair in enumerate(matched.pairs):
            exact = sessions[0].read_tensor(pair.float32).astype(np.float64)
            noise = exact - _real(sessions[1].read_tensor(pair.int8), pair.stored)
            signals[place] += np.vdot(exact, exact)
            noises[place] += np.vdot(noise, noise)
        count += 1
    for pair, signal, noise in zip(matched.pairs, signals, noises, strict=True):
        if not np.isfinite(signal + noise):
            raise BadData(f"{pair.layer.name}: its values are not numbers", "Train the model again.")
    ratios = map(_decibels, signals, noises)
    return count, [replace(pair.layer, snr_db=ratio) for pair, ratio in zip(matched.pairs, ratios, strict=True)]


def _real(values: np.ndarray, stored: Tensor) -> np.ndarray:
    """The numbers that a tensor stands for, float32."""
    if not stored.scale:
        return values
    return (values.astype(np.float32) - np.float32(stored.zero_point)) * np.float32(stored.scale)


def _decibels(signal: float, noise: float) -> float | None:
    """The ratio, within ``MAX_DB``; None if there is no noise."""
    if not noise > 0:
        return None
    ratio = 10 * math.log10(signal / noise) if signal > 0 else -MAX_DB
    return max(-MAX_DB, min(MAX_DB, ratio))
