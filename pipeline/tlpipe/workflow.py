"""The whole job as functions, in the order of its stages: train, fine-tune, export, evaluate, measure, report.

Nothing goes to stdout, and TensorFlow is imported when a stage needs it: errors of usage and of data come before.
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
    """What the frozen stage is to do: ``data`` as ``dataset.load`` takes it, ``out`` None for a folder named after it.

    With ``crop_auto`` validation chooses the crop. The fractions (0..0.9) of train become the splits that are missing.
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
    """An exported run with what ``evaluate`` and ``bench`` found."""

    run: Run
    bundle: Bundle
    evaluation: Evaluation
    bench: Bench


@dataclass(frozen=True)
class Reported:
    """A report, the folder that it was written to, and what it is about."""

    report: "Report"
    folder: Path
    measured: Measured

    def _repr_html_(self) -> str:
        """The verdict, where the page is, and what it rests on, for a notebook."""
        page = html.escape(str(self.folder / "report.html"))
        evaluated = self.measured.evaluation._repr_html_()
        return f"{self.report._repr_html_()}<p>{page}</p>{evaluated}{self.measured.bench._repr_html_()}"


def train(job: TrainingJob, *, callbacks: Sequence["keras.callbacks.Callback"] = ()) -> Run:
    """The frozen stage, with Keras's ``callbacks`` as ``stages.train`` takes them.

    Raises WrongUsage for an unfit place, and as ``dataset.load`` and ``stages.train``.
    """
    from tlpipe.data import dataset

    data = job.data.resolve()
    usual = RUNS / (data.stem if data.is_file() else data.name)
    out = job.out or (usual if job.overwrite else unused(usual))
    if data.is_dir() and out.resolve().is_relative_to(data):
        raise WrongUsage(
            "inside the photographs, where it would be taken for a class", "Name another --out.", where=out
        )
    atomic.refuse_existing(out, overwrite=job.overwrite, marker=RUN_FILE)
    examples = dataset.load(
        job.data,
        validation_fraction=job.validation_fraction,
        test_fraction=job.test_fraction,
        seed=job.training.seed,
    )
    from tlpipe.training import stages

    return stages.train(
        examples,
        out,
        job.training,
        crop_auto=job.crop_auto,
        strict=job.strict,
        overwrite=job.overwrite,
        callbacks=callbacks,
    )


def export(run: Run, formats: Sequence[str], *, out: Path | None = None, overwrite: bool = False) -> Bundle:
    """The bundle of a run in these number formats, below ``EXPORTED`` where ``out`` is None.

    Raises WrongUsage for an unknown format or a place that exists, and as ``assemble.export`` does.
    """
    chosen = recipes.parse(formats)
    usual = EXPORTED / run.path.name
    out = out or (usual if overwrite else unused(usual))
    atomic.refuse_existing(out, overwrite=overwrite, marker=MANIFEST)
    if out != usual and usual.exists():
        progress.say(f"{usual} exists: writing {out}")
    from tlpipe.exporting import assemble

    return assemble.export(run, chosen, out, overwrite=overwrite)


def run(
    job: TrainingJob,
    *,
    command: str,
    show: Callable[[Measured], None] = lambda _: None,
    callbacks: Sequence["keras.callbacks.Callback"] = (),
) -> Reported:
    """All stages. ``show`` is given what was measured before the report is written.

    ``command`` is what the benchmark says it was started by; both stages that train take the ``callbacks``. Raises what
    the stages raise.
    """
    frozen = train(job, callbacks=callbacks)
    from tlpipe.training import stages

    tuned = stages.finetune(frozen, job.training.finetuning, callbacks=callbacks)
    return _finish(tuned, command=command, show=show, overwrite=job.overwrite)


def demo(*, command: str, show: Callable[[Measured], None]) -> Reported:
    """The same on the embedded digits and backbone, with the settings of ``digits``."""
    from tlpipe.data import dataset
    from tlpipe.demo import digits

    examples = dataset.load(digits.write_images(RUNS / "demo-images"), test_fraction=digits.TEST_FRACTION)
    from tlpipe.training import stages

    frozen = stages.train(examples, unused(RUNS / "demo"), digits.TRAINING)
    tuned = stages.finetune(frozen, digits.TRAINING.finetuning)
    return _finish(tuned, command=command, show=show, overwrite=False)


def _finish(tuned: Run, *, command: str, show: Callable[[Measured], None], overwrite: bool) -> Reported:
    """Export a trained run in every number format, evaluate and measure it, and report on it."""
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
