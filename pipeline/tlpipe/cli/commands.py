"""``tlpipe``: thin: it parses, calls and prints. TensorFlow is imported by the commands that need it, not before."""

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tlpipe import __version__
from tlpipe.cli.bench_command import bench
from tlpipe.cli.choice import chosen_bundle, chosen_run, written
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
from tlpipe.runs.config import Finetuning, Head, Training
from tlpipe_edge.cli.app import application, run_program
from tlpipe_edge.console.text import printable
from tlpipe_edge.errors import GateNotMet

if TYPE_CHECKING:
    from tlpipe.reporting.document import Report
    from tlpipe.workflow import Measured

DEFAULTS = Training()
"""The values of options that are left out."""
DEFAULT_CROP = CropChoice(DEFAULTS.crop)

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
    weights: Weights = DEFAULTS.weights,
    image_size: ImageSize = DEFAULTS.image_size,
    alpha: Alpha = DEFAULTS.alpha,
    crop: Crop = DEFAULT_CROP,
    views: Views = DEFAULTS.views,
    epochs: Epochs = DEFAULTS.head.epochs,
    batch_size: BatchSize = DEFAULTS.batch_size,
    learning_rate: LearningRate = DEFAULTS.head.learning_rate,
    validation_fraction: ValidationFraction = 0.1,
    test_fraction: TestFraction = 0.1,
    seed: Seed = DEFAULTS.seed,
    deterministic: Deterministic = DEFAULTS.deterministic,
    strict: Strict = False,
    overwrite: Overwrite = False,
) -> Any:  # typer evaluates annotations, so not "TrainingJob", which would import more
    """The frozen stage, with the options that `train` and `run` share."""
    from tlpipe.workflow import TrainingJob
    from tlpipe_edge.contract import manifest

    training = Training(
        weights=weights if weights in ("imagenet", "none") else str(Path(weights).absolute()),
        image_size=image_size,
        alpha=alpha,
        crop=manifest.Crop.CENTER if crop is CropChoice.AUTO else manifest.Crop(crop.value),
        views=views,
        batch_size=batch_size,
        seed=seed,
        deterministic=deterministic,
        head=Head(epochs=epochs, learning_rate=learning_rate),
    )
    return TrainingJob(
        data,
        training,
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
    top_layers: TopLayers = DEFAULTS.finetuning.top_layers,
    epochs: TuningEpochs = DEFAULTS.finetuning.epochs,
    learning_rate: LearningRate = DEFAULTS.finetuning.learning_rate,
    overwrite: Overwrite = False,
) -> None:
    """Go on with the top layers of the backbone unfrozen; what is worse on validation is not kept."""
    chosen = chosen_run(run)
    from tlpipe.training import stages

    finetuning = Finetuning(top_layers=top_layers, epochs=epochs, learning_rate=learning_rate)
    tuned = stages.finetune(chosen, finetuning, overwrite=overwrite)
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

    print(workflow.export(chosen_run(run), quantize, out=out, overwrite=overwrite).path)


@app.command(epilog="Example: tlpipe evaluate exported/clothing --max-drop 0.01")
def evaluate(
    bundle: BundleFolder = None,
    data: LabelledData = None,
    keras: Keras = None,
    max_drop: MaxDrop = None,
    as_json: Json = False,
) -> None:
    """Score the Keras original and every file of the bundle on the same images."""
    chosen = chosen_bundle(bundle)
    from tlpipe.cli import tables
    from tlpipe.evaluation import evaluate
    from tlpipe_edge.console import progress

    scored = evaluate.evaluate(chosen, data=data, keras_file=keras, max_drop=max_drop)
    print(scored.to_json() if as_json else tables.accuracy_table(scored))
    gate = scored.gate
    if gate and not gate.passed:
        raise GateNotMet(f"the gate of {gate.max_drop:g} was not met: {'; '.join(gate.failures)}")
    if gate:
        progress.say(f"the gate of {gate.max_drop:g} is met")
        if 1 / scored.images > gate.max_drop:
            progress.warn(f"one of {scored.images} images weighs more than the gate: take more images")


app.command(epilog="Example: tlpipe bench exported/clothing --threads 1,4 --device ssh://pi@raspberrypi.local")(bench)


@app.command(
    name="run",
    help="Train, fine-tune, export in every number format, evaluate and measure.",
    epilog="Example: tlpipe run photos --image-size 224",
)
@functools.wraps(_training)
def run_all(**options: Any) -> None:
    """The command `run`."""
    from tlpipe import workflow

    reported = workflow.run(_training(**options), command=written(), show=_show)
    _say_report(reported.report, reported.folder)


@app.command(epilog="Example: tlpipe demo")
def demo() -> None:
    """The whole job in a few minutes, offline: handwritten digits on the small backbone that comes with tlpipe."""
    from tlpipe import workflow

    reported = workflow.demo(command=written(), show=_show)
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
    from tlpipe.reporting import publish

    _say_report(publish.of_paths(sources, out, overwrite=overwrite), out)


def _show(measured: "Measured") -> None:
    from tlpipe.cli import tables

    print(tables.render(measured.evaluation, measured.bench))
    print(tables.next_steps(measured.run, measured.bundle))
    print()


def _say_report(report: "Report", folder: Path) -> None:
    print(printable(report.verdict.text))
    print(printable(str(folder / "report.html")))
