"""The two training stages: a new head on the frozen backbone, then the top layers of the backbone with the head.

TensorFlow is imported by the functions that need it: features that need no TensorFlow are extracted in the meantime.
"""

import contextlib
import dataclasses
import functools
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tlpipe.data.dataset import Dataset
from tlpipe.features.ahead import computed_ahead
from tlpipe.features.extractor import Extractor
from tlpipe.features.prefix import Weights
from tlpipe.network import backbones, weights
from tlpipe.network.backbones import IMAGE, POOLING
from tlpipe.runs import run_folder
from tlpipe.runs.config import Finetuning, Stage, Training
from tlpipe.runs.history import History
from tlpipe.runs.run_folder import FINETUNED, FROZEN, Run
from tlpipe.storage import atomic, cache
from tlpipe.training import checks
from tlpipe.training.classes import warn_of_lost_classes, warn_of_small_classes
from tlpipe.training.crop import choose_crop
from tlpipe.training.inputs import Inputs, extract, passes, warn_of_problems
from tlpipe_edge.console import progress
from tlpipe_edge.console.interrupted import kept
from tlpipe_edge.console.text import percent
from tlpipe_edge.errors import BadData

if TYPE_CHECKING:
    import keras

    from tlpipe.training.artifacts import Outcome

Callbacks = Sequence["keras.callbacks.Callback"]


@dataclass(frozen=True)
class _Job:
    """One stage: train the layers ``trained`` of ``model``, on the activations at ``cut``, by ``stage``."""

    name: str
    model: "keras.Model"
    trained: "list[keras.layers.Layer]"
    cut: str
    stage: Stage
    callbacks: Callbacks
    epochs_before: int = 0


@kept("Nothing is kept but the computed features, in the cache. The same command trains again.")
def train(
    dataset: Dataset,
    out: Path,
    training: Training,
    *,
    crop_auto: bool = False,
    strict: bool = False,
    overwrite: bool = False,
    callbacks: Callbacks = (),
) -> Run:
    """The frozen stage: a new head on cached features of the backbone (or, without weights, the whole network).

    The run folder ``out`` appears when it is complete. With ``strict``, an unreadable image is an error; otherwise
    there is a warning: it is left out of training, and counts as wrong in other splits. The model of ``callbacks`` is
    the suffix, which shares its layers with the full model.
    Raise the errors of ``build.build`` and ``atomic.directory``.
    """
    atomic.refuse_existing(out, overwrite=overwrite, marker=run_folder.RUN_FILE)
    checks.check(training, crop_auto=crop_auto)
    for warning in dataset.warnings:
        progress.warn(warning)
    _describe(dataset)
    warn_of_small_classes(dataset, training.class_weights)
    with atomic.directory(out, overwrite=overwrite, marker=run_folder.RUN_FILE) as folder:
        warn_of_problems(dataset.splits, strict=strict)
        given = None if training.from_scratch else _given_weights(training)
        model = functools.cache(functools.partial(_build, training, dataset.labels, given))
        if crop_auto and given is not None:
            pooled = Extractor.at(POOLING, given, training.spec, model)
            dataset, crop = choose_crop(pooled, dataset, strict=strict)
            training = dataclasses.replace(training, crop=crop)
        extractor = _first_extractor(training, given, model)
        seconds: dict[str, float] = {}
        with computed_ahead(extractor, passes(dataset, training.views, training.seed), strict=strict) as wait:
            with _timed(seconds, "building"):
                model()
            with _timed(seconds, "features"):
                wait()
                inputs = _extract(extractor, dataset, training, strict=strict)
        trained, stage = _first_trained(training, model()), training.first_stage
        job = _Job(FROZEN, model(), trained, extractor.cut, stage, callbacks)
        outcome = _fit(job, inputs, training, folder / FROZEN, seconds)
        if given is not None and extractor.cut == POOLING:
            outcome = dataclasses.replace(outcome, frozen_weights=given.sha256)
        _write(folder / FROZEN, job, training, outcome)
        run_folder.write(folder, best=FROZEN)
    return Run.open(out)


@kept("The run is as it was. The computed features are in the cache.")
def finetune(
    run: Run,
    finetuning: Finetuning | None = None,
    *,
    overwrite: bool = False,
    callbacks: Callbacks = (),
) -> Run:
    """Continue from the frozen stage: train the top layers and the head, on cached activations below them.

    ``finetuning`` is that of the run's training configuration if left out. Write the stage folder 2-finetuned, and
    write to the run which stage is better on validation. ``callbacks`` are as in ``train``. Raise BadData if an image
    has changed since the splits were made, WrongUsage if the backbone has fewer layers or the stage exists.
    """
    run.check_trained()
    frozen = run.path / FROZEN
    training = Training.read(frozen / run_folder.CONFIG)
    finetuning = finetuning or training.finetuning
    training = dataclasses.replace(training, finetuning=finetuning)
    checks.check_top_layers(training, finetuning)
    run_folder.check(frozen)
    dataset = Dataset.read(frozen / run_folder.SPLITS).with_images()
    with atomic.locked(run.path):  # so that `train --overwrite` cannot replace the run now
        with atomic.directory(run.path / FINETUNED, overwrite=overwrite, marker=run_folder.CONFIG) as folder:
            from tlpipe.network import build
            from tlpipe.network.cut import cut_below

            _prepare(training)
            seconds: dict[str, float] = {}
            with _timed(seconds, "building"):
                model = build.load(frozen / run_folder.MODEL)
            trained = build.trained_layers(model, finetuning.top_layers)
            given = Weights(training.backbone, training.alpha, run_folder.backbone_sha256(frozen))
            extractor = Extractor.at(cut_below(model, trained), given, training.spec, lambda: model)
            with _timed(seconds, "features"):
                inputs = _extract(extractor, dataset, training, strict=True)
            earlier = History.read(frozen / run_folder.HISTORY)
            job = _Job(FINETUNED, model, trained, extractor.cut, finetuning, callbacks, earlier.epochs[-1].number)
            outcome = _fit(job, inputs, training, folder, seconds)
            _write(folder, job, training, outcome, earlier=[earlier])
        before, after = (run_folder.validation_top1(run.path / name) for name in (FROZEN, FINETUNED))
        best = FINETUNED if after >= before else FROZEN
        run_folder.write(run.path, best=best)
    progress.say(f"selected {best}: validation top-1 {percent(before)} frozen, {percent(after)} fine-tuned")
    return Run.open(run.path)


def _build(training: Training, labels: tuple[str, ...], given: Weights | None) -> "keras.Model":
    """The network of the first stage; imports TensorFlow. Raise BadData if its weights are not the ``given`` ones."""
    from tlpipe.network import build

    _prepare(training)
    model = build.build(
        training.backbone,
        alpha=training.alpha,
        size=training.image_size,
        weights=training.weights,
        labels=labels,
        dropout=training.dropout,
        seed=training.seed,
    )
    if given is not None and _given_weights(training) != given:
        raise BadData("the weights file has changed since the start", "Train again.", where=training.weights)
    return model


def _prepare(training: Training) -> None:
    from tlpipe.network.backend import keras, tf

    keras.utils.set_random_seed(training.seed)
    if training.deterministic:
        tf.config.experimental.enable_op_determinism()


def _given_weights(training: Training) -> Weights:
    """The weights that the first stage starts from, downloaded if necessary. Raise as ``weights.get``."""
    file = weights.get(backbones.find(training.backbone), training.alpha, training.weights)
    return Weights.of_file(file, backbone=training.backbone, alpha=training.alpha)


def _first_extractor(training: Training, given: Weights | None, model: "Callable[[], keras.Model]") -> Extractor:
    """The extractor of the first stage. ``model`` is only called if layers of the backbone train."""
    if given is None:
        return Extractor(None, training.spec, "float32")
    cut = POOLING
    if training.first_stage.top_layers:
        from tlpipe.network.cut import cut_below

        cut = cut_below(model(), _first_trained(training, model()))
    return Extractor.at(cut, given, training.spec, model)


def _first_trained(training: Training, model: "keras.Model") -> "list[keras.layers.Layer]":
    from tlpipe.network import build

    if training.from_scratch:
        return [layer for layer in model.layers if layer.weights]
    return build.trained_layers(model, training.first_stage.top_layers)


def _describe(dataset: Dataset) -> None:
    counts = {split: f"{len(examples)} {split}" for split, examples in dataset.splits.items()}
    given = ", ".join(count for split, count in counts.items() if split not in dataset.cut)
    held_out = ", ".join(counts[split] for split in dataset.cut)
    then = f"; held out from train: {held_out}" if held_out else ""
    progress.say(f"{len(dataset.labels)} classes; images: {given}{then}")


def _extract(extractor: Extractor, dataset: Dataset, training: Training, *, strict: bool) -> Inputs:
    """What a stage trains on."""
    inputs = extract(extractor, dataset, views=training.views, seed=training.seed, strict=strict)
    if extractor.cut != IMAGE:
        progress.detail(
            f"features: the cache {cache.folder()} uses {cache.size() / 1e6:,.0f} MB "
            f"of at most {cache.LIMIT / 1e9:g} GB"
        )
    return inputs


def _fit(job: _Job, inputs: Inputs, training: Training, folder: Path, seconds: dict[str, float]) -> "Outcome":
    """Train the layers of the job; the log for TensorBoard is in ``folder``.

    ``seconds`` has the durations measured before, by name.
    """
    from tlpipe.network import build
    from tlpipe.network.cut import suffix
    from tlpipe.training import artifacts, fit

    build.freeze_all_but(job.model, job.trained)
    layers = f"{len(job.trained)} layer{'s' * (len(job.trained) != 1)} with weights"
    progress.say(f"training {layers}: {build.parameters(job.trained):,} of {job.model.count_params():,} parameters")
    progress.detail(f"on the activations of {job.cut}")
    suffix_model = suffix(job.model, job.cut)
    classes = len(inputs.dataset.labels)
    with _timed(seconds, "training"):
        history = fit.fit(
            suffix_model,
            fit.Examples(inputs.views, classes, training.class_weights),
            fit.Examples([inputs.plain["validation"]], classes),
            job.stage,
            name=job.name,
            batch_size=training.batch_size,
            seed=training.seed,
            tensorboard=folder / run_folder.TENSORBOARD,
            callbacks=job.callbacks,
            epochs_before=job.epochs_before,
        )
    progress.say(f"kept {_kept_epoch(history, job)}")
    scores = {
        split: fit.scores(suffix_model, features, what=f"scoring {split} images: batches")
        for split, features in inputs.plain.items()
        if split != "train" and features.examples
    }
    warn_of_lost_classes(inputs.dataset, scores["validation"])
    sample = artifacts.sample(inputs.dataset, training.spec, scores[inputs.dataset.evaluation_split])
    return artifacts.Outcome(inputs.dataset, scores, seconds, sample, history)


def _write(folder: Path, job: _Job, training: Training, outcome: "Outcome", *, earlier: Sequence[History] = ()) -> None:
    from tlpipe.training import artifacts

    with progress.waiting("writing the model and the plots", seconds=5):
        artifacts.write(folder, job.model, training, job.stage, outcome, earlier=earlier)


def _kept_epoch(history: History, job: _Job) -> str:
    """The epoch whose weights are kept, and the reason if training stopped early."""
    ran, stage = history.epochs[-1].number, job.stage
    number = job.epochs_before + history.best
    said = f"epoch {number}, the best top-1 on validation" if history.best else "the state before training"
    if history.epochs[0].quality > history.epochs[history.best].quality:
        said += ", though not better than before"
    if ran == stage.epochs:
        return said
    lost_patience = 0 < stage.patience == ran - history.best
    reason = (
        f"no improvement in {stage.patience} epochs" if lost_patience else "a callback or a diverging loss ended it"
    )
    return f"{said}; {reason}"


@contextlib.contextmanager
def _timed(seconds: dict[str, float], what: str) -> Iterator[None]:
    start = time.perf_counter()
    yield
    seconds[what] = time.perf_counter() - start
