"""Train the suffix of a model on cached activations: epochs over seeded views, the best weights on validation kept."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tlpipe.features.extractor import Source
from tlpipe.network.backend import keras
from tlpipe.runs.history import Epoch, History
from tlpipe_edge.console import progress

WARMUP_STEPS = 100


@dataclass(frozen=True)
class Examples:
    """Inputs with their one-hot targets: ``views[0]`` is plain, epoch n trains on view n modulo their number.

    ``labels`` is (N,) int64, ``classes`` the number of labels.
    """

    views: Sequence[Source]
    labels: np.ndarray
    classes: int


@dataclass(frozen=True)
class Settings:
    """How a stage trains, by AdamW (Adam, where ``weight_decay`` is 0).

    ``cosine``: a warm-up, then down to zero. ``average``: validate and keep the weights' moving average over
    about the last epoch. ``patience`` counts epochs without a better one; 0 never stops.
    """

    epochs: int
    batch_size: int
    learning_rate: float
    cosine: bool
    average: bool
    weight_decay: float
    label_smoothing: float
    patience: int
    seed: int


def fit(
    model: Any, train: Examples, validation: Examples, settings: Settings, *, stage: str, tensorboard: Path
) -> History:
    """Train the trainable layers of ``model`` in place; gives the history, epoch 0 being the state before training.

    Ends with the weights of the epoch of the best ``quality``.
    """
    training = batches(train, settings, shuffle=True)
    schedule: Any = settings.learning_rate
    if settings.cosine:
        # Without the warm-up the first full-size steps, from fresh optimizer state, would undo what is trained already.
        warmup = min(WARMUP_STEPS, len(training))
        schedule = keras.optimizers.schedules.CosineDecay(
            0.0,
            decay_steps=max(1, settings.epochs * len(training) - warmup),
            warmup_target=settings.learning_rate,
            warmup_steps=warmup,
        )
    optimizer = keras.optimizers.AdamW(
        schedule,
        weight_decay=settings.weight_decay,
        use_ema=settings.average,
        ema_momentum=1 - 1 / max(2, len(training)),
    )
    loss = keras.losses.CategoricalCrossentropy(label_smoothing=settings.label_smoothing)
    # Without smoothing, so that the losses of both stages can be compared.
    metrics = [keras.metrics.CategoricalCrossentropy(name="cross_entropy"), "accuracy"]
    keras.utils.set_random_seed(settings.seed)
    # Several batches to each call of the graph: for a head alone the calls are what takes the time (3.2 s against 5.3 s
    # of CPU for 15 epochs of 2,761 images). XLA compiles for longer than it saves.
    model.compile(optimizer, loss, metrics=metrics, jit_compile=False, steps_per_execution=min(16, len(training)))
    plain = batches(Examples(train.views[:1], train.labels, train.classes), settings, shuffle=False)
    held_out = batches(validation, settings, shuffle=False)
    before, held_out_before = (model.evaluate(each, verbose=0, return_dict=True) for each in (plain, held_out))
    first = Epoch(0, *_of(before), *_of(held_out_before))
    progress.say(f"{stage}: before training: {_losses(first)}")
    callbacks = [keras.callbacks.TensorBoard(tensorboard, write_graph=False)]
    if settings.average:  # first, so that the recorder after it finds the averaged weights in the model
        callbacks.insert(0, keras.callbacks.SwapEMAWeights(swap_on_epoch=True))
    with progress.bar(f"{stage}: batches", total=settings.epochs * len(training)) as advance:
        recorder = _Recorder(first, settings, stage, advance)
        if settings.epochs:
            model.fit(
                training, epochs=settings.epochs, validation_data=held_out, callbacks=[*callbacks, recorder], verbose=0
            )
            model.set_weights(recorder.weights)
    return History(stage, tuple(recorder.epochs), recorder.best.number)


def scores(model: Any, source: Source, readable: Sequence[bool]) -> np.ndarray:
    """(N, classes) float32 probabilities. Of N images a source has the rows of the ``readable``; the others get NaN."""
    places = np.flatnonzero(readable)
    probabilities = np.full((len(readable), model.output_shape[-1]), np.nan, np.float32)
    for start in range(0, len(places), 64):
        batch = np.arange(start, min(start + 64, len(places)))
        probabilities[places[batch]] = model.predict_on_batch(source.take(batch))
    return probabilities


def batches(examples: Examples, settings: Settings, *, shuffle: bool) -> Any:
    """A keras.utils.PyDataset of (inputs, one-hot targets) float32; ``shuffle`` gives each epoch a seeded order."""
    return _Batches(examples, settings.batch_size, settings.seed, shuffle)


class _Batches(keras.utils.PyDataset):  # type: ignore[misc]
    """The batches of an epoch: a new order and the next view each time."""

    def __init__(self, examples: Examples, size: int, seed: int, shuffle: bool) -> None:
        super().__init__()
        self.examples, self.size, self.seed, self.shuffle, self.epoch = examples, size, seed, shuffle, 0
        self.targets = np.eye(examples.classes, dtype=np.float32)[examples.labels]
        self.order = self._order()

    def __len__(self) -> int:
        return math.ceil(len(self.order) / self.size)

    def __getitem__(self, batch: int) -> tuple[np.ndarray, np.ndarray]:
        chosen = self.order[batch * self.size : (batch + 1) * self.size]
        view = self.examples.views[self.epoch % len(self.examples.views)]
        return view.take(chosen), self.targets[chosen]

    def on_epoch_end(self) -> None:
        self.epoch += 1
        self.order = self._order()

    def _order(self) -> np.ndarray:
        count = len(self.examples.labels)
        return np.random.default_rng([self.seed, self.epoch]).permutation(count) if self.shuffle else np.arange(count)


class _Recorder(keras.callbacks.Callback):  # type: ignore[misc]
    """Keeps the epochs and the best weights, tells of them, and stops when ``patience`` epochs were not better."""

    def __init__(self, before: Epoch, settings: Settings, stage: str, advance: Callable[[int], None]) -> None:
        super().__init__()
        self.epochs, self.best, self.settings, self.stage, self.advance = [before], before, settings, stage, advance
        self.weights: list[np.ndarray] = []
        self.start, self.done = 0.0, 0

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:  # noqa: ARG002  (Keras names it)
        self.advance(batch + 1 - self.done)
        self.done = batch + 1

    def on_epoch_begin(self, _epoch: int, logs: Any = None) -> None:  # noqa: ARG002  (Keras names it)
        self.start, self.done = time.perf_counter(), 0

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        seconds = time.perf_counter() - self.start
        rate = float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))
        latest = Epoch(epoch + 1, *_of(logs), *_of(logs, "val_"), rate, seconds)
        self.epochs.append(latest)
        progress.say(f"{self.stage}: epoch {latest.number} of {self.settings.epochs}: {_losses(latest)}")
        if not self.weights or latest.quality > self.best.quality:
            self.best, self.weights = latest, self.model.get_weights()
        self.model.stop_training = 0 < self.settings.patience <= latest.number - self.best.number


def _of(logs: dict[str, Any], prefix: str = "") -> tuple[float, float]:
    """Cross-entropy and accuracy, of what Keras logged."""
    return float(logs[f"{prefix}cross_entropy"]), float(logs[f"{prefix}accuracy"])


def _losses(epoch: Epoch) -> str:
    return (
        f"loss {epoch.loss:.3f}, accuracy {epoch.accuracy:.3f}; "
        f"validation loss {epoch.val_loss:.3f}, accuracy {epoch.val_accuracy:.3f}"
    )
