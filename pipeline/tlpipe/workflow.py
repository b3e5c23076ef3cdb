"""The steps as functions, in their order: train, fine-tune, export, evaluate, benchmark, report.

Nothing is printed to stdout. TensorFlow is imported when a step needs it, so usage and data errors are reported before
the slow import.
"""

import html
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tlpipe.conversion import recipes
from tlpipe.runs.config import Training
from tlpipe.runs.places import EXPORTED, REPORTS, RUNS, unused
from tlpipe.runs.run_folder import RUN_FILE, Run
from tlpipe.storage import atomic
from tlpipe_edge.console import progress
from tlpipe_edge.contract.benchmark import Bench, to_json
from tlpipe_edge.contract.bundle import MANIFEST, Bundle
from tlpipe_edge.contract.evaluation import Evaluation
from tlpipe_edge.errors import WrongUsage

if TYPE_CHECKING:
    import keras

    from tlpipe.reporting.document import Report


@dataclass(frozen=True)
class TrainingJob:
    """The input of the frozen stage: ``data`` as ``dataset.load`` takes it; ``out`` is runs/DATA if None.

    With ``crop_auto``, validation selects the crop. ``validation_fraction`` and ``test_fraction`` (0 to below 0.9) are
    the shares of train that are held out for missing splits.
    """

    data: Path
    training: Training
    out: Path | None = None
    crop_auto: bool = False
    validation_fraction: float = 0.1
    test_fraction: float = 0.1
    strict: bool = False
    overwrite: bool = False


@dataclass(frozen=True)
class Measured:
    """An exported run with the results of ``evaluate`` and ``bench``."""

    run: Run
    bundle: Bundle
    evaluation: Evaluation
    bench: Bench


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
        return f"{self.report._repr_html_()}<p>{page}</p>{evaluated}{self.measured.bench._repr_html_()}"


def train(job: TrainingJob, *, callbacks: Sequence["keras.callbacks.Callback"] = ()) -> Run:
    """The frozen stage; ``callbacks`` are as in ``stages.train``.

    Raise WrongUsage if ``out`` cannot be used, and the errors of ``dataset.load`` and ``stages.train``.
    """
    from tlpipe.data import dataset

    data = job.data.resolve()
    usual = RUNS / (data.stem if data.is_file() else data.name)
    out = job.out or (usual if job.overwrite else unused(usual))
    if data.is_dir() and out.resolve().is_relative_to(data):
        raise WrongUsage(
            "the output folder is inside the image folder, so it would be read as a class",
            "Name another --out.",
            where=out,
        )
    atomic.refuse_existing(out, overwrite=job.overwrite, marker=RUN_FILE)
    loaded = dataset.load(
        job.data,
        validation_fraction=job.validation_fraction,
        test_fraction=job.test_fraction,
        seed=job.training.seed,
    )
    from tlpipe.training import stages

    return stages.train(
        loaded,
        out,
        job.training,
        crop_auto=job.crop_auto,
        strict=job.strict,
        overwrite=job.overwrite,
        callbacks=callbacks,
    )


def export(run: Run, formats: Sequence[str], *, out: Path | None = None, overwrite: bool = False) -> Bundle:
    """Export a run in these number formats, to a folder below ``EXPORTED`` if ``out`` is None.

    Raise WrongUsage if a format is unknown or the folder exists, and the errors of ``assemble.export``.
    """
    chosen = recipes.parse(formats)
    usual = EXPORTED / run.path.name
    out = out or (usual if overwrite else unused(usual))
    atomic.refuse_existing(out, overwrite=overwrite, marker=MANIFEST)
    if out != usual and usual.exists():
        progress.say(f"{usual} exists: writing to {out}")
    from tlpipe.exporting import assemble

    return assemble.export(run, chosen, out, overwrite=overwrite)


def run(
    job: TrainingJob,
    *,
    command: str,
    show: Callable[[Measured], None] = lambda _: None,
    callbacks: Sequence["keras.callbacks.Callback"] = (),
) -> Reported:
    """Run all steps. ``show`` is called with the measurements before the report is written.

    The benchmark states ``command`` as the command that started it. Both training stages get the ``callbacks``. Raise
    the errors of the steps.
    """
    frozen = train(job, callbacks=callbacks)
    from tlpipe.training import stages

    tuned = stages.finetune(frozen, job.training.finetuning, callbacks=callbacks)
    return _finish(tuned, command=command, show=show, overwrite=job.overwrite)


def demo(*, command: str, show: Callable[[Measured], None]) -> Reported:
    """Run all steps on the embedded digits and backbone, with the settings of ``digits``."""
    from tlpipe.data import dataset
    from tlpipe.demo import digits

    loaded = dataset.load(digits.write_images(RUNS / "demo-images"), test_fraction=digits.TEST_FRACTION)
    from tlpipe.training import stages

    frozen = stages.train(loaded, unused(RUNS / "demo"), digits.TRAINING)
    tuned = stages.finetune(frozen, digits.TRAINING.finetuning)
    return _finish(tuned, command=command, show=show, overwrite=False)


def _finish(tuned: Run, *, command: str, show: Callable[[Measured], None], overwrite: bool) -> Reported:
    """Export a trained run in every number format, evaluate, benchmark and report."""
    from tlpipe.benchmark import measure
    from tlpipe.evaluation import evaluate
    from tlpipe.reporting import publish
    from tlpipe_edge.bench.target import BenchOptions

    bundle = export(tuned, tuple(recipes.RECIPES), overwrite=overwrite)
    evaluation = evaluate.evaluate(bundle)
    bench = measure.bench(bundle, BenchOptions(), command=command)
    atomic.write_text(tuned.path / "bench.json", to_json([bench]) + "\n")
    measured = Measured(tuned, bundle, evaluation, bench)
    show(measured)
    usual = REPORTS / bundle.path.name
    folder = usual if overwrite else unused(usual)
    return Reported(publish.of_run(bundle, [bench], folder, overwrite=overwrite), folder, measured)
