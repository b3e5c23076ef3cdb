"""Steps as functions: what can be refused before TensorFlow is imported, and the usual folders.

Nothing is printed to stdout. TensorFlow is imported when a step needs it, so usage and data errors are reported before
the slow import.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tlpipe.adopting.job import AdoptJob
from tlpipe.conversion import recipes
from tlpipe.data.reading import FROM_DATA, Reading
from tlpipe.runs import run_folder, unfinished
from tlpipe.runs.config import Training
from tlpipe.runs.places import EXPORTED, RUNS, free
from tlpipe.runs.run_folder import RUN_FILE, Run
from tlpipe.storage import atomic
from tlpipe.storage.resume import RESUME, Resume
from tlpipe_edge.console.interrupted import kept
from tlpipe_edge.contract.bundle import MANIFEST, Bundle
from tlpipe_edge.contract.limits import NO_LIMITS, Limits
from tlpipe_edge.errors import MissingInput, WrongUsage

if TYPE_CHECKING:
    import keras

    from tlpipe.data.dataset import Dataset

Callbacks = Sequence["keras.callbacks.Callback"]


@dataclass(frozen=True)
class TrainingJob:
    """The input of the frozen stage: ``data`` as ``loading.load`` takes it; ``out`` is runs/DATA if None.

    With ``crop_auto``, validation selects the crop. ``validation_fraction`` and ``test_fraction`` (0 to below 0.9) are
    the shares of train that are held out for missing splits. ``reading`` says how ``data`` is read. An unfinished job
    is continued unless ``restart`` is set.
    """

    data: Path
    training: Training
    out: Path | None = None
    crop_auto: bool = False
    validation_fraction: float = 0.1
    test_fraction: float = 0.1
    strict: bool = False
    overwrite: bool = False
    restart: bool = False
    reading: Reading = FROM_DATA

    def key(self, within: str = "") -> str:
        """Its KEY, as that of ``stages.train``."""
        return unfinished.training_key(
            self.data,
            self.training,
            {"test": self.test_fraction, "validation": self.validation_fraction},
            self.reading,
            crop_auto=self.crop_auto,
            strict=self.strict,
            within=within,
        )


def train(job: TrainingJob, *, callbacks: Callbacks = ()) -> Run:
    """The frozen stage; ``callbacks`` are as in ``stages.train``.

    Raise WrongUsage if ``out`` cannot be used, and the errors of ``loading.load`` and ``stages.train``.
    """
    check_data(job)
    out = job.out or unfinished.chosen(RUNS / name_of(job.data), job.key(), overwrite=job.overwrite)
    check_out(job, out)
    return train_on(job, loaded(job), out, Resume(job.restart), callbacks=callbacks)


def check_data(job: TrainingJob) -> None:
    """Raise the errors of ``listing.check``, and those of ``Engine.check`` for a folder."""
    from tlpipe.data import listing
    from tlpipe.engine.choice import engine

    listing.check(job.data.absolute(), job.reading)
    engine().check([_images_in(job)])


def _images_in(job: TrainingJob) -> Path:
    """The folder in which the images are read: the data, or that of a list, or where an archive is unpacked."""
    if job.data.is_dir():
        return job.data
    from tlpipe.data.archive import is_archive
    from tlpipe.storage import cache

    return cache.folder() if is_archive(job.data) else job.reading.images or job.data.absolute().parent


def check_out(job: TrainingJob, out: Path) -> None:
    """Raise what can be refused before an image is read."""
    from tlpipe.training import checks

    _check_outside(job.data.resolve(), out)
    atomic.refuse_existing(out, overwrite=job.overwrite, marker=RUN_FILE)
    checks.check(job.training, crop_auto=job.crop_auto)
    checks.note_size(job.training)


def loaded(job: TrainingJob) -> "Dataset":
    """The images of the job. Raise the errors of ``loading.load``."""
    from tlpipe.data import loading

    with kept("Nothing was written."):
        return loading.load(
            job.data,
            validation_fraction=job.validation_fraction,
            test_fraction=job.test_fraction,
            seed=job.training.seed,
            reading=job.reading,
        )


def train_on(job: TrainingJob, dataset: "Dataset", out: Path, resume: Resume, *, callbacks: Callbacks) -> Run:
    """Train on the images of the job. Raise the errors of ``stages.train``."""
    from tlpipe.training import stages

    return stages.train(
        dataset,
        out,
        job.training,
        crop_auto=job.crop_auto,
        strict=job.strict,
        overwrite=job.overwrite,
        resume=resume,
        callbacks=callbacks,
    )


def _check_outside(data: Path, out: Path) -> None:
    if data.is_dir() and out.resolve().is_relative_to(data.resolve()):
        raise WrongUsage(
            "the output folder is inside the image folder, so it would be read as a class",
            "Name another --out.",
            where=out,
        )


def name_of(data: Path) -> str:
    """The name of the run for this data."""
    data = data.resolve()
    return data.stem.removesuffix(".tar") if data.is_file() else data.name


def adopt(job: AdoptJob, *, out: Path | None = None, overwrite: bool = False) -> Run:
    """Make a run of a model that was trained elsewhere, in runs/MODEL if ``out`` is None.

    Raise the errors of ``adopting.stage.adopt``.
    """
    from tlpipe.data import listing

    out = out or free(RUNS / job.model.stem, overwrite=overwrite)
    if not job.labels.exists():
        raise MissingInput("no such labels file", "Name a text file with one label per line.", where=job.labels)
    listing.check(job.data.absolute(), job.reading)
    _check_outside(job.data, out)
    from tlpipe.adopting import stage

    return stage.adopt(job, out, overwrite=overwrite)


def export(
    run: Run,
    formats: Sequence[str],
    *,
    out: Path | None = None,
    limits: Limits = NO_LIMITS,
    overwrite: bool = False,
    resume: Resume = RESUME,
) -> Bundle:
    """Export a run in these number formats, to a folder below ``EXPORTED`` if ``out`` is None; ``limits`` are as in
    ``assemble.export``.

    Raise WrongUsage if a format is unknown or the folder exists, and the errors of ``assemble.export``.
    """
    chosen = recipes.parse(formats)
    if limits and not any(recipe.calibrated for recipe in chosen):
        raise WrongUsage("the limits are for int8 alone", "Add --quantize int8, or leave the limits out.")
    key = unfinished.export_key(run, [recipe.name for recipe in chosen], limits, resume)
    out = out or unfinished.chosen(EXPORTED / run.path.name, key, overwrite=overwrite)
    atomic.refuse_existing(out, overwrite=overwrite, marker=MANIFEST)
    run_folder.check(run.best_stage)
    run_folder.verify(run.best_stage)
    from tlpipe.exporting import assemble

    return assemble.export(run, chosen, out, limits=limits, overwrite=overwrite, resume=resume)
