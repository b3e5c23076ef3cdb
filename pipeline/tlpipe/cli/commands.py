"""``tlpipe``: thin: it parses, calls and prints. TensorFlow is imported by the commands that need it, not before."""

import functools
import json
import shlex
import sys
from collections.abc import Sequence
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
from tlpipe.runs.config import Config
from tlpipe_edge.cli.app import application, numbers, run_program
from tlpipe_edge.console.text import printable
from tlpipe_edge.contract.manifest import RECIPES
from tlpipe_edge.errors import GateNotMet, MissingInput, WrongUsage

if TYPE_CHECKING:
    from tlpipe.report.document import Report
    from tlpipe.runs.run_folder import Run
    from tlpipe_edge.contract.bundle import Bundle

app = application(
    "tlpipe",
    about="From a folder of photographs to an image classifier on a Raspberry Pi, with proof that it is as good.",
    example="tlpipe run photos --image-size 224",
    version=__version__,
)

TOP_LAYERS, FINETUNE_EPOCHS, FINETUNE_RATE = 50, 12, 3e-4

RUNS = Path("runs")
EXPORTED = Path("exported")
REPORTS = Path("reports")


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
) -> Any:  # typer evaluates annotations, so not "Run", which would import more
    """The frozen stage, with the options that `train` and `run` share."""
    from tlpipe.data import dataset
    from tlpipe.runs import run_folder
    from tlpipe.storage import atomic
    from tlpipe_edge.contract.manifest import Crop as Policy

    where = data.resolve()
    usual = RUNS / (where.stem if where.is_file() else where.name)
    out = out or (usual if overwrite else places.unused(usual))
    if where.is_dir() and out.resolve().is_relative_to(where):
        raise WrongUsage(f"{out}: inside the photographs, where it would be taken for a class", "Name another --out.")
    atomic.refuse_existing(out, overwrite=overwrite, marker=run_folder.RUN_FILE)
    config = Config(
        weights=weights if weights in ("imagenet", "none") else str(Path(weights).absolute()),
        image_size=image_size,
        alpha=alpha,
        crop=Policy.CENTER if crop is CropChoice.AUTO else Policy(crop.value),
        views=views,
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        seed=seed,
        deterministic=deterministic,
    )
    photographs = dataset.load(data, validation_fraction=validation_fraction, test_fraction=test_fraction, seed=seed)
    from tlpipe.training import stages

    return stages.train(photographs, out, config, crop_auto=crop is CropChoice.AUTO, strict=strict, overwrite=overwrite)


@app.command(
    name="train",
    help="Train a new head on the frozen backbone.",
    epilog="Example: tlpipe train photos --out runs/clothing --image-size 224",
)
@functools.wraps(_training)
def train(**options: Any) -> None:
    """The command `train`."""
    print(_training(**options).path)


@app.command(epilog="Example: tlpipe finetune runs/clothing --top-layers 50")
def finetune(
    run: RunFolder = None,
    top_layers: TopLayers = TOP_LAYERS,
    epochs: TuningEpochs = FINETUNE_EPOCHS,
    learning_rate: LearningRate = FINETUNE_RATE,
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
    print(_export(_run(run), quantize, out, overwrite=overwrite).path)


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

    options = target.Options(tuple(recipe or ()), numbers(threads), runtime)
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

    command = shlex.join(["tlpipe", *sys.argv[1:]])
    documents, failures = measure.everywhere(
        addresses, chosen, options, command=command, data=data, keras_file=keras, wheelhouse=wheelhouse
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
    from tlpipe.training import stages

    run = _training(**options)
    run = stages.finetune(run, top_layers=TOP_LAYERS, epochs=FINETUNE_EPOCHS, learning_rate=FINETUNE_RATE)
    _finish(run, overwrite=options["overwrite"])


@app.command(epilog="Example: tlpipe demo")
def demo() -> None:
    """The whole job in a few minutes, offline: handwritten digits on the small backbone that comes with tlpipe."""
    from tlpipe.data import dataset
    from tlpipe.demo import digits
    from tlpipe.training import stages

    photographs = dataset.load(digits.write_images(RUNS / "demo-images"), test_fraction=digits.TEST_FRACTION)
    run = stages.train(photographs, places.unused(RUNS / "demo"), digits.CONFIG)
    run = stages.finetune(run, top_layers=TOP_LAYERS, epochs=digits.EPOCHS, learning_rate=digits.LEARNING_RATE)
    _finish(run, overwrite=False)


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


def _say_report(made: "Report", out: Path) -> None:
    print(printable(made.verdict.text))
    print(printable(str(out / "report.html")))


def _run(path: Path | None) -> "Run":
    from tlpipe.runs import run_folder
    from tlpipe_edge.console import progress

    if path is None:
        path = places.newest(RUNS, marker=run_folder.RUN_FILE, made_by="tlpipe train")
        progress.say(f"the newest run: {path}")
    return run_folder.Run.open(path)


def _bundle(path: Path | None) -> "Bundle":
    from tlpipe_edge.console import progress
    from tlpipe_edge.contract.bundle import MANIFEST, Bundle

    if path is None:
        path = places.newest(EXPORTED, marker=MANIFEST, made_by="tlpipe export")
        progress.say(f"the newest bundle: {path}")
    return Bundle.open(path)


def _export(run: "Run", quantize: Sequence[str], out: Path | None, *, overwrite: bool) -> "Bundle":
    from tlpipe.conversion import recipes
    from tlpipe.storage import atomic
    from tlpipe_edge.console import progress
    from tlpipe_edge.contract.bundle import MANIFEST

    chosen = recipes.parse(quantize)
    usual = EXPORTED / run.path.name
    out = out or (usual if overwrite else places.unused(usual))
    atomic.refuse_existing(out, overwrite=overwrite, marker=MANIFEST)
    if out != usual and usual.exists():
        progress.say(f"{usual} exists: writing {out}")
    from tlpipe.export import assemble

    return assemble.export(run, chosen, out, overwrite=overwrite)


def _finish(run: "Run", *, overwrite: bool) -> None:
    """Export a trained run in every number format, evaluate and measure it, and report on it."""
    from tlpipe.benchmark import measure
    from tlpipe.cli import tables
    from tlpipe.evaluation import evaluate
    from tlpipe.report import publish
    from tlpipe.storage import atomic
    from tlpipe_edge.bench.run import to_json
    from tlpipe_edge.bench.target import Options

    bundle = _export(run, RECIPES, None, overwrite=overwrite)
    evaluation = evaluate.evaluate(bundle)
    document = measure.bench(bundle, Options(), command=shlex.join(["tlpipe", *sys.argv[1:]]))
    atomic.write_text(run.path / "bench.json", to_json(document) + "\n")
    print(tables.render(evaluation, document))
    print(tables.next_steps(run, bundle))
    usual = REPORTS / bundle.path.name
    out = usual if overwrite else places.unused(usual)
    print()
    _say_report(publish.of_run(bundle, [document], out, overwrite=overwrite), out)
