"""Scores of the Keras model."""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import keras


BATCH = 32


def keras_probabilities(model: "keras.Model", inputs: np.ndarray) -> np.ndarray:
    """(N, ...) inputs of any dtype, N at least 1 -> (N, classes) float32 probabilities.

    Every batch is full, the last one by repeating an input: TensorFlow would trace the model again for another shape.
    """
    full = np.concatenate([inputs, np.repeat(inputs[-1:], -len(inputs) % BATCH, axis=0)])
    batches = [full[start : start + BATCH].astype(np.float32) for start in range(0, len(full), BATCH)]
    return np.concatenate([model.predict_on_batch(batch) for batch in batches])[: len(inputs)]
