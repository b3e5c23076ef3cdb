"""Trains the suffix of a model on cached activations, over seeded views, and keeps the best weights on validation."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tlpipe.data.dataset import label_indices
from tlpipe.features.extractor import Features
from tlpipe.network.backend import keras
from tlpipe.network.predict import keras_probabilities
from tlpipe.runs.config import ClassWeights, Stage
from tlpipe.runs.history import Epoch, History
from tlpipe_edge.console import progress
from tlpipe_edge.console.text import percent


@dataclass(frozen=True)
class Examples:
    """The features of the same examples in each view. ``views[0]`` is plain; epoch n trains on view n modulo the number
    of views. ``classes`` is the number of labels; ``class_weights`` weigh them in the training loss."""

    views: Sequence[Features]
    classes: int
    class_weights: ClassWeights = ClassWeights.NONE


def fit(
    model: keras.Model,
    train: Examples,
    validation: Examples,
    stage: Stage,
    *,
    name: str,
    batch_size: int,
    seed: int,
    tensorboard: Path,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    epochs_before: int = 0,
) -> History:
    """Train the trainable layers of ``model`` in place, and return the history; epoch 0 is the state before training.

    At the end, the model has the weights of the epoch with the best ``quality``. ``callbacks`` run after the weights
    are averaged, so they see the validated model; a callback can stop the training. ``name`` is the name of the stage
    in the history. Messages, callbacks and TensorBoard count the epochs from the ``epochs_before`` of earlier stages.
    """
    training = batches(train, batch_size=batch_size, seed=seed, shuffle=True)
    keras.utils.set_random_seed(seed)
    _compile(model, stage, len(training))
    _create_variables(model, train.classes)
    plain, held_out = (
        batches(examples, batch_size=batch_size, seed=seed, shuffle=False)
        for examples in (Examples(train.views[:1], train.classes), validation)
    )
    with progress.bar("scoring before training: batches", total=len(plain) + len(held_out)) as advance:
        before, held_out_before = (
            model.evaluate(each, callbacks=[_Progress(advance)], verbose=0, return_dict=True)
            for each in (plain, held_out)
        )
    first = Epoch(0, *_of(before), *_of(held_out_before))
    # First, so that the callbacks after it see the averaged weights.
    averaging = [keras.callbacks.SwapEMAWeights(swap_on_epoch=True)] if stage.average else []
    log = keras.callbacks.TensorBoard(tensorboard, write_graph=False)
    with progress.bar("training: batches", total=stage.epochs * len(training)) as advance:
        recorder = _Recorder(first, stage, epochs_before, advance)
        if stage.epochs:
            model.fit(
                training,
                initial_epoch=epochs_before,
                epochs=epochs_before + stage.epochs,
                validation_data=held_out,
                callbacks=[*averaging, log, *callbacks, recorder],
                class_weight=_class_weight(train),
                verbose=0,
            )
            model.set_weights(recorder.weights)
    return History(name, tuple(recorder.epochs), recorder.best.number)


def _compile(model: keras.Model, stage: Stage, batches: int) -> None:
    """Compile the model for a stage of so many ``batches`` per epoch."""
    loss = keras.losses.CategoricalCrossentropy(label_smoothing=stage.label_smoothing)
    # Without label smoothing, so that the losses of both stages can be compared.
    metrics = [keras.metrics.CategoricalCrossentropy(name="cross_entropy"), "accuracy"]
    # Several batches per call of the graph: for a head alone, most of the time is in the calls (3.2 s instead of 5.3 s
    # of CPU for 15 epochs of 2,761 images). The compilation by XLA takes longer than it saves.
    model.compile(
        _optimizer(stage, batches),
        loss,
        metrics=metrics,
        jit_compile=False,
        steps_per_execution=min(16, batches),
    )


def _class_weight(train: Examples) -> dict[int, float] | None:
    """The weights for ``fit`` of Keras, by which each class has the same sum, and an image has 1 in the mean."""
    if train.class_weights is ClassWeights.NONE:
        return None
    features = train.views[0]
    counts = np.bincount(label_indices(features.examples)[features.usable], minlength=train.classes)
    return {label: float(counts.sum() / (len(counts) * count)) for label, count in enumerate(counts)}


def _create_variables(model: keras.Model, classes: int) -> None:
    """Create the variables of the metrics and the optimizer. If a step did, TensorFlow would trace it twice."""
    row = np.full((1, classes), 1 / classes, np.float32)
    model.compute_metrics(None, row, row)
    model.reset_metrics()
    model.optimizer.build(model.trainable_variables)


def _optimizer(stage: Stage, batches: int) -> keras.optimizers.Optimizer:
    """AdamW with the schedule of the stage; ``batches`` is the number of batches per epoch."""
    rate: float | keras.optimizers.schedules.CosineDecay = stage.learning_rate
    if stage.cosine:
        # Without the warm-up, the first large steps, with a new optimizer state, would destroy the trained weights.
        warmup = min(stage.warmup_steps, batches)
        rate = keras.optimizers.schedules.CosineDecay(
            0.0,
            decay_steps=max(1, stage.epochs * batches - warmup),
            warmup_target=stage.learning_rate,
            warmup_steps=warmup,
        )
    return keras.optimizers.AdamW(
        rate,
        weight_decay=stage.weight_decay,
        use_ema=stage.average,
        ema_momentum=1 - 1 / max(2, batches),
    )


def scores(model: keras.Model, features: Features, *, what: str) -> np.ndarray:
    """(N, classes) float32 probabilities, NaN for an example with a problem. ``what`` describes the progress bar."""
    probabilities = np.full((len(features.examples), model.output_shape[-1]), np.nan, np.float32)
    usable = features.usable
    for start in progress.track(range(0, len(usable), 64), description=what):
        batch = usable[start : start + 64]
        probabilities[batch] = keras_probabilities(model, features.rows.take(batch))
    return probabilities


def batches(examples: Examples, *, batch_size: int, seed: int, shuffle: bool) -> keras.utils.PyDataset:
    """Batches of (inputs, one-hot targets) float32; ``shuffle`` gives each epoch a seeded order."""
    return _Batches(examples, batch_size, seed, shuffle)


class _Batches(keras.utils.PyDataset):  # type: ignore[misc]
    """The batches of an epoch: a new order and the next view each time."""

    def __init__(self, examples: Examples, size: int, seed: int, shuffle: bool) -> None:
        super().__init__()
        self.examples, self.size, self.seed, self.shuffle, self.epoch = examples, size, seed, shuffle, 0
        self.targets = np.eye(examples.classes, dtype=np.float32)[label_indices(examples.views[0].examples)]
        self.usable = examples.views[0].usable
        self.order = self._order()

    def __len__(self) -> int:
        return math.ceil(len(self.order) / self.size)

    def __getitem__(self, batch: int) -> tuple[np.ndarray, np.ndarray]:
        chosen = self.order[batch * self.size : (batch + 1) * self.size]
        view = self.examples.views[self.epoch % len(self.examples.views)]
        return view.rows.take(chosen), self.targets[chosen]

    def on_epoch_end(self) -> None:
        self.epoch += 1
        self.order = self._order()

    def _order(self) -> np.ndarray:
        if not self.shuffle:
            return self.usable
        return self.usable[np.random.default_rng([self.seed, self.epoch]).permutation(len(self.usable))]


class _Progress(keras.callbacks.Callback):  # type: ignore[misc]
    """Advances a bar by the batches of an evaluation."""

    def __init__(self, advance: Callable[[int], None]) -> None:
        super().__init__()
        self.advance, self.done = advance, 0

    def on_test_batch_end(self, batch: int, logs: Any = None) -> None:  # noqa: ARG002  (Keras names it)
        before, self.done = self.done, _ended(batch, self.params)
        self.advance(self.done - before)


class _Recorder(keras.callbacks.Callback):  # type: ignore[misc]
    """Records the epochs and the best weights, prints them, and stops after ``patience`` epochs without improvement."""

    def __init__(self, before: Epoch, stage: Stage, epochs_before: int, advance: Callable[[int], None]) -> None:
        super().__init__()
        self.epochs, self.best, self.stage, self.advance = [before], before, stage, advance
        self.epochs_before = epochs_before
        self.weights: list[np.ndarray] = []
        self.start, self.done = 0.0, 0
        progress.say(_row("", "training", "", "validation", ""))
        progress.say(_row("epoch", "loss", "top-1", "loss", "top-1"))
        progress.say(_row("before", *_figures(before)))

    def on_train_begin(self, logs: Any = None) -> None:  # noqa: ARG002  (Keras names it)
        self.weights = self.model.get_weights()  # in case the first epoch diverges

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:  # noqa: ARG002  (Keras names it)
        before, self.done = self.done, _ended(batch, self.params)
        self.advance(self.done - before)

    def on_epoch_begin(self, _epoch: int, logs: Any = None) -> None:  # noqa: ARG002  (Keras names it)
        self.start, self.done = time.perf_counter(), 0

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        seconds = time.perf_counter() - self.start
        rate = float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))
        latest = Epoch(epoch + 1 - self.epochs_before, *_of(logs), *_of(logs, "val_"), rate, seconds)
        if not (math.isfinite(latest.loss) and math.isfinite(latest.val_loss)):
            progress.warn(f"the loss diverged in epoch {epoch + 1}. Training stops. Use a lower learning rate.")
            self.model.stop_training = True
            return
        best_so_far = latest.quality > max(each.quality for each in self.epochs)
        self.epochs.append(latest)
        progress.say(_row(f"{epoch + 1} of {self.params['epochs']}", *_figures(latest)) + "  best so far" * best_so_far)
        if latest.number == 1 or latest.quality > self.best.quality:
            self.best, self.weights = latest, self.model.get_weights()
        if 0 < self.stage.patience <= latest.number - self.best.number:
            self.model.stop_training = True


def _ended(batch: int, params: dict[str, Any]) -> int:
    """The number of batches of this epoch that have ended. With several steps per execution, Keras names the last one
    of the group, although the epoch may have ended before it."""
    return min(batch + 1, params.get("steps") or batch + 1)


def _of(logs: dict[str, Any], prefix: str = "") -> tuple[float, float]:
    """Cross-entropy and accuracy in the logs of Keras."""
    return float(logs[f"{prefix}cross_entropy"]), float(logs[f"{prefix}accuracy"])


def _row(*cells: str) -> str:
    """A row of the table of epochs, aligned as the rows before: they are printed one by one."""
    return "{:>10}  {:>8} {:>8}  {:>10} {:>8}".format(*cells).rstrip()


def _figures(epoch: Epoch) -> tuple[str, str, str, str]:
    return f"{epoch.loss:.3f}", percent(epoch.accuracy), f"{epoch.val_loss:.3f}", percent(epoch.val_accuracy)
