"""The steps as functions, in their order: train, fine-tune, export, evaluate, benchmark, report.

Nothing is printed to stdout. TensorFlow is imported when a step needs it, so usage and data errors are reported before
the slow import.
"""

import html
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tlpipe.adopting.job import AdoptJob
from tlpipe.benchmark.timed import Timed
from tlpipe.conversion import recipes
from tlpipe.data.reading import FROM_DATA, Reading
from tlpipe.runs import run_folder
from tlpipe.runs.config import Training
from tlpipe.runs.places import EXPORTED, REPORTS, RUNS, free, unused
from tlpipe.runs.plan import Step, about, steps
from tlpipe.runs.run_folder import RUN_FILE, Run
from tlpipe.storage import atomic
from tlpipe_edge.console import progress, shell
from tlpipe_edge.console.interrupted import kept
from tlpipe_edge.contract import kinds
from tlpipe_edge.contract.benchmark import Bench, to_json
from tlpipe_edge.contract.bundle import MANIFEST, Bundle
from tlpipe_edge.contract.evaluation import Evaluation
from tlpipe_edge.errors import MissingInput, WrongUsage
from tlpipe_edge.machine.device import cores

if TYPE_CHECKING:
    import keras

    from tlpipe.data.dataset import Dataset
    from tlpipe.reporting.document import Report

Callbacks = Sequence["keras.callbacks.Callback"]

BENCH = "bench.json"
"""The benchmark of a run, in its folder."""


@dataclass(frozen=True)
class TrainingJob:
    """The input of the frozen stage: ``data`` as ``loading.load`` takes it; ``out`` is runs/DATA if None.

    With ``crop_auto``, validation selects the crop. ``validation_fraction`` and ``test_fraction`` (0 to below 0.9) are
    the shares of train that are held out for missing splits. ``reading`` says how ``data`` is read.
    """

    data: Path
    training: Training
    out: Path | None = None
    crop_auto: bool = False
    validation_fraction: float = 0.1
    test_fraction: float = 0.1
    strict: bool = False
    overwrite: bool = False
    reading: Reading = FROM_DATA


@dataclass(frozen=True)
class Measured:
    """An exported run with the results of ``evaluate`` and ``bench``; ``bench`` is None if nothing was timed."""

    run: Run
    bundle: Bundle
    evaluation: Evaluation
    bench: Bench | None


@dataclass(frozen=True)
class Reported:
    """A report, the folder that it was written to, and its measurements."""

    report: "Report"
    folder: Path
    measured: Measured

    def _repr_html_(self) -> str:
        """The verdict, the path of the page, and the measurements, for a notebook."""
        page = html.escape(str(self.folder / "report.html"))
        evaluated = self.measured.evaluation._repr_html_()
        timed = "" if self.measured.bench is None else self.measured.bench._repr_html_()
        return f"{self.report._repr_html_()}<p>{page}</p>{evaluated}{timed}"


def train(job: TrainingJob, *, callbacks: Callbacks = ()) -> Run:
    """The frozen stage; ``callbacks`` are as in ``stages.train``.

    Raise WrongUsage if ``out`` cannot be used, and the errors of ``loading.load`` and ``stages.train``.
    """
    dataset, out = _prepared(job)
    return _train(job, dataset, out, callbacks=callbacks)


def _prepared(job: TrainingJob) -> "tuple[Dataset, Path]":
    """The images of the job, and the folder of the run. Raise the errors of ``train`` that need no TensorFlow."""
    out = _checked_out(job)
    from tlpipe.data import loading

    with kept("Nothing was written."):
        return loading.load(
            job.data,
            validation_fraction=job.validation_fraction,
            test_fraction=job.test_fraction,
            seed=job.training.seed,
            reading=job.reading,
        ), out


def _train(job: TrainingJob, dataset: "Dataset", out: Path, *, callbacks: Callbacks) -> Run:
    from tlpipe.training import stages

    return stages.train(
        dataset,
        out,
        job.training,
        crop_auto=job.crop_auto,
        strict=job.strict,
        overwrite=job.overwrite,
        callbacks=callbacks,
    )


def _checked_out(job: TrainingJob) -> Path:
    """The run folder to write. Raise what can be refused before an image is read."""
    from tlpipe.data import listing
    from tlpipe.training import checks

    data = job.data.resolve()
    listing.check(job.data.absolute(), job.reading)
    out = job.out or free(RUNS / _name(data), overwrite=job.overwrite)
    _check_outside(data, out)
    atomic.refuse_existing(out, overwrite=job.overwrite, marker=RUN_FILE)
    checks.check(job.training, crop_auto=job.crop_auto)
    checks.note_size(job.training)
    return out


def _check_outside(data: Path, out: Path) -> None:
    if data.is_dir() and out.resolve().is_relative_to(data.resolve()):
        raise WrongUsage(
            "the output folder is inside the image folder, so it would be read as a class",
            "Name another --out.",
            where=out,
        )


def _name(data: Path) -> str:
    """The name of the run for this data."""
    data = data.resolve()
    return data.stem.removesuffix(".tar") if data.is_file() else data.name


def _check_later_folders(name: str, *, overwrite: bool) -> None:
    """Raise what the export and the report of a run of this name would raise about their folders."""
    for parent, marker in ((EXPORTED, MANIFEST), (REPORTS, kinds.REPORT.marker)):
        usual = parent / name
        atomic.refuse_existing(usual if overwrite else unused(usual), overwrite=overwrite, marker=marker)


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


def export(run: Run, formats: Sequence[str], *, out: Path | None = None, overwrite: bool = False) -> Bundle:
    """Export a run in these number formats, to a folder below ``EXPORTED`` if ``out`` is None.

    Raise WrongUsage if a format is unknown or the folder exists, and the errors of ``assemble.export``.
    """
    chosen = recipes.parse(formats)
    out = out or free(EXPORTED / run.path.name, overwrite=overwrite)
    atomic.refuse_existing(out, overwrite=overwrite, marker=MANIFEST)
    run_folder.check(run.best_stage)
    from tlpipe.exporting import assemble

    return assemble.export(run, chosen, out, overwrite=overwrite)


def run(
    job: TrainingJob,
    *,
    command: str,
    timed: Timed = Timed.RECOMMENDED,
    show: Callable[[Measured], None] = lambda _: None,
    callbacks: Callbacks = (),
) -> Reported:
    """Run all steps. ``show`` is called with the measurements before the report is written.

    The benchmark measures the ``timed`` files by the full rules, and states ``command`` as the command that started
    it. Both training stages get the ``callbacks``. Raise the errors of the steps.
    """
    start = time.perf_counter()
    from tlpipe.training import checks

    checks.check_top_layers(job.training, job.training.finetuning)
    usual = job.out or free(RUNS / _name(job.data), overwrite=job.overwrite)
    _check_later_folders(usual.absolute().name, overwrite=job.overwrite)
    dataset, out = _prepared(replace(job, out=usual))
    headings = _headings(_plan(job, dataset, timed))
    next(headings)
    tuned = _both_stages(job, dataset, out, headings, callbacks)
    next(headings)
    formats = " ".join(f"--quantize {name}" for name in recipes.RECIPES)
    done = f"{shell.word(tuned.path)} has both training stages."
    with kept(f"{done} To continue: {shell.program('tlpipe')} export {shell.word(tuned.path)} {formats}"):
        bundle = export(tuned, tuple(recipes.RECIPES), overwrite=job.overwrite)
    here = shell.word(bundle.path)
    with kept(f"The bundle is {here}. To continue: {shell.program('tlpipe')} evaluate {here}"):
        measured = _measured(tuned, bundle, headings, start, command=command, timed=timed)
        show(measured)
        next(headings)
        folder = free(REPORTS / bundle.path.name, overwrite=job.overwrite)
        benches = [] if measured.bench is None else [measured.bench]
        from tlpipe.reporting import publish

        report = publish.of_run(bundle, benches, folder, overwrite=job.overwrite)
    progress.say(f"done in {about(time.perf_counter() - start)}")
    return Reported(report, folder, measured)


def demo(*, command: str, timed: Timed = Timed.RECOMMENDED, show: Callable[[Measured], None]) -> Reported:
    """Run all steps on the embedded digits and backbone, with the settings of ``digits``."""
    from tlpipe.demo import digits

    out = free(RUNS / "demo", overwrite=False)
    atomic.refuse_existing(out, overwrite=False, marker=RUN_FILE)
    _check_later_folders(out.name, overwrite=False)
    images = digits.write_images(RUNS / "demo-images")
    job = TrainingJob(images, digits.TRAINING, out, test_fraction=digits.TEST_FRACTION)
    return run(job, command=command, timed=timed, show=show)


def _plan(job: TrainingJob, dataset: "Dataset", timed: Timed) -> list[Step]:
    """The steps of ``run``, which are printed."""
    formats = tuple(recipes.RECIPES)
    files = {Timed.NONE: 0, Timed.RECOMMENDED: 1, Timed.ALL: len(formats)}[timed]
    images = {split: len(examples) for split, examples in dataset.splits.items()}
    planned = steps(job.training, images, formats=formats, timed=files, cores=cores())
    for number, step in enumerate(planned, 1):
        progress.say(f"{number}  {step.title}, about {about(step.seconds)}")
    progress.say(f"about {about(sum(step.seconds for step in planned))} in all, if nothing is in the cache")
    return planned


def _headings(planned: Sequence[Step]) -> Iterator[None]:
    """Print the next heading with each ``next``."""
    for number, step in enumerate(planned, 1):
        progress.heading(f"{number} of {len(planned)}  {step.title}")
        yield


def _both_stages(
    job: TrainingJob, dataset: "Dataset", out: Path, headings: Iterator[None], callbacks: Callbacks
) -> Run:
    frozen = _train(job, dataset, out, callbacks=callbacks)
    from tlpipe.training import stages

    next(headings)
    here = shell.word(frozen.path)
    with kept(f"{here} has the first training stage. To continue: {shell.program('tlpipe')} finetune {here}"):
        return stages.finetune(frozen, job.training.finetuning, callbacks=callbacks)


def _measured(
    tuned: Run, bundle: Bundle, headings: Iterator[None], start: float, *, command: str, timed: Timed
) -> Measured:
    """Evaluate and benchmark an exported run; ``start`` is that of all steps."""
    from tlpipe.benchmark import measure
    from tlpipe.evaluation import evaluate
    from tlpipe.reporting.derive import groups
    from tlpipe_edge.bench.target import BenchOptions

    next(headings)
    evaluation = evaluate.evaluate(bundle)
    if timed is Timed.NONE:
        return Measured(tuned, bundle, evaluation, None)
    next(headings)
    before = time.perf_counter()
    if timed is Timed.ALL:
        bench = measure.bench(bundle, BenchOptions(), command=command)
    else:
        chosen = groups.recommended(bundle, evaluation)
        bench = measure.bench(bundle, BenchOptions((chosen,)), command=command, keras_calls=("compiled",))
    now = time.perf_counter()
    share = (now - before) / (now - start)
    progress.say(f"the benchmark took {now - before:.0f} s of {now - start:.0f} s, {100 * share:.0f} %")
    atomic.write_text(tuned.path / BENCH, to_json([bench]) + "\n")
    return Measured(tuned, bundle, evaluation, bench)
