"""The two stages: a new head on the frozen backbone, then the backbone's top layers with it."""

import contextlib
import dataclasses
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tlpipe.data.dataset import Dataset
from tlpipe.features import cache
from tlpipe.features.extractor import open_extractor
from tlpipe.network import build
from tlpipe.network.backend import keras, tf
from tlpipe.network.cut import cut_below, suffix
from tlpipe.runs import run_folder
from tlpipe.runs.config import Finetuning, Stage, Training
from tlpipe.runs.history import History
from tlpipe.runs.run_folder import FINETUNED, FROZEN, Run
from tlpipe.storage import atomic
from tlpipe.training import artifacts, fit
from tlpipe.training.crop import choose_crop
from tlpipe.training.inputs import extract, warn_of_problems
from tlpipe_edge.console import progress

Callbacks = Sequence[keras.callbacks.Callback]


@dataclass(frozen=True)
class _Job:
    """What one stage trains: ``trained`` layers of ``model``, on what comes out at ``cut``, by ``stage``."""

    name: str
    model: keras.Model
    trained: list[keras.layers.Layer]
    cut: str
    stage: Stage
    callbacks: Callbacks


def train(
    photographs: Dataset,
    out: Path,
    training: Training,
    *,
    crop_auto: bool = False,
    strict: bool = False,
    overwrite: bool = False,
    callbacks: Callbacks = (),
) -> Run:
    """The frozen stage: a new head on cached features of the backbone (or, without weights, the whole network).

    The run folder ``out`` appears when all is done. With ``strict`` a photograph that cannot be read ends the training,
    else it is left out and named. ``callbacks`` see what Keras trains: the suffix of the model, whose layers are the
    model's own. Raises the errors of ``build.build`` and ``atomic.directory``.
    """
    atomic.refuse_existing(out, overwrite=overwrite, marker=run_folder.RUN_FILE)
    for warning in photographs.warnings:
        progress.warn(warning)
    _describe(photographs)
    _prepare(training)
    with atomic.directory(out, overwrite=overwrite, marker=run_folder.RUN_FILE) as folder:
        model = build.build(
            training.backbone,
            alpha=training.alpha,
            size=training.image_size,
            weights=training.weights,
            labels=photographs.labels,
            dropout=training.dropout,
            seed=training.seed,
        )
        stage = training.first_stage
        if training.from_scratch:
            trained, cut = [layer for layer in model.layers if layer.weights], "image"
        else:
            trained = build.trained_layers(model, stage.top_layers)
            cut = cut_below(model, trained)
        warn_of_problems([example for split in photographs.splits.values() for example in split], strict=strict)
        if crop_auto:
            photographs, crop = choose_crop(model, photographs, training, strict=strict)
            training = dataclasses.replace(training, crop=crop)
        job = _Job(FROZEN, model, trained, cut, stage, callbacks)
        outcome = _run(job, photographs, training, folder / FROZEN, strict=strict)
        artifacts.write(folder / FROZEN, model, training, stage, outcome)
        run_folder.write(folder, best=FROZEN)
    return Run.open(out)


def finetune(
    run: Run,
    finetuning: Finetuning | None = None,
    *,
    overwrite: bool = False,
    callbacks: Callbacks = (),
) -> Run:
    """Go on from the frozen stage: train the top layers with the head, on cached activations below them.

    ``finetuning`` is that of the run's recipe if left out. Writes the stage 2-finetuned and says in the run which of
    both is best on validation. ``callbacks`` as in ``train``. Raises BadData where a photograph has changed since,
    WrongUsage for more layers than there are or a stage that exists.
    """
    frozen = run.path / FROZEN
    training = Training.read(frozen / run_folder.CONFIG)
    finetuning = finetuning or training.finetuning
    training = dataclasses.replace(training, finetuning=finetuning)
    photographs = Dataset.read(frozen / run_folder.SPLITS)
    _prepare(training)
    with atomic.locked(run.path):  # also `train --overwrite` waits for it
        with atomic.directory(run.path / FINETUNED, overwrite=overwrite, marker=run_folder.CONFIG) as folder:
            model = build.load(frozen / run_folder.MODEL)
            trained = build.trained_layers(model, finetuning.top_layers)
            job = _Job(FINETUNED, model, trained, cut_below(model, trained), finetuning, callbacks)
            earlier = [History.read(frozen / run_folder.HISTORY)]
            outcome = _run(job, photographs, training, folder, strict=True)
            artifacts.write(folder, model, training, finetuning, outcome, earlier=earlier)
        before, after = (run_folder.validation_top1(run.path / name) for name in (FROZEN, FINETUNED))
        best = FINETUNED if after >= before else FROZEN
        run_folder.write(run.path, best=best)
    progress.say(f"kept {best}: validation top-1 {before:.3f} frozen, {after:.3f} fine-tuned")
    return Run.open(run.path)


def _prepare(training: Training) -> None:
    keras.utils.set_random_seed(training.seed)
    if training.deterministic:
        tf.config.experimental.enable_op_determinism()


def _describe(photographs: Dataset) -> None:
    counts = ", ".join(
        f"{len(examples)} {split}{' (cut from train)' if split in photographs.cut else ''}"
        for split, examples in photographs.splits.items()
    )
    progress.say(f"{len(photographs.labels)} classes; images: {counts}")


def _run(job: _Job, photographs: Dataset, training: Training, folder: Path, *, strict: bool) -> artifacts.Outcome:
    """Train the job's layers, with TensorBoard's log in ``folder``."""
    build.freeze_all_but(job.model, job.trained)
    layers = f"{len(job.trained)} layer{'s' * (len(job.trained) != 1)}"
    progress.say(
        f"{job.name}: training {layers} with {build.parameters(job.trained):,} of {job.model.count_params():,} "
        f"parameters, on what comes before from {job.cut}"
    )
    seconds: dict[str, float] = {}
    with _timed(seconds, "features"):
        dtype = "float32" if job.cut == "pooling" else "float16"
        extractor = open_extractor(job.model, job.cut, training.spec, dtype=dtype)
        inputs = extract(extractor, photographs, views=training.views, seed=training.seed, strict=strict)
    if job.cut != "image":
        progress.say(
            f"features: the cache {cache.folder()} holds {cache.size() / 1e6:,.0f} MB of all runs, and beyond "
            f"{cache.LIMIT / 1e9:g} GB forgets the oldest"
        )
    suffix_model = suffix(job.model, job.cut)
    classes = len(photographs.labels)
    with _timed(seconds, "training"):
        history = fit.fit(
            suffix_model,
            fit.Examples(inputs.views, classes),
            fit.Examples([inputs.plain["validation"]], classes),
            job.stage,
            name=job.name,
            batch_size=training.batch_size,
            seed=training.seed,
            tensorboard=folder / run_folder.TENSORBOARD,
            callbacks=job.callbacks,
        )
    progress.say(f"{job.name}: kept epoch {history.best} of {_end(history, job.stage)}")
    scores = {
        split: fit.scores(suffix_model, features)
        for split, features in inputs.plain.items()
        if split != "train" and features.examples
    }
    sample = artifacts.sample(inputs.photographs, training.spec)
    return artifacts.Outcome(inputs.photographs, history, scores, seconds, sample)


def _end(history: History, stage: Stage) -> str:
    """How many epochs there were, and why there were no more."""
    ran = history.epochs[-1].number
    if ran == stage.epochs:
        return f"{ran}, the best on validation"
    lost_patience = 0 < stage.patience == ran - history.best
    reason = (
        f"no better one came in {stage.patience} more" if lost_patience else "a callback or a diverging loss ended it"
    )
    return f"{ran}, the best on validation; {reason}"


@contextlib.contextmanager
def _timed(seconds: dict[str, float], what: str) -> Iterator[None]:
    start = time.perf_counter()
    yield
    seconds[what] = time.perf_counter() - start
