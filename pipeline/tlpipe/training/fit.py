"""Trains the suffix of a model on cached activations, over seeded views, and keeps the best weights on validation."""

import dataclasses
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tlpipe.data.dataset import label_indices
from tlpipe.features.extractor import Features
from tlpipe.network.backend import keras
from tlpipe.network.predict import keras_probabilities
from tlpipe.runs.config import ClassWeights, Stage
from tlpipe.runs.history import Epoch, History
from tlpipe.storage.checkpoint import Checkpoint
from tlpipe.training import log_errors
from tlpipe.training.recorder import Continued, Evaluated, Recorder, figures, reached
from tlpipe.training.state import State, load
from tlpipe_edge.console import progress


@dataclass(frozen=True)
class Examples:
    """The features of the same examples in each view. ``views[0]`` is plain; epoch n trains on view n modulo the number
    of views. ``classes`` is the number of labels; ``class_weights`` weigh them in the training loss."""

    views: Sequence[Features]
    classes: int
    class_weights: ClassWeights = ClassWeights.NONE


@dataclass(frozen=True)
class Course:
    """How a stage is trained. ``name`` is its name in the history; messages, callbacks and TensorBoard count the epochs
    from the ``epochs_before`` of earlier stages."""

    stage: Stage
    name: str
    batch_size: int
    seed: int
    epochs_before: int = 0


@dataclass(frozen=True)
class Fitted:
    """The history of a training, and the ``seconds`` that it took, before it was stopped, too."""

    history: History
    seconds: float


def fit(
    model: keras.Model,
    train: Examples,
    validation: Examples,
    course: Course,
    *,
    tensorboard: Path,
    saved: Checkpoint,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> Fitted:
    """Train the trainable layers of ``model`` in place; epoch 0 of the history is the state before training.

    At the end, the model has the weights of the epoch with the best ``quality``. ``callbacks`` run after the weights
    are averaged, so they see the validated model; a callback can stop the training. A training in ``saved`` is
    continued after its last epoch; ``callbacks`` see only the epochs from there.
    """
    start = time.perf_counter()
    stage = course.stage
    training = batches(train, batch_size=course.batch_size, seed=course.seed, shuffle=True)
    held_out = batches(validation, batch_size=course.batch_size, seed=course.seed, shuffle=False)
    keras.utils.set_random_seed(course.seed)
    _compile(model, stage, len(training))
    _create_variables(model, train.classes)
    # First, so that the callbacks after it see the averaged weights.
    ours = [keras.callbacks.SwapEMAWeights(swap_on_epoch=True)] if stage.average else []
    ours.append(keras.callbacks.TensorBoard(tensorboard, write_graph=False))
    restored = load(saved, model)
    if restored is None:
        state = _before(model, train, held_out, course)
    else:
        state = restored.state
        saved.say_continuing(reached(state, stage, course.epochs_before), restored.part)
        ours.append(Continued(restored, tuple(ours), epochs_before=course.epochs_before, batches=len(training)))
    with log_errors.of_the_disk(tensorboard):
        if state.finished:
            _write_log_of_finished(ours, model)
        elif stage.epochs:
            with progress.bar("training: batches", total=stage.epochs * len(training)) as advance:
                recorder = Recorder(state, stage, saved, epochs_before=course.epochs_before, advance=advance)
                _train(model, training, held_out, recorder, [*ours, *callbacks], _class_weight(train))
    model.set_weights(state.weights)
    seconds = state.seconds_before + time.perf_counter() - start
    return Fitted(History(course.name, tuple(state.epochs), state.best.number), seconds)


def _train(
    model: keras.Model,
    training: "_Batches",
    held_out: "_Batches",
    recorder: Recorder,
    callbacks: Sequence[keras.callbacks.Callback],
    class_weight: dict[int, float] | None,
) -> None:
    """Train the epochs that are left, from the state of the ``recorder``, which runs after ``callbacks``."""
    training.epoch = len(recorder.state.logs)
    recorder.advance(training.epoch * len(training))
    model.fit(
        training,
        initial_epoch=recorder.epochs_before + training.epoch,
        epochs=recorder.epochs_before + recorder.stage.epochs,
        validation_data=held_out,
        callbacks=[*callbacks, recorder],
        class_weight=class_weight,
        shuffle=False,  # the batches are; Keras would draw from the state of the module random
        verbose=0,
    )


def _write_log_of_finished(callbacks: Sequence[keras.callbacks.Callback], model: keras.Model) -> None:
    """The log of a training whose epochs were all done before: it is new in the new folder."""
    ended = keras.callbacks.CallbackList(callbacks, model=model, epochs=0)
    ended.on_train_begin()
    ended.on_train_end()


def _before(model: keras.Model, train: Examples, held_out: "_Batches", course: Course) -> State:
    """The state before training, whose epoch is 0: the best one, if the first epoch diverges."""
    plain = dataclasses.replace(train, views=train.views[:1])
    shown = batches(plain, batch_size=course.batch_size, seed=course.seed, shuffle=False)
    with progress.bar("scoring before training: batches", total=len(shown) + len(held_out)) as advance:
        before, held_out_before = (
            model.evaluate(each, callbacks=[Evaluated(advance)], verbose=0, return_dict=True)
            for each in (shown, held_out)
        )
    epoch = Epoch(0, *figures(before), *figures(held_out_before))
    return State([epoch], [], epoch, model.get_weights())


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
