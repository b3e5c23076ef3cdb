"""The commands of ``tlpipe``: they parse the options, call a function and print the result.

Only the commands that need TensorFlow import it.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tlpipe import __version__
from tlpipe.benchmark.timed import Timed
from tlpipe.cli.adopt_command import adopt
from tlpipe.cli.bench_command import bench
from tlpipe.cli.cache_command import cache
from tlpipe.cli.cache_option import CacheFolder
from tlpipe.cli.choice import chosen_bundle, chosen_run, shown, written
from tlpipe.cli.config_command import config
from tlpipe.cli.configuration import HEAD, Config, without_arguments
from tlpipe.cli.engine_option import with_engine
from tlpipe.cli.explain_command import explain
from tlpipe.cli.limit_options import MaxDrop, MaxDropOnValidation, MinAgreement, MinAgreementOnValidation
from tlpipe.cli.options import (
    OUTPUT,
    Against,
    Author,
    Benched,
    BundleFolder,
    DataDate,
    DataFormat,
    ImageFolder,
    Json,
    Keras,
    LabelledData,
    NoBench,
    Overwrite,
    Purpose,
    Quantize,
    Restart,
    RunFolder,
    Title,
    TopLayers,
    TuningEpochs,
    TuningRate,
)
from tlpipe.cli.pull_command import pull
from tlpipe.cli.score_command import score
from tlpipe.cli.training_options import DEFAULTS, with_training_options
from tlpipe.cli.web_command import web
from tlpipe.data import reading
from tlpipe.reporting.about import About
from tlpipe.runs.config import TENSORFLOW, Finetuning
from tlpipe.storage.resume import Resume
from tlpipe_edge.cli.app import run_program
from tlpipe_edge.cli.application import application
from tlpipe_edge.console.text import percent, printable, terminal_width, wrapped
from tlpipe_edge.contract.limits import Limits
from tlpipe_edge.errors import GateNotMet, WrongUsage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tlpipe.full_run import Measured, Reported
    from tlpipe.reporting.document import Report
    from tlpipe.reporting.sentences import Sentence
    from tlpipe.workflow import TrainingJob
    from tlpipe_edge.contract.bundle import Bundle


app = application(
    "tlpipe",
    about="From a folder of images to an image classifier on a Raspberry Pi, with a measured comparison with Keras.",
    example="tlpipe run photos --image-size 224",
    version=__version__,
    packages=(TENSORFLOW, "keras", "ai-edge-litert"),
    shared={"config": Config, "cache": CacheFolder},
)


def main() -> None:
    """Run the command."""
    run_program(app)


@app.command(
    name="train",
    help="Train a new classification head on the frozen backbone.",
    epilog="Example: tlpipe train photos --out runs/clothing --image-size 224",
)
@with_engine
@with_training_options
def train(job: "TrainingJob") -> None:
    """The command `train`."""
    from tlpipe import workflow

    print(shown(workflow.train(job).path))


app.command(epilog="Example: tlpipe adopt clothing.keras --labels labels.txt --data photos --mean 127.5 --std 127.5")(
    adopt
)


@app.command(epilog="Example: tlpipe finetune runs/clothing --top-layers 50")
@with_engine
def finetune(
    run: RunFolder = None,
    top_layers: TopLayers = DEFAULTS.finetuning.top_layers,
    epochs: TuningEpochs = DEFAULTS.finetuning.epochs,
    learning_rate: TuningRate = DEFAULTS.finetuning.learning_rate,
    overwrite: Overwrite = False,
    restart: Restart = False,
) -> None:
    """Fine-tune the top layers of the backbone.

    The export uses the fine-tuned model unless its validation accuracy is lower.
    """
    chosen = chosen_run(run)
    from tlpipe.training import stages

    finetuning = Finetuning(top_layers=top_layers, epochs=epochs, learning_rate=learning_rate)
    tuned = stages.finetune(chosen, finetuning, overwrite=overwrite, resume=Resume(restart))
    print(shown(tuned.best_stage))


@app.command(epilog="Example: tlpipe export --quantize int8 --quantize float16 --out exported/clothing")
@with_engine
def export(
    run: RunFolder = None,
    quantize: Quantize = ["int8"],  # noqa: B006  (typer copies it)
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="The bundle folder. If left out, exported/RUN.", rich_help_panel=OUTPUT),
    ] = None,
    max_drop: MaxDropOnValidation = None,
    min_agreement: MinAgreementOnValidation = None,
    overwrite: Overwrite = False,
    restart: Restart = False,
) -> None:
    """Write a bundle for devices: a .tflite file per number format, the labels, and reference results."""
    from tlpipe import workflow

    limits, resume = Limits(max_drop, min_agreement), Resume(restart)
    bundle = workflow.export(chosen_run(run), quantize, out=out, limits=limits, overwrite=overwrite, resume=resume)
    print(shown(bundle.path))
    _check_budget(bundle)


def _check_budget(bundle: "Bundle") -> None:
    """Say whether the calibrated files are within the limits of the export. Raise GateNotMet."""
    from tlpipe_edge.console import progress

    for artifact in bundle.manifest.artifacts:
        quantization = artifact.quantization
        if quantization is None or quantization.limits is None:
            continue
        stated = quantization.limits.stated(quantization.images, "validation")
        if quantization.failures:
            failed = "; ".join(quantization.failures)
            reason = f"the nearest file was written, {artifact.recipe} with {quantization.used}, but {failed}"
            raise GateNotMet(reason, stated, where=bundle.path)
        show = progress.say if quantization.limits.can_be_judged(quantization.images) else progress.warn
        keras = f"Keras has a top-1 of {percent(quantization.keras_top1)} there"
        show(f"{artifact.recipe}: {quantization.used} is within the limits; {keras}. {stated}")


@app.command(epilog="Example: tlpipe evaluate exported/clothing --max-drop 0.01")
@with_engine
def evaluate(
    bundle: BundleFolder = None,
    data: LabelledData = None,
    form: DataFormat = None,
    images: ImageFolder = None,
    keras: Keras = None,
    max_drop: MaxDrop = None,
    min_agreement: MinAgreement = None,
    restart: Restart = False,
    as_json: Json = False,
) -> None:
    """Measure the accuracy of the Keras model and of every file of the bundle on the same images."""
    chosen = chosen_bundle(bundle)
    from tlpipe.cli import tables
    from tlpipe.evaluation import evaluate
    from tlpipe_edge.console import progress

    how, limits = reading.parse(form, images), Limits(max_drop, min_agreement)
    scored = evaluate.evaluate(
        chosen,
        data=data,
        reading=how,
        keras_file=keras,
        limits=limits,
        resume=Resume(restart),
    )
    adopted = chosen.manifest.provenance.adopted is not None
    print(scored.to_json() if as_json else tables.accuracy_table(scored, adopted=adopted, width=terminal_width()))
    if scored.gate is None:
        return
    if not scored.gate.passed:
        raise GateNotMet("; ".join(scored.gate.failures), limits.stated(scored.images))
    progress.say(f"every file is within the limits. {limits.stated(scored.images)}")


app.command(epilog="Example: tlpipe explain exported/clothing")(explain)


app.command(epilog="Example: tlpipe bench exported/clothing --threads 1,4 --device ssh://raspberrypi.local")(bench)


@app.command(
    name="run",
    help="Train, fine-tune, export in every number format, evaluate, benchmark and report.",
    epilog="Example: tlpipe run photos --image-size 224",
)
@with_engine
@with_training_options
def run_all(
    job: "TrainingJob", context: typer.Context, bench: Benched = Timed.RECOMMENDED, no_bench: NoBench = False
) -> None:
    """The command `run`."""
    timed = _timed(context, bench, no_bench=no_bench)
    from tlpipe import full_run

    about = _about(without_arguments(context, "report").params)
    _say_end(full_run.run(job, command=written(), timed=timed, show=_show, about=about), timed)


@app.command(epilog="Example: tlpipe demo")
def demo(
    context: typer.Context,
    bench: Benched = Timed.RECOMMENDED,
    no_bench: NoBench = False,
    restart: Restart = False,
) -> None:
    """Run everything in a few minutes, offline: handwritten digits, on a small backbone that comes with tlpipe."""
    timed = _timed(context, bench, no_bench=no_bench)
    from tlpipe import full_run

    _say_end(full_run.demo(command=written(), timed=timed, restart=restart, show=_show), timed)


@app.command(epilog="Example: tlpipe report exported/clothing bench.json --out reports/clothing")
def report(
    context: typer.Context,
    sources: Annotated[
        list[Path],
        typer.Argument(
            metavar="BUNDLE|FILE",
            help="A bundle, and files that bench --out wrote, of any devices; with --against, also a report.json.",
        ),
    ],
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="The folder to write the report to.", rich_help_panel=OUTPUT)
    ],
    against: Against = [],  # noqa: B006  (typer copies it)
    title: Title = None,
    purpose: Purpose = None,
    author: Author = None,
    data_date: DataDate = None,
    overwrite: Overwrite = False,
) -> None:
    """Write a report (HTML, Markdown, JSON, CSV): which file to use on which device, and how close it is to Keras.

    With --against, write a comparison of two models instead: what changed in accuracy, size and latency.
    """
    from tlpipe.reporting import publish

    if against:
        _refuse_head(context)
        from tlpipe.cli import comparison

        compared = publish.comparison_of_paths(sources, against, out, overwrite=overwrite)
        print(comparison.render(compared, width=terminal_width()))
        print(printable(str(out / publish.COMPARISON_PAGE)))
        return
    about = About(title, purpose, author, data_date)
    report = publish.of_paths(sources, out, about=about, overwrite=overwrite)
    _say_report(report, out, report.warnings)


app.command(epilog="Example: tlpipe score exported/clothing photos shards/*.tar --out scores.csv")(with_engine(score))


app.command(epilog="Example: tlpipe pull ssh://raspberrypi.local/collected --into kept --free")(pull)


app.command(epilog="Example: tlpipe web exported/clothing --out sites/clothing")(web)


app.command(epilog="Example: tlpipe cache --clear")(cache)


app.command(epilog="Example: tlpipe config --run runs/clothing > clothing.toml")(config)


def _about(values: "Mapping[str, Any]") -> About:
    """The head of a report, from the options of ``report``."""
    return About(**{name: values[name] for name in HEAD})


def _refuse_head(context: typer.Context) -> None:
    """Raise WrongUsage if the head of a report is given for a comparison; that of a file is for reports."""
    for name in HEAD:
        source = context.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            option = f"--{name.replace('_', '-')}"
            raise WrongUsage(
                f"{option} and --against exclude each other", "A comparison has no head.", where=context.command_path
            )


def _timed(context: typer.Context, bench: Timed, *, no_bench: bool) -> Timed:
    """What the options mean together: --no-bench undoes a file. Raise WrongUsage if they contradict each other."""
    source = context.get_parameter_source("bench")
    if no_bench and bench is not Timed.NONE and source is not None and source.name == "COMMANDLINE":
        raise WrongUsage(
            f"--bench {bench} and --no-bench exclude each other", "Leave one of them out.", where=context.command_path
        )
    return Timed.NONE if no_bench else bench


def _show(measured: "Measured") -> None:
    from tlpipe.cli import tables
    from tlpipe.runs import run_folder

    size = (measured.run.best_stage / run_folder.MODEL).stat().st_size
    print(tables.render(measured.evaluation, measured.bench, keras_bytes=size, width=terminal_width()))


def _say_end(reported: "Reported", timed: Timed) -> None:
    from tlpipe.cli import tables

    print()
    _say_report(reported.report, reported.folder)
    choice = reported.report.verdict.choices[0]
    recipe = reported.report.groups[choice.group].rows[choice.row].recipe
    print()
    print(tables.next_steps(reported.measured.bundle, recipe, timed_all=timed is Timed.ALL))


def _say_report(report: "Report", folder: Path, warnings: "Sequence[Sentence]" = ()) -> None:
    """Print the verdict, those ``warnings`` that have not been printed during a run, and the page."""
    from tlpipe.reporting.sentences import text

    for line in (report.verdict.text, *(f"! {text(warning)}" for warning in warnings)):
        print(wrapped(printable(line), terminal_width()))
    print(printable(str(folder / "report.html")))
