"""The whole job as functions, in the order of its stages: train, fine-tune, export, evaluate, measure, report.

Nothing goes to stdout, and TensorFlow is imported when a stage needs it: errors of usage and of data come before.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tlpipe.runs.config import Config
from tlpipe.runs.places import EXPORTED, REPORTS, RUNS, unused
from tlpipe.runs.run_folder import RUN_FILE, Run
from tlpipe.storage import atomic
from tlpipe.training import defaults
from tlpipe_edge.console import progress
from tlpipe_edge.contract.bundle import MANIFEST, Bundle
from tlpipe_edge.contract.manifest import RECIPES
from tlpipe_edge.errors import WrongUsage

if TYPE_CHECKING:
    from tlpipe.report.document import Report


@dataclass(frozen=True)
class TrainingJob:
    """What the frozen stage is to do: ``data`` as ``dataset.load`` takes it, ``out`` None for a folder named after it.

    With ``crop_auto`` validation chooses the crop. The fractions (0..0.9) of train become the splits that are missing.
    """

    data: Path
    config: Config
    out: Path | None = None
    crop_auto: bool = False
    validation_fraction: float = 0.1
    test_fraction: float = 0.1
    strict: bool = False
    overwrite: bool = False


@dataclass(frozen=True)
class Measured:
    """An exported run with the documents of ``evaluate`` and ``bench``."""

    run: Run
    bundle: Bundle
    evaluation: dict[str, Any]
    bench: dict[str, Any]


@dataclass(frozen=True)
class Reported:
    """A report and the folder that it was written to."""

    report: "Report"
    folder: Path


def train(job: TrainingJob) -> Run:
    """The frozen stage. Raises WrongUsage for an unfit place, and as ``dataset.load`` and ``stages.train``."""
    from tlpipe.data import dataset

    data = job.data.resolve()
    usual = RUNS / (data.stem if data.is_file() else data.name)
    out = job.out or (usual if job.overwrite else unused(usual))
    if data.is_dir() and out.resolve().is_relative_to(data):
        raise WrongUsage(f"{out}: inside the photographs, where it would be taken for a class", "Name another --out.")
    atomic.refuse_existing(out, overwrite=job.overwrite, marker=RUN_FILE)
    examples = dataset.load(
        job.data,
        validation_fraction=job.validation_fraction,
        test_fraction=job.test_fraction,
        seed=job.config.seed,
    )
    from tlpipe.training import stages

    return stages.train(examples, out, job.config, crop_auto=job.crop_auto, strict=job.strict, overwrite=job.overwrite)


def export(run: Run, formats: Sequence[str], *, out: Path | None = None, overwrite: bool = False) -> Bundle:
    """The bundle of a run in these number formats, below ``EXPORTED`` where ``out`` is None.

    Raises WrongUsage for an unknown format or a place that exists, and as ``assemble.export`` does.
    """
    from tlpipe.conversion import recipes

    chosen = recipes.parse(formats)
    usual = EXPORTED / run.path.name
    out = out or (usual if overwrite else unused(usual))
    atomic.refuse_existing(out, overwrite=overwrite, marker=MANIFEST)
    if out != usual and usual.exists():
        progress.say(f"{usual} exists: writing {out}")
    from tlpipe.export import assemble

    return assemble.export(run, chosen, out, overwrite=overwrite)


def run(job: TrainingJob, *, command: str, show: Callable[[Measured], None]) -> Reported:
    """All stages with the usual fine-tuning. ``show`` is given what was measured before the report is written.

    ``command`` is what the benchmark says it was started by. Raises what the stages raise.
    """
    frozen = train(job)
    from tlpipe.training import stages

    tuned = stages.finetune(
        frozen, top_layers=defaults.TOP_LAYERS, epochs=defaults.EPOCHS, learning_rate=defaults.LEARNING_RATE
    )
    return _finish(tuned, command=command, show=show, overwrite=job.overwrite)


def demo(*, command: str, show: Callable[[Measured], None]) -> Reported:
    """The same on the embedded digits and backbone, with the settings of ``digits``."""
    from tlpipe.data import dataset
    from tlpipe.demo import digits

    examples = dataset.load(digits.write_images(RUNS / "demo-images"), test_fraction=digits.TEST_FRACTION)
    from tlpipe.training import stages

    frozen = stages.train(examples, unused(RUNS / "demo"), digits.CONFIG)
    tuned = stages.finetune(
        frozen, top_layers=defaults.TOP_LAYERS, epochs=digits.EPOCHS, learning_rate=digits.LEARNING_RATE
    )
    return _finish(tuned, command=command, show=show, overwrite=False)


def _finish(tuned: Run, *, command: str, show: Callable[[Measured], None], overwrite: bool) -> Reported:
    """Export a trained run in every number format, evaluate and measure it, and report on it."""
    from tlpipe.benchmark import measure
    from tlpipe.evaluation import evaluate
    from tlpipe.report import publish
    from tlpipe_edge.bench.run import to_json
    from tlpipe_edge.bench.target import BenchOptions

    bundle = export(tuned, RECIPES, overwrite=overwrite)
    evaluation = evaluate.evaluate(bundle)
    document = measure.bench(bundle, BenchOptions(), command=command)
    atomic.write_text(tuned.path / "bench.json", to_json(document) + "\n")
    show(Measured(tuned, bundle, evaluation, document))
    usual = REPORTS / bundle.path.name
    folder = usual if overwrite else unused(usual)
    return Reported(publish.of_run(bundle, [document], folder, overwrite=overwrite), folder)
