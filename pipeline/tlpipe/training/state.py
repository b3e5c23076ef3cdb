"""A training after its latest epoch: in memory, and as a part of a checkpoint."""

import dataclasses
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tlpipe.runs.history import Epoch
from tlpipe.storage.checkpoint import Checkpoint, Part

if TYPE_CHECKING:
    from tlpipe.network.backend import keras

PART = "training"

Logs = Mapping[str, float]
"""The losses and metrics of an epoch, by the names that Keras gives them."""


@dataclass
class State:
    """``epochs`` so far, the state before training first; the ``logs`` of those after it; the ``best`` epoch, with all
    ``weights`` of the model after it; and whether training has ``finished``. ``seconds_before`` are those of the
    processes that were stopped."""

    epochs: list[Epoch]
    logs: list[Logs]
    best: Epoch
    weights: list[np.ndarray]
    finished: bool = False
    seconds_before: float = 0.0
    start: float = dataclasses.field(default_factory=time.perf_counter)

    def save(self, saved: Checkpoint, model: "keras.Model", *, reached: str) -> None:
        """Save it with all variables of the model and its optimizer: also moving averages and the seeds of dropout."""
        record = {
            "epochs": [dataclasses.asdict(epoch) for epoch in self.epochs],
            "logs": [{name: repr(value) for name, value in of_epoch.items()} for of_epoch in self.logs],
            "best": self.best.number,
            "finished": self.finished,
            "seconds": self.seconds_before + time.perf_counter() - self.start,
        }
        arrays = _named("best", self.weights) | _named("now", [np.asarray(each) for each in _variables(model)])
        saved.save(PART, record, arrays, reached=reached)


@dataclass(frozen=True)
class Restored:
    """A saved ``state``, and the ``values`` of all variables then."""

    state: State
    values: list[np.ndarray]
    part: Part

    def assign(self, model: "keras.Model") -> None:
        """Give all variables their values of then."""
        for variable, value in zip(_variables(model), self.values, strict=True):
            variable.assign(value)


def load(saved: Checkpoint, model: "keras.Model") -> Restored | None:
    """The saved training of this compiled model, or None."""
    part = saved.load(PART)
    if part is None:
        return None
    try:
        epochs = [Epoch(**row) for row in _rows(part.record["epochs"])]
        weights, values = (_ordered(name, part.arrays) for name in ("best", "now"))
        (best,) = (epoch for epoch in epochs if epoch.number == part.record["best"])
        finished, seconds = part.record["finished"] is True, float(str(part.record["seconds"]))
        logs: list[Logs] = [  # as text: a loss that diverged is not a number of JSON
            {name: float(value) for name, value in row.items()} for row in _rows(part.record["logs"])
        ]
        state = State(epochs, logs, best, weights, finished, seconds)
        fits = _shapes(weights) == _shapes(model.get_weights()) and _shapes(values) == _shapes(_variables(model))
        if not fits or len(state.logs) > len(epochs) - 1 + state.finished:
            raise ValueError("of another model")
    except (KeyError, TypeError, ValueError):
        saved.discard(PART)
        return None
    return Restored(state, values, part)


def _variables(model: "keras.Model") -> list[Any]:
    return [*model.variables, *model.optimizer.variables]


def _named(prefix: str, arrays: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
    return {f"{prefix}/{number}": array for number, array in enumerate(arrays)}


def _ordered(prefix: str, arrays: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    count = sum(name.startswith(f"{prefix}/") for name in arrays)
    return [arrays[f"{prefix}/{number}"] for number in range(count)]


def _shapes(arrays: Sequence[Any]) -> list[tuple[int, ...]]:
    return [tuple(array.shape) for array in arrays]


def _rows(value: Any) -> list[dict[str, Any]]:
    return [dict(row) for row in value]
