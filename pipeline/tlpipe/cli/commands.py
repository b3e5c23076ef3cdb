"""``tlpipe``: thin: it parses, calls and prints. TensorFlow is imported by the commands that need it, not before."""

import functools
import json
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tlpipe import __version__
from tlpipe.cli.options import (
    Alpha,
    BatchSize,
    BundleFolder,
    Crop,
    CropChoice,
    Data,
    Deterministic,
    Epochs,
    ImageSize,
    Json,
    Keras,
    LabelledData,
    LearningRate,
    MaxDrop,
    Overwrite,
    Quantize,
    RunFolder,
    Seed,
    Strict,
    TestFraction,
    TopLayers,
    TuningEpochs,
    ValidationFraction,
    Views,
    Weights,
)
from tlpipe.runs import places
from tlpipe.training import defaults
from tlpipe_edge.cli.app import application, numbers, run_program
from tlpipe_edge.console.text import printable
from tlpipe_edge.errors import GateNotMet, MissingInput, WrongUsage

if TYPE_CHECKING:
    from tlpipe.report.document import Report
    from tlpipe.runs.run_folder import Run
    from tlpipe.workflow import Measured
    from tlpipe_edge.contract.bundle import Bundle

app = application(
    "tlpipe",
    about="From a folder of photographs to an image classifier on a Raspberry Pi, with proof that it is as good.",
    example="tlpipe run photos --image-size 224",
    version=__version__,
)


def main() -> None:
    """Run the command."""
    run_program(app)


def _training(
    data: Data,
    out: Annotated[Path | None, typer.Option(help="The run folder; runs/DATA if left out.")] = None,
    weights: Weights = "imagenet",
    image_size: ImageSize = 160,
    alpha: Alpha = 1.0,
    crop: Crop = CropChoice.CENTER,
    views: Views = 6,
    epochs: Epochs = 15,
    batch_size: BatchSize = 32,
    learning_rate: LearningRate = 1e-3,
    validation_fraction: ValidationFraction = 0.1,
    test_fraction: TestFraction = 0.1,
    seed: Seed = 0,
    deterministic: Deterministic = False,
    strict: Strict = False,
    overwrite: Overwrite = False,
) -> Any:  # typer evaluates annotations, so not "TrainingJob", which would import more
    """The frozen stage, with the options that `train` and `run` share."""
    from tlpipe.runs.config import Config
    from tlpipe.workflow import TrainingJob
    from tlpipe_edge.contract import manifest

    config = Config(
        weights=weights if weights in ("imagenet", "none") else str(Path(weights).absolute()),
        image_size=image_size,
        alpha=alpha,
        crop=manifest.Crop.CENTER if crop is CropChoice.AUTO else manifest.Crop(crop.value),
        views=views,
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        seed=seed,
        deterministic=deterministic,
    )
    return TrainingJob(
        data,
        config,
        out,
        crop_auto=crop is CropChoice.AUTO,
        validation_fraction=validation_fraction,
        test_fraction=test_fraction,
        strict=strict,
        overwrite=overwrite,
    )


@app.command(
    name="train",
    help="Train a new head on the frozen backbone.",
    epilog="Example: tlpipe train photos --out runs/clothing --image-size 224",
)
@functools.wraps(_training)
def train(**options: Any) -> None:
    """The command `train`."""
    from tlpipe import workflow

    print(workflow.train(_training(**options)).path)


@app.command(epilog="Example: tlpipe finetune runs/clothing --top-layers 50")
def finetune(
    run: RunFolder = None,
    top_layers: TopLayers = defaults.TOP_LAYERS,
    epochs: TuningEpochs = defaults.EPOCHS,
    learning_rate: LearningRate = defaults.LEARNING_RATE,
    overwrite: Overwrite = False,
) -> None:
    """Go on with the top layers of the backbone unfrozen; what is worse on validation is not kept."""
    chosen = _run(run)
    from tlpipe.training import stages

    tuned = stages.finetune(
        chosen, top_layers=top_layers, epochs=epochs, learning_rate=learning_rate, overwrite=overwrite
    )
    print(tuned.best_stage)


@app.command(epilog="Example: tlpipe export --quantize int8 --quantize float16 --out exported/clothing")
def export(
    run: RunFolder = None,
    quantize: Quantize = ["int8"],  # noqa: B006  (typer copies it)
    out: Annotated[Path | None, typer.Option(help="The bundle; exported/RUN if left out.")] = None,
    overwrite: Overwrite = False,
) -> None:
    """Write a bundle for devices: a .tflite for each number format, its labels, and the means to check it."""
    from tlpipe import workflow

    print(workflow.export(_run(run), quantize, out=out, overwrite=overwrite).path)


@app.command(epilog="Example: tlpipe evaluate exported/clothing --max-drop 0.01")
def evaluate(
    bundle: BundleFolder = None,
    data: LabelledData = None,
    keras: Keras = None,
    max_drop: MaxDrop = None,
    as_json: Json = False,
) -> None:
    """Score the Keras original and every file of the bundle on the same images."""
    chosen = _bundle(bundle)
    from tlpipe.cli import tables
    from tlpipe.evaluation import evaluate
    from tlpipe_edge.console import progress

    document = evaluate.evaluate(chosen, data=data, keras_file=keras, max_drop=max_drop)
    print(json.dumps(document, indent=2) if as_json else tables.accuracy_table(document))
    gate = document["gate"]
    if gate and not gate["passed"]:
        raise GateNotMet(f"the gate of {gate['max_drop']:g} was not met: {'; '.join(gate['failures'])}")
    if gate:
        progress.say(f"the gate of {gate['max_drop']:g} is met")
        if 1 / document["images"] > gate["max_drop"]:
            progress.warn(f"one of {document['images']} images weighs more than the gate: take more images")


@app.command(epilog="Example: tlpipe bench exported/clothing --threads 1,4 --device ssh://pi@raspberrypi.local")
def bench(
    bundle: BundleFolder = None,
    device: Annotated[
        list[str] | None,
        typer.Option(metavar="ssh://USER@HOST[:PORT]", help="Measure there, too; repeatable.", show_default=False),
    ] = None,
    data: LabelledData = None,
    keras: Keras = None,
    recipe: Annotated[
        list[str] | None,
        typer.Option(metavar="FORMAT", help="float32, float16, dynamic or int8; repeatable.", show_default="all"),
    ] = None,
    threads: Annotated[str, typer.Option(metavar="N,N", help="Numbers of threads, each in turn.")] = "1",
    runtime: Annotated[str, typer.Option(help="auto, ai-edge-litert or tflite-runtime.")] = "auto",
    wheelhouse: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Wheels for devices that reach no package index.")
    ] = None,
    baseline: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Exit with 1 when worse than this report of the same device.")
    ] = None,
    max_slowdown: Annotated[
        float, typer.Option(min=1.0, help="How many times as slow as --baseline is let pass.")
    ] = 1.10,
    max_drop: Annotated[float, typer.Option(min=0.0, help="How much less top-1 than --baseline is let pass.")] = 0.01,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Keep the JSON document there.")] = None,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Measure the bundle here, with the Keras original beside it on the same images, and on devices over ssh.

    A device gets the bundle and the images, and an environment with tlpipe-edge, in ~/.cache/tlpipe-remote; what it has
    is not sent again. Devices come first; one that fails does not cost the results of the others, and ends with its
    exit code. Where all fail, nothing is measured here.
    """
    from tlpipe.remote.address import Address
    from tlpipe_edge.bench import table, target
    from tlpipe_edge.bench.run import to_json
    from tlpipe_edge.tflite import interpreter

    options = target.BenchOptions(tuple(recipe or ()), numbers(threads), runtime)
    interpreter.check_name(runtime)
    addresses = list(map(Address.parse, device or ()))
    if out is not None:
        _refuse_out(out, baseline, overwrite=overwrite)
    chosen = _bundle(bundle)
    recipes = options.recipes or tuple(artifact.recipe for artifact in chosen.manifest.artifacts)
    for each in recipes:
        chosen.artifact(each)  # raises for one that is not there
    if baseline is not None:
        from tlpipe.benchmark.baseline import Limits, check_comparable, check_not_worse, read_baseline

        stored = read_baseline(baseline)
        check_comparable(
            stored, chosen.manifest.name, recipes=recipes, threads=options.threads, elsewhere=bool(addresses)
        )
    from tlpipe.benchmark import measure
    from tlpipe.storage import atomic

    documents, failures = measure.everywhere(
        addresses, chosen, options, command=_command(), data=data, keras_file=keras, wheelhouse=wheelhouse
    )
    document = to_json(measure.together(documents)) + "\n"
    print(document if as_json else table.render(*documents), end="" if as_json else "\n", flush=True)
    if out is not None:
        atomic.write_text(out, document)
    if baseline is not None:
        check_not_worse(documents, stored, Limits(max_slowdown, max_drop))
    if failures:
        raise failures[0]


def _refuse_out(out: Path, baseline: Path | None, *, overwrite: bool) -> None:
    """Raise where the document that is to be measured could not be kept in ``out``, or at the baseline's cost."""
    if not out.absolute().parent.is_dir():
        raise MissingInput(f"{out}: no such folder", "Make it, or name another FILE.")
    if out.is_dir() or (out.exists() and not overwrite):
        raise WrongUsage(f"{out}: exists already", "Name another FILE, or pass --overwrite to replace a file.")
    if baseline is not None and out.resolve() == baseline.resolve():
        raise WrongUsage(f"{out}: the baseline itself, which would be lost", "Name another FILE for --out.")


@app.command(
    name="run",
    help="Train, fine-tune, export in every number format, evaluate and measure.",
    epilog="Example: tlpipe run photos --image-size 224",
)
@functools.wraps(_training)
def run_all(**options: Any) -> None:
    """The command `run`."""
    from tlpipe import workflow

    reported = workflow.run(_training(**options), command=_command(), show=_show)
    _say_report(reported.report, reported.folder)


@app.command(epilog="Example: tlpipe demo")
def demo() -> None:
    """The whole job in a few minutes, offline: handwritten digits on the small backbone that comes with tlpipe."""
    from tlpipe import workflow

    reported = workflow.demo(command=_command(), show=_show)
    _say_report(reported.report, reported.folder)


@app.command(epilog="Example: tlpipe report exported/clothing bench.json --out reports/clothing")
def report(
    sources: Annotated[
        list[Path],
        typer.Argument(metavar="BUNDLE|FILE...", help="A bundle, and what bench --out wrote, of any devices."),
    ],
    out: Annotated[Path, typer.Option(metavar="DIR", help="The folder to write.")],
    overwrite: Overwrite = False,
) -> None:
    """Write a page, Markdown, JSON and CSV: which file to take on which device, and how far it is from Keras."""
    from tlpipe.report import publish

    _say_report(publish.of_paths(sources, out, overwrite=overwrite), out)


def _command() -> str:
    return shlex.join(["tlpipe", *sys.argv[1:]])


def _show(measured: "Measured") -> None:
    from tlpipe.cli import tables

    print(tables.render(measured.evaluation, measured.bench))
    print(tables.next_steps(measured.run, measured.bundle))
    print()


def _say_report(report: "Report", folder: Path) -> None:
    print(printable(report.verdict.text))
    print(printable(str(folder / "report.html")))


def _run(path: Path | None) -> "Run":
    from tlpipe.runs import run_folder
    from tlpipe_edge.console import progress

    if path is None:
        path = places.newest(places.RUNS, marker=run_folder.RUN_FILE, made_by="tlpipe train")
        progress.say(f"the newest run: {path}")
    return run_folder.Run.open(path)


def _bundle(path: Path | None) -> "Bundle":
    from tlpipe_edge.console import progress
    from tlpipe_edge.contract.bundle import MANIFEST, Bundle

    if path is None:
        path = places.newest(places.EXPORTED, marker=MANIFEST, made_by="tlpipe export")
        progress.say(f"the newest bundle: {path}")
    return Bundle.open(path)
