"""All steps, in their order: train, fine-tune, export, evaluate, benchmark, report. What was stopped is continued.

Nothing is printed to stdout. TensorFlow is imported when a step needs it.
"""

import html
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tlpipe import workflow
from tlpipe.benchmark.timed import Timed
from tlpipe.conversion import recipes
from tlpipe.reporting.about import NOTHING_SAID, About
from tlpipe.runs import run_folder, unfinished
from tlpipe.runs.places import EXPORTED, REPORTS, RUNS, free, unused
from tlpipe.runs.plan import about, steps
from tlpipe.runs.run_folder import RUN_FILE, Run
from tlpipe.runs.steps import BENCH as BENCHMARK
from tlpipe.runs.steps import EVALUATE, EXPORT, FINETUNE, REPORT, TRAIN, Steps
from tlpipe.storage import atomic, checkpoint, locks
from tlpipe.storage.checkpoint import Checkpoint
from tlpipe.workflow import Callbacks, TrainingJob
from tlpipe_edge.console import progress
from tlpipe_edge.console.interrupted import kept
from tlpipe_edge.contract import kinds
from tlpipe_edge.contract.benchmark import Bench, benches, to_json
from tlpipe_edge.contract.bundle import EVALUATION, MANIFEST, Bundle
from tlpipe_edge.contract.evaluation import Evaluation
from tlpipe_edge.contract.evaluation import evaluation as read_evaluation
from tlpipe_edge.contract.files import load_json, sha256_of
from tlpipe_edge.errors import Busy
from tlpipe_edge.machine.device import cores

if TYPE_CHECKING:
    from tlpipe.data.dataset import Dataset
    from tlpipe.reporting.document import Report

BENCH = "bench.json"
"""The benchmark of a run, in its folder."""
BUNDLE = "bundle"
"""The name of the folder of the bundle in ``Steps``."""


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


def run(
    job: TrainingJob,
    *,
    command: str,
    timed: Timed = Timed.RECOMMENDED,
    show: Callable[[Measured], None] = lambda _: None,
    callbacks: Callbacks = (),
    name: str | None = None,
    about: About = NOTHING_SAID,
) -> Reported:
    """Run all steps. ``show`` is called with the measurements before the report is written.

    The benchmark measures the ``timed`` files by the full rules, and states ``command`` as the command that started
    it. Both training stages get the ``callbacks``. The usual ``name`` of the run is that of the data, and ``about`` is
    the head of the report. If the same
    command was stopped, it is continued: steps that are done are not repeated. Raise the errors of the steps.
    """
    from tlpipe.training import checks

    checks.check_top_layers(job.training, job.training.finetuning)
    workflow.check_data(job)
    job, saved = _placed(job, RUNS / (name or workflow.name_of(job.data)), timed)
    out = saved.target
    _check_later_folders(out.absolute().name, overwrite=job.overwrite)
    workflow.check_out(replace(job, overwrite=True) if _is_own(saved) else job, out)
    dataset = workflow.loaded(job)
    out.absolute().parent.mkdir(parents=True, exist_ok=True)
    with _alone(saved):
        done = Steps(saved)
        done.open(_basis(job, dataset), _files(out, done), restart=job.restart)
        with kept(done.outlook):
            every = _AllSteps(job, dataset, out, done, callbacks, about)
            reported = every.run(command=command, timed=timed, show=show)
        saved.delete()
    return reported


def _placed(job: TrainingJob, usual: Path, timed: Timed) -> tuple[TrainingJob, Checkpoint]:
    """The job, and the checkpoint of the command, whose target is the run folder."""
    key = checkpoint.key("run", {"training": job.key(), "timed": timed})
    out = job.out or unfinished.chosen(
        usual,
        key,
        job.key(within=key),
        overwrite=job.overwrite,
        is_own=lambda target: _is_own(Checkpoint(target, key)),
    )
    return replace(job, out=out), Checkpoint(out, key)


def _is_own(saved: Checkpoint) -> bool:
    """Whether the run folder that is there is one that the unfinished command has made."""
    return Steps(saved).is_own(TRAIN, saved.target / run_folder.FROZEN / run_folder.MODEL)


@contextmanager
def _alone(saved: Checkpoint) -> Iterator[None]:
    """The only process that continues this command: each step locks what it writes, and none of them all."""
    try:
        with locks.locked(saved.folder):
            yield
    except Busy as busy:
        raise busy.at(saved.target if busy.where == str(saved.folder) else busy.where) from busy


def _basis(job: TrainingJob, dataset: "Dataset") -> dict[str, str]:
    file = Path(job.training.weights)
    weights = sha256_of(file) if file.is_file() else job.training.weights
    return unfinished.basis(images=dataset.sha256(), weights=weights)


def _files(out: Path, done: Steps) -> dict[str, Path | None]:
    """The main file of the result of each step."""
    bundle = done.folders.get(BUNDLE)
    return {
        TRAIN: out / run_folder.FROZEN / run_folder.MODEL,
        FINETUNE: out / run_folder.FINETUNED / run_folder.MODEL,
        EXPORT: bundle and bundle / MANIFEST,
        EVALUATE: bundle and bundle / EVALUATION,
        BENCHMARK: out / BENCH,
    }


def demo(
    *,
    command: str,
    timed: Timed = Timed.RECOMMENDED,
    restart: bool = False,
    show: Callable[[Measured], None],
) -> Reported:
    """Run all steps on the embedded digits and backbone, with the settings of ``digits``."""
    from tlpipe.demo import digits

    _check_later_folders("demo", overwrite=False)
    atomic.refuse_existing(unused(RUNS / "demo"), overwrite=False, marker=RUN_FILE)
    images = digits.write_images(RUNS / "demo-images")
    job = TrainingJob(images, digits.TRAINING, test_fraction=digits.TEST_FRACTION, restart=restart)
    return run(job, command=command, timed=timed, show=show, name="demo")


def _check_later_folders(name: str, *, overwrite: bool) -> None:
    """Raise what the export and the report of a run of this name would raise about their folders."""
    for parent, marker in ((EXPORTED, MANIFEST), (REPORTS, kinds.REPORT.marker)):
        usual = parent / name
        atomic.refuse_existing(usual if overwrite else unused(usual), overwrite=overwrite, marker=marker)


class _AllSteps:
    """The steps of ``run``, one after the other; those that are ``done`` are read from their folders."""

    def __init__(
        self, job: TrainingJob, dataset: "Dataset", out: Path, done: Steps, callbacks: Callbacks, about: About
    ) -> None:
        self.job, self.dataset, self.out, self.done, self.callbacks = job, dataset, out, done, callbacks
        self.about = about
        self.start = time.perf_counter()

    def run(self, *, command: str, timed: Timed, show: Callable[[Measured], None]) -> Reported:
        headings = self._headings(timed)
        next(headings)
        self._train()
        next(headings)
        tuned = self._finetune()
        next(headings)
        bundle = self._export(tuned)
        next(headings)
        evaluation = self._evaluate(bundle)
        bench = None
        if timed is not Timed.NONE:
            next(headings)
            bench = self._bench(tuned, bundle, evaluation, command=command, timed=timed)
        measured = Measured(tuned, bundle, evaluation, bench)
        show(measured)
        next(headings)
        report, folder = self._report(bundle, [] if bench is None else [bench])
        progress.say(f"done in {about(time.perf_counter() - self.start)}")
        return Reported(report, folder, measured)

    def _headings(self, timed: Timed) -> Iterator[None]:
        """Print the plan, and then the next heading with each ``next``."""
        formats = tuple(recipes.RECIPES)
        files = {Timed.NONE: 0, Timed.RECOMMENDED: 1, Timed.ALL: len(formats)}[timed]
        images = {split: len(examples) for split, examples in self.dataset.splits.items()}
        planned = steps(self.job.training, images, formats=formats, timed=files, cores=cores())
        done = len(self.done.done)
        for number, step in enumerate(planned, 1):
            progress.say(f"{number}  {step.title}, {'done' if number <= done else f'about {about(step.seconds)}'}")
        left = sum(step.seconds for step in planned[done:])
        progress.say(f"about {about(left)} in all, if nothing is in the cache")
        if done:
            progress.say(f"continuing the unfinished {self.out} with step {done + 1}; --restart begins anew")
        for number, step in enumerate(planned, 1):
            progress.heading(f"{number} of {len(planned)}  {step.title}{', done before' * (number <= done)}")
            yield

    def _train(self) -> None:
        file = self.out / run_folder.FROZEN / run_folder.MODEL
        if not self.done.is_done(TRAIN):
            own = self.done.is_own(TRAIN, file)
            job = replace(self.job, overwrite=self.job.overwrite or own)
            workflow.train_on(job, self.dataset, self.out, self.done.begin(TRAIN), callbacks=self.callbacks)
            self.done.end(TRAIN, file)

    def _finetune(self) -> Run:
        file = self.out / run_folder.FINETUNED / run_folder.MODEL
        run = Run.open(self.out)
        if self.done.is_done(FINETUNE):
            return run
        overwrite = self.job.overwrite or self.done.is_own(FINETUNE, file)
        from tlpipe.training import stages

        resume, tuning = self.done.begin(FINETUNE), self.job.training.finetuning
        run = stages.finetune(run, tuning, overwrite=overwrite, resume=resume, callbacks=self.callbacks)
        self.done.end(FINETUNE, file)
        return run

    def _export(self, tuned: Run) -> Bundle:
        usual, overwrite = EXPORTED / tuned.path.name, self.job.overwrite
        folder = self.done.folder(BUNDLE, MANIFEST, EXPORT, lambda: free(usual, overwrite=overwrite))
        if self.done.is_done(EXPORT):
            return Bundle.open(folder)
        own = self.done.is_own(EXPORT, folder / MANIFEST)
        resume = self.done.begin(EXPORT)
        bundle = workflow.export(tuned, tuple(recipes.RECIPES), out=folder, overwrite=overwrite or own, resume=resume)
        self.done.end(EXPORT, folder / MANIFEST)
        return bundle

    def _evaluate(self, bundle: Bundle) -> Evaluation:
        file = bundle.path / EVALUATION
        if self.done.is_done(EVALUATE):
            return read_evaluation(load_json(file), bundle.manifest.labels, str(file))
        from tlpipe.evaluation import evaluate

        evaluation = evaluate.evaluate(bundle, resume=self.done.begin(EVALUATE))
        self.done.end(EVALUATE, file)
        return evaluation

    def _bench(self, tuned: Run, bundle: Bundle, evaluation: Evaluation, *, command: str, timed: Timed) -> Bench:
        file = tuned.path / BENCH
        if self.done.is_done(BENCHMARK):
            return benches(load_json(file), str(file))[0]
        from tlpipe.benchmark import measure
        from tlpipe.reporting.derive import groups
        from tlpipe_edge.bench.target import BenchOptions

        self.done.begin(BENCHMARK)
        before = time.perf_counter()
        if timed is Timed.ALL:
            bench = measure.bench(bundle, BenchOptions(), command=command)
        else:
            chosen = groups.recommended(bundle, evaluation)
            bench = measure.bench(bundle, BenchOptions((chosen,)), command=command, keras_calls=("compiled",))
        now = time.perf_counter()
        share = (now - before) / (now - self.start)
        progress.say(f"the benchmark took {now - before:.0f} s of {now - self.start:.0f} s, {100 * share:.0f} %")
        atomic.write_text(file, to_json([bench]) + "\n")
        self.done.end(BENCHMARK, file)
        return bench

    def _report(self, bundle: Bundle, measured: list[Bench]) -> tuple["Report", Path]:
        """It is quick, so it is written again if it was the last that this command did."""
        usual, overwrite, marker = REPORTS / bundle.path.name, self.job.overwrite, kinds.REPORT.marker
        folder = self.done.folder(REPORT, marker, REPORT, lambda: free(usual, overwrite=overwrite))
        own = self.done.is_own(REPORT, folder / marker)
        from tlpipe.reporting import publish

        resume = self.done.begin(REPORT)
        overwrite = overwrite or own
        report = publish.of_run(bundle, measured, folder, about=self.about, overwrite=overwrite, resume=resume)
        return report, folder
