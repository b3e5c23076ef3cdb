"""A training is found again as it was saved, also one whose loss has diverged; that of another model is not."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tlpipe.network.backend import keras
from tlpipe.runs.history import Epoch
from tlpipe.storage.checkpoint import Checkpoint
from tlpipe.training import state
from tlpipe.training.state import State


def network(units: int) -> Any:
    row: Any = keras.Input((2,))
    model = keras.Model(row, keras.layers.Dense(units)(keras.layers.Dropout(0.5)(row)))
    model.compile(keras.optimizers.AdamW(0.1, use_ema=True), "mse")
    model.optimizer.build(model.trainable_variables)
    return model


def test_a_training_is_found_as_it_was(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model, saved = network(3), Checkpoint(tmp_path / "run", "0" * 16)
    assert state.load(saved, model) is None
    model.fit(np.ones((8, 2)), np.ones((8, 3)), batch_size=2, verbose=0)
    variables = [*model.variables, *model.optimizer.variables]
    values = [np.asarray(each).copy() for each in variables]
    epochs = [Epoch(0, 1.0, 0.5, 1.0, 0.5), Epoch(1, 0.5, 0.75, 0.5, 0.75, 0.1, 2.0)]
    logs = [{"loss": 0.1 + 0.2}, {"loss": math.nan}]
    State(epochs, logs, epochs[1], model.get_weights(), finished=True).save(saved, model, reached="")
    model.fit(np.zeros((8, 2)), np.ones((8, 3)), batch_size=2, verbose=0)
    restored = state.load(saved, model)

    assert restored is not None
    assert (restored.state.epochs, restored.state.best, restored.state.finished) == (epochs, epochs[1], True)
    assert restored.state.logs[0] == logs[0] and math.isnan(restored.state.logs[1]["loss"])
    assert not all(np.array_equal(one, other) for one, other in zip(values, variables, strict=True))
    restored.assign(model)
    for one, other in zip(values, variables, strict=True):
        np.testing.assert_array_equal(one, other)

    capsys.readouterr()
    assert state.load(saved, network(4)) is None and "damaged" in capsys.readouterr().err
