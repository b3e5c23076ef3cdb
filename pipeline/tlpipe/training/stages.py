"""The two training stages: a new head on the frozen backbone, then the top layers of the backbone with the head.

TensorFlow is imported by the functions that need it: features that need no TensorFlow are extracted in the meantime.
"""

import dataclasses
import functools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from tlpipe.data.augment import View
from tlpipe.data.dataset import Dataset
from tlpipe.engine.choice import engine
from tlpipe.features.ahead import computed_ahead
from tlpipe.features.extractor import Extractor
from tlpipe.features.prefix import Weights
from tlpipe.network import backbones, weights
from tlpipe.network.backbones import IMAGE, NONE, POOLING
from tlpipe.runs import run_folder
from tlpipe.runs.config import Finetuning, Training
from tlpipe.runs.history import History
from tlpipe.runs.run_folder import FINETUNED, FROZEN, Run
from tlpipe.runs.unfinished import basis, training_key
from tlpipe.storage import atomic, cache, checkpoint, locks, used_by
from tlpipe.storage.checkpoint import Checkpoint
from tlpipe.storage.resume import RESUME, Resume
from tlpipe.training import checks
from tlpipe.training.classes import warn_of_small_classes
from tlpipe.training.crop import candidates, choose_crop
from tlpipe.training.inputs import Inputs, extract, passes, warn_of_problems
from tlpipe.training.job import Callbacks, Job, carry_out, timed
from tlpipe_edge.console import progress
from tlpipe_edge.console.interrupted import kept
from tlpipe_edge.console.text import percent
from tlpipe_edge.contract.files import sha256_of
from tlpipe_edge.errors import BadData

if TYPE_CHECKING:
    import keras


@kept("The computed features are in the cache.")
def train(
    dataset: Dataset,
    out: Path,
    training: Training,
    *,
    crop_auto: bool = False,
    strict: bool = False,
    overwrite: bool = False,
    resume: Resume = RESUME,
    callbacks: Callbacks = (),
) -> Run:
    """The frozen stage: a new head on cached features of the backbone (or, without weights, the whole network).

    The run folder ``out`` appears when it is complete. With ``strict``, an unreadable image is an error; otherwise
    there is a warning: it is left out of training, and counts as wrong in other splits. The model of ``callbacks`` is
    the suffix, which shares its layers with the full model.

    The same training that was stopped is continued after its last saved epoch, unless ``resume`` says otherwise;
    ``callbacks`` see only the epochs from there. Raise the errors of ``build.build`` and ``atomic.directory``.
    """
    atomic.refuse_existing(out, overwrite=overwrite, marker=run_folder.RUN_FILE)
    checks.check(training, crop_auto=crop_auto)
    engine().check(dataset.files())
    if (out / FINETUNED).exists():
        progress.warn(f"{out / FINETUNED} will be deleted with the run, and its bundles cannot be evaluated after that")
    _describe(dataset, training)
    key = training_key(
        dataset.source,
        training,
        dataset.fractions,
        dataset.reading,
        crop_auto=crop_auto,
        strict=strict,
        within=resume.within,
    )
    saved = Checkpoint(out, key)
    with atomic.directory(out, overwrite=overwrite, marker=run_folder.RUN_FILE) as folder:
        warn_of_problems(dataset.splits, strict=strict)
        given = None if training.from_scratch else _given_weights(training)
        model = functools.cache(functools.partial(_build, training, dataset.labels, given))
        if crop_auto and given is not None:
            pooled = Extractor.at(POOLING, given, training.spec, model)
            used_by.record(out, [each.shelf(View()) for each in candidates(pooled).values()], anew=True)
            dataset, crop = choose_crop(pooled, dataset, strict=strict)
            training = dataclasses.replace(training, crop=crop)
        job = _first_job(dataset, out, training, given, model, strict=strict, crop_auto=crop_auto)
        images = job.inputs.dataset.sha256()
        weights_sha256 = NONE if given is None else given.sha256
        saved.open(basis(images=images, weights=weights_sha256, crop=training.crop), restart=resume.restart)
        frozen = given.sha256 if given is not None and job.cut == POOLING else None
        carry_out(job, folder / FROZEN, saved, callbacks, frozen_weights=frozen)
        run_folder.write(folder, best=FROZEN)
        resume.made(saved.finish(folder, f"{FROZEN}/{run_folder.MODEL}"))
    saved.delete()
    return Run.open(out)


@kept("The run is as it was, and the computed features are in the cache.")
def finetune(
    run: Run,
    finetuning: Finetuning | None = None,
    *,
    overwrite: bool = False,
    resume: Resume = RESUME,
    callbacks: Callbacks = (),
) -> Run:
    """Continue from the frozen stage: train the top layers and the head, on cached activations below them.

    ``finetuning`` is that of the run's training configuration if left out. Write the stage folder 2-finetuned, and
    write to the run which stage is better on validation. ``resume`` and ``callbacks`` are as in ``train``. Raise
    BadData if an image has changed since the splits were made, WrongUsage if the backbone has fewer layers or the stage
    exists.
    """
    run.check_trained()
    frozen = run.path / FROZEN
    training = Training.read(frozen / run_folder.CONFIG)
    finetuning = finetuning or training.finetuning
    training = dataclasses.replace(training, finetuning=finetuning)
    checks.check_top_layers(training, finetuning)
    run_folder.check(frozen)
    saved = Checkpoint(
        run.path / FINETUNED,
        checkpoint.key("finetune", {"finetuning": dataclasses.asdict(finetuning), "within": resume.within}),
    )
    atomic.check_writable(run.path.absolute().parent)
    with locks.locked(run.path):  # so that `train --overwrite` cannot replace the run now
        atomic.refuse_existing(run.path / FINETUNED, overwrite=overwrite, marker=run_folder.CONFIG)
        with atomic.together(run.path / FINETUNED) as written:
            folder = written / FINETUNED
            folder.mkdir()
            run_folder.verify(frozen)
            earlier = History.read(frozen / run_folder.HISTORY)
            job = _second_job(run.path, training, earlier)
            images = job.inputs.dataset.sha256()
            saved.open(basis(images=images, model=sha256_of(frozen / run_folder.MODEL)), restart=resume.restart)
            carry_out(job, folder, saved, callbacks, earlier=[earlier])
            before, after = (run_folder.validation_top1(stage) for stage in (frozen, folder))
            best = FINETUNED if after >= before else FROZEN
            run_folder.write(written, best=best)
            resume.made(saved.finish(folder, run_folder.MODEL))
        saved.delete()
    progress.say(f"selected {best}: validation top-1 {percent(before)} frozen, {percent(after)} fine-tuned")
    return Run.open(run.path)


def _first_job(
    dataset: Dataset,
    out: Path,
    training: Training,
    given: Weights | None,
    model: "Callable[[], keras.Model]",
    *,
    strict: bool,
    crop_auto: bool,
) -> Job:
    """The job of the frozen stage of the run ``out``, with its features; ``model`` is only called when they need it, or
    are there."""
    extractor = _first_extractor(training, given, model)
    used_by.record(out, _trees(extractor, dataset, training), anew=not crop_auto)
    seconds: dict[str, float] = {}
    with computed_ahead(extractor, passes(dataset, training.views, training.seed), strict=strict) as wait:
        with timed(seconds, "building"):
            model()
        with timed(seconds, "features"):
            wait()
            inputs = _extract(extractor, dataset, training, strict=strict)
    trained, stage = _first_trained(training, model()), training.first_stage
    return Job(FROZEN, model(), trained, extractor.cut, stage, training, inputs, seconds)


def _second_job(run: Path, training: Training, earlier: History) -> Job:
    """The job of the fine-tuning of a run's frozen stage, with its features."""
    frozen = run / FROZEN
    dataset, finetuning = Dataset.read(frozen / run_folder.SPLITS).with_images(), training.finetuning
    engine().check(dataset.files())
    from tlpipe.network import build
    from tlpipe.network.cut import cut_below

    _prepare(training)
    seconds: dict[str, float] = {}
    given = Weights(training.backbone, training.alpha, run_folder.backbone_sha256(frozen))
    with timed(seconds, "building"):
        model = build.load(frozen / run_folder.MODEL)
    trained = build.trained_layers(model, finetuning.top_layers)
    extractor = Extractor.at(cut_below(model, trained), given, training.spec, lambda: model)
    used_by.record(run, _trees(extractor, dataset, training), anew=False)
    with timed(seconds, "features"):
        inputs = _extract(extractor, dataset, training, strict=True)
    before = earlier.epochs[-1].number
    return Job(FINETUNED, model, trained, extractor.cut, finetuning, training, inputs, seconds, before)


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


def _describe(dataset: Dataset, training: Training) -> None:
    for warning in dataset.warnings:
        progress.warn(warning)
    counts = {split: f"{len(examples)} {split}" for split, examples in dataset.splits.items()}
    given = ", ".join(count for split, count in counts.items() if split not in dataset.cut)
    held_out = ", ".join(counts[split] for split in dataset.cut)
    then = f"; held out from train: {held_out}" if held_out else ""
    progress.say(f"{len(dataset.labels)} classes; images: {given}{then}")
    warn_of_small_classes(dataset, training.class_weights)


def _trees(extractor: Extractor, dataset: Dataset, training: Training) -> list[str]:
    """What a stage uses of the cache."""
    unpacked = [] if dataset.unpacked is None else [dataset.unpacked.tree]
    if extractor.prefix is None:
        return unpacked
    return [*unpacked, *(extractor.shelf(View(number, training.seed)) for number in range(training.views))]


def _extract(extractor: Extractor, dataset: Dataset, training: Training, *, strict: bool) -> Inputs:
    """What a stage trains on."""
    inputs = extract(extractor, dataset, views=training.views, seed=training.seed, strict=strict)
    if extractor.cut != IMAGE:
        progress.detail(
            f"features: the cache {cache.folder()} uses {cache.size() / 1e6:,.0f} MB "
            f"of at most {cache.LIMIT / 1e9:g} GB"
        )
    return inputs
