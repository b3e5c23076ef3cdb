"""What it costs to fit: Keras traces each function of a model once."""

import dataclasses
import errno
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tlpipe.data.dataset import Example
from tlpipe.features.extractor import Features
from tlpipe.features.rows import Unordered
from tlpipe.network.backend import keras, tf
from tlpipe.network.predict import keras_probabilities
from tlpipe.runs.config import Finetuning
from tlpipe.storage.checkpoint import Checkpoint
from tlpipe.training import fit, log_errors
from tlpipe.training.batches import Examples

COUNT = 40


class Noted(keras.layers.Layer):  # type: ignore[misc]
    """Notes each call: Python runs only while TensorFlow traces."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[bool] = []

    def call(self, inputs: Any, training: bool = False) -> Any:
        self.calls.append(training)
        return inputs


@dataclasses.dataclass(frozen=True)
class Rows(Unordered):
    """Drawn rows of four numbers."""

    def take(self, indices: np.ndarray) -> np.ndarray:
        return np.random.default_rng(0).normal(size=(len(indices), 4)).astype(np.float32)


def network() -> tuple[Any, Noted]:
    noted, row = Noted(), keras.Input((4,))
    model = keras.Model(row, keras.layers.Dense(3, activation="softmax")(noted(row)))
    noted.calls.clear()
    return model, noted


def test_a_step_is_traced_once(tmp_path: Path) -> None:
    examples = tuple(Example(Path("no file"), number % 3, f"{number}") for number in range(COUNT))
    given = Examples([Features(Rows(), examples)], classes=3)
    model, noted = network()
    course = fit.Course(Finetuning(epochs=2), name="test", batch_size=8, seed=0)
    fit.fit(model, given, given, course, tensorboard=tmp_path, saved=Checkpoint(tmp_path / "run", "0" * 16))

    assert sorted(noted.calls) == [False, True]  # an evaluation, and a training step


def test_scores_are_traced_once_whatever_the_number_of_inputs() -> None:
    model, noted = network()
    inputs = Rows().take(np.arange(70))
    expected = np.asarray(model(inputs, training=False))
    noted.calls.clear()
    for count in (1, 31, 32, 33, 70):
        np.testing.assert_allclose(keras_probabilities(model, inputs[:count]), expected[:count], rtol=1e-5)
    assert noted.calls == [False]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO])
@pytest.mark.parametrize("place", ["/log/train/events.out.tfevents.1.v2", ""], ids=["file", "folder"])
def test_a_log_without_room_is_an_error_of_the_disk(tmp_path: Path, number: int, place: str) -> None:
    """TensorFlow says so in a message alone."""
    said = f"{tmp_path}{place}; {os.strerror(number)}\n\tFailed to flush 4 events"
    with pytest.raises(OSError) as raised, log_errors.of_the_disk(tmp_path / "log"):
        raise tf.errors.UnknownError(None, None, said)

    assert (raised.value.errno, raised.value.filename) == (number, str(tmp_path / "log"))


def test_another_error_of_tensorflow_stays(tmp_path: Path) -> None:
    with pytest.raises(tf.errors.ResourceExhaustedError), log_errors.of_the_disk(tmp_path):
        raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")
