"""Scores of the Keras model."""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import keras


def keras_probabilities(model: "keras.Model", pixels: np.ndarray) -> np.ndarray:
    """(N, size, size, 3) uint8 -> (N, classes) float32 probabilities."""
    batches = [pixels[start : start + 32].astype(np.float32) for start in range(0, len(pixels), 32)]
    return np.concatenate([model.predict_on_batch(batch) for batch in batches])
