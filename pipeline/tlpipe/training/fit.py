"""Trains the suffix of a model on cached activations, over seeded views, and keeps the best weights on validation."""

import dataclasses
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
from tlpipe.training.batches import Batches, Examples, own_errors
from tlpipe.training.recorder import Continued, Evaluated, Recorder, figures, reached
from tlpipe.training.state import State, load
from tlpipe_edge.console import progress


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
    training = Batches(train, course.batch_size, seed=course.seed)
    held_out = Batches(validation, course.batch_size)
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
    with log_errors.of_the_disk(tensorboard), own_errors(training, held_out):
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
    training: Batches,
    held_out: Batches,
    recorder: Recorder,
    callbacks: Sequence[keras.callbacks.Callback],
    class_weight: dict[int, float] | None,
) -> None:
    """Train the epochs that are left, from the state of the ``recorder``, which runs after ``callbacks``."""
    done = len(recorder.state.logs)
    training.begin(done)
    recorder.advance(done * len(training))
    model.fit(
        training,
        initial_epoch=recorder.epochs_before + done,
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


def _before(model: keras.Model, train: Examples, held_out: Batches, course: Course) -> State:
    """The state before training, whose epoch is 0: the best one, if the first epoch diverges."""
    plain = dataclasses.replace(train, views=train.views[:1])
    shown = Batches(plain, course.batch_size)
    total = len(shown) + len(held_out)
    with own_errors(shown, held_out), progress.bar("scoring before training: batches", total=total) as advance:
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
    usable = features.rows.in_sequence(features.usable)
    for start in progress.track(range(0, len(usable), 64), description=what):
        batch = usable[start : start + 64]
        probabilities[batch] = keras_probabilities(model, features.rows.take(batch))
    return probabilities
