"""One training stage as a job: layers of a model are trained on cached activations, and the stage folder is written.

TensorFlow is imported by the functions that need it.
"""

import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tlpipe.runs import run_folder
from tlpipe.runs.config import Stage, Training
from tlpipe.runs.history import History
from tlpipe.storage.checkpoint import Checkpoint
from tlpipe.training.classes import warn_of_lost_classes
from tlpipe.training.inputs import Inputs
from tlpipe_edge.console import progress
from tlpipe_edge.console.interrupted import kept

if TYPE_CHECKING:
    import keras

    from tlpipe.training.fit import Fitted

Callbacks = Sequence["keras.callbacks.Callback"]


@dataclass(frozen=True)
class Job:
    """One stage: train the layers ``trained`` of ``model``, on the activations at ``cut``, by ``stage``.

    ``inputs`` are these activations, and ``seconds`` the durations until there are, by name.
    """

    name: str
    model: "keras.Model"
    trained: "list[keras.layers.Layer]"
    cut: str
    stage: Stage
    training: Training
    inputs: Inputs
    seconds: Mapping[str, float]
    epochs_before: int = 0


def carry_out(
    job: Job,
    folder: Path,
    saved: Checkpoint,
    callbacks: Callbacks,
    *,
    frozen_weights: str | None = None,
    earlier: Sequence[History] = (),
) -> None:
    """Train from where ``saved`` is, and write the stage ``folder``, with a log for TensorBoard.

    ``frozen_weights`` is as in ``artifacts.Outcome``; ``earlier`` are the histories of the stages before.
    """
    from tlpipe.network import build
    from tlpipe.network.cut import suffix
    from tlpipe.training import artifacts, fit

    build.freeze_all_but(job.model, job.trained)
    inputs, model = job.inputs, suffix(job.model, job.cut)
    fitted = _fitted(job, model, folder / run_folder.TENSORBOARD, saved, callbacks)
    progress.say(f"kept {_kept_epoch(fitted.history, job)}")
    scores = {
        split: fit.scores(model, features, what=f"scoring {split} images: batches")
        for split, features in inputs.plain.items()
        if split != "train" and features.examples
    }
    warn_of_lost_classes(inputs.dataset, scores["validation"])
    sample = artifacts.sample(inputs.dataset, job.training.spec, scores[inputs.dataset.evaluation_split])
    seconds = {**job.seconds, "training": fitted.seconds}
    outcome = artifacts.Outcome(inputs.dataset, scores, seconds, sample, fitted.history, frozen_weights)
    with progress.waiting("writing the model and the plots", seconds=5):
        artifacts.write(folder, job.model, job.training, job.stage, outcome, earlier=earlier)


def _fitted(job: Job, model: "keras.Model", tensorboard: Path, saved: Checkpoint, callbacks: Callbacks) -> "Fitted":
    """Train the suffix ``model`` of the job."""
    from tlpipe.network import build
    from tlpipe.training import fit
    from tlpipe.training.batches import Examples

    inputs, training = job.inputs, job.training
    layers = f"{len(job.trained)} layer{'s' * (len(job.trained) != 1)} with weights"
    progress.say(f"training {layers}: {build.parameters(job.trained):,} of {job.model.count_params():,} parameters")
    progress.detail(f"on the activations of {job.cut}")
    classes = len(inputs.dataset.labels)
    with kept(saved.outlook):
        return fit.fit(
            model,
            Examples(inputs.views, classes, training.class_weights),
            Examples([inputs.plain["validation"]], classes),
            fit.Course(job.stage, job.name, training.batch_size, training.seed, job.epochs_before),
            tensorboard=tensorboard,
            saved=saved,
            callbacks=callbacks,
        )


def _kept_epoch(history: History, job: Job) -> str:
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
def timed(seconds: dict[str, float], what: str) -> Iterator[None]:
    """Note the duration of the block."""
    start = time.perf_counter()
    yield
    seconds[what] = time.perf_counter() - start
