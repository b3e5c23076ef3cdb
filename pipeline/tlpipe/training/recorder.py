"""What a training does after each epoch: record and print it, keep the best weights, and save where it is."""

import math
import time
from collections.abc import Callable, Sequence
from typing import Any

from tlpipe.network.backend import keras
from tlpipe.runs.config import Stage
from tlpipe.runs.history import Epoch
from tlpipe.storage.checkpoint import Checkpoint
from tlpipe.training.state import Restored, State
from tlpipe_edge.console import progress
from tlpipe_edge.console.text import percent


class Evaluated(keras.callbacks.Callback):  # type: ignore[misc]
    """Advances a bar by the batches of an evaluation."""

    def __init__(self, advance: Callable[[int], None]) -> None:
        super().__init__()
        self.advance, self.done = advance, 0

    def on_test_batch_end(self, batch: int, logs: Any = None) -> None:  # noqa: ARG002  (Keras names it)
        before, self.done = self.done, ended(batch, self.params)
        self.advance(self.done - before)


class Continued(keras.callbacks.Callback):  # type: ignore[misc]
    """Before the first epoch, brings the model, and the callbacks before this one, to where the training was."""

    def __init__(
        self, restored: Restored, before: Sequence[keras.callbacks.Callback], *, epochs_before: int, batches: int
    ) -> None:
        super().__init__()
        self.restored, self.before, self.epochs_before, self.batches = restored, before, epochs_before, batches

    def on_train_begin(self, logs: Any = None) -> None:  # noqa: ARG002  (Keras names it)
        """Repeat the epochs for the ``before``: the log is a new one, and the averaged weights are now in the model.

        They are exchanged by additions, which round, so that the exchange back must be that of the epoch that follows.
        """
        for number, of_epoch in enumerate(self.restored.state.logs, 1):
            self.model.optimizer.iterations.assign(number * self.batches)
            validation = {name[4:]: value for name, value in of_epoch.items() if name.startswith("val_")}
            for callback in self.before:
                if isinstance(callback, keras.callbacks.TensorBoard):
                    callback.on_test_end(validation)
                    callback.on_epoch_end(self.epochs_before + number - 1, of_epoch)
                elif number == 1:
                    callback.on_epoch_end(-1)
        self.restored.assign(self.model)


class Recorder(keras.callbacks.Callback):  # type: ignore[misc]
    """Records the epochs and the best weights in ``state``, prints them, and stops after ``patience`` epochs without
    improvement. ``saved`` gets the state at the end, and after an epoch if that is due."""

    def __init__(
        self, state: State, stage: Stage, saved: Checkpoint, *, epochs_before: int, advance: Callable[[int], None]
    ) -> None:
        super().__init__()
        self.state, self.stage, self.saved = state, stage, saved
        self.epochs_before, self.advance = epochs_before, advance
        self.start, self.done = 0.0, 0
        progress.say(_row("", "training", "", "validation", ""))
        progress.say(_row("epoch", "loss", "top-1", "loss", "top-1"))
        if not state.logs:
            progress.say(_row("before", *_figures(state.best)))

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:  # noqa: ARG002  (Keras names it)
        before, self.done = self.done, ended(batch, self.params)
        self.advance(self.done - before)

    def on_epoch_begin(self, _epoch: int, logs: Any = None) -> None:  # noqa: ARG002  (Keras names it)
        self.start, self.done = time.perf_counter(), 0

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.state.logs.append({name: float(value) for name, value in logs.items()})
        self._record(epoch, logs)
        last = epoch + 1 == self.params["epochs"]
        self.state.finished = last or self.model.stop_training
        if self.state.finished or self.saved.due():
            self.state.save(self.saved, self.model, reached=reached(self.state, self.stage, self.epochs_before))

    def _record(self, epoch: int, logs: Any) -> None:
        seconds, state = time.perf_counter() - self.start, self.state
        rate = float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))
        latest = Epoch(epoch + 1 - self.epochs_before, *figures(logs), *figures(logs, "val_"), rate, seconds)
        if not (math.isfinite(latest.loss) and math.isfinite(latest.val_loss)):
            progress.warn(f"the loss diverged in epoch {epoch + 1}. Training stops. Use a lower learning rate.")
            self.model.stop_training = True
            return
        best_so_far = latest.quality > max(each.quality for each in state.epochs)
        state.epochs.append(latest)
        progress.say(_row(f"{epoch + 1} of {self.params['epochs']}", *_figures(latest)) + "  best so far" * best_so_far)
        if latest.number == 1 or latest.quality > state.best.quality:
            state.best, state.weights = latest, self.model.get_weights()
        if 0 < self.stage.patience <= latest.number - state.best.number:
            self.model.stop_training = True


def reached(state: State, stage: Stage, epochs_before: int) -> str:
    """Where a training is, in words; as in messages, the epochs of earlier stages count."""
    last = ", the last" if state.finished else ""
    return f"after epoch {epochs_before + len(state.logs)} of {epochs_before + stage.epochs}{last}"


def ended(batch: int, params: dict[str, Any]) -> int:
    """The number of batches of this epoch that have ended. With several steps per execution, Keras names the last one
    of the group, although the epoch may have ended before it."""
    return min(batch + 1, params.get("steps") or batch + 1)


def figures(logs: dict[str, Any], prefix: str = "") -> tuple[float, float]:
    """Cross-entropy and accuracy in the logs of Keras."""
    return float(logs[f"{prefix}cross_entropy"]), float(logs[f"{prefix}accuracy"])


def _row(*cells: str) -> str:
    """A row of the table of epochs, aligned as the rows before: they are printed one by one."""
    return "{:>10}  {:>8} {:>8}  {:>10} {:>8}".format(*cells).rstrip()


def _figures(epoch: Epoch) -> tuple[str, str, str, str]:
    return f"{epoch.loss:.3f}", percent(epoch.accuracy), f"{epoch.val_loss:.3f}", percent(epoch.val_accuracy)
