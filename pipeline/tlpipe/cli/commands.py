"""The commands of ``tlpipe``: they parse the options, call a function and print the result.

Only the commands that need TensorFlow import it.
"""

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
    Out,
    Overwrite,
    Quantize,
    RunFolder,
    Seed,
    Strict,
    TestFraction,
    TopLayers,
    TuningEpochs,
    TuningRate,
    ValidationFraction,
    Views,
    Weights,
)
from tlpipe.runs.config import Finetuning, Head, Training
from tlpipe_edge.cli.app import run_program
from tlpipe_edge.cli.application import application
from tlpipe_edge.console.text import printable
from tlpipe_edge.errors import GateNotMet

if TYPE_CHECKING:
    from tlpipe.reporting.document import Report
    from tlpipe.workflow import Measured

DEFAULTS = Training()
"""The default values of options."""
DEFAULT_CROP = CropChoice(DEFAULTS.crop)

app = application(
    "tlpipe",
    about="From a folder of images to an image classifier on a Raspberry Pi, with a measured comparison with Keras.",
    example="tlpipe run photos --image-size 224",
    version=__version__,
    packages=("tensorflow", "keras", "ai-edge-litert"),
)


def main() -> None:
    """Run the command."""
    run_program(app)


def _training(
    data: Data,
    out: Out = None,
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
    help="Train a new classification head on the frozen backbone.",
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
    learning_rate: TuningRate = DEFAULTS.finetuning.learning_rate,
    overwrite: Overwrite = False,
) -> None:
    """Fine-tune the top layers of the backbone.

    The export uses the fine-tuned model unless its validation accuracy is lower.
    """
    chosen = chosen_run(run)
    from tlpipe.training import stages

    finetuning = Finetuning(top_layers=top_layers, epochs=epochs, learning_rate=learning_rate)
    tuned = stages.finetune(chosen, finetuning, overwrite=overwrite)
    print(tuned.best_stage)


@app.command(epilog="Example: tlpipe export --quantize int8 --quantize float16 --out exported/clothing")
def export(
    run: RunFolder = None,
    quantize: Quantize = ["int8"],  # noqa: B006  (typer copies it)
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="The bundle folder. If left out, exported/RUN.")
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Write a bundle for devices: a .tflite file per number format, the labels, and reference results."""
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
    """Measure the accuracy of the Keras model and of every file of the bundle on the same images."""
    chosen = chosen_bundle(bundle)
    from tlpipe.cli import tables
    from tlpipe.evaluation import evaluate
    from tlpipe_edge.console import progress

    scored = evaluate.evaluate(chosen, data=data, keras_file=keras, max_drop=max_drop)
    print(scored.to_json() if as_json else tables.accuracy_table(scored))
    gate = scored.gate
    if gate and not gate.passed:
        raise GateNotMet(f"top-1 drops by more than {gate.max_drop:g}: {'; '.join(gate.failures)}")
    if gate:
        progress.say(f"no file is more than {gate.max_drop:g} below Keras in top-1")
        if 1 / scored.images > gate.max_drop:
            progress.warn(f"one image of {scored.images} changes top-1 by more than {gate.max_drop:g}: use more images")


app.command(epilog="Example: tlpipe bench exported/clothing --threads 1,4 --device ssh://pi@raspberrypi.local")(bench)


@app.command(
    name="run",
    help="Train, fine-tune, export in every number format, evaluate, benchmark and report.",
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
    """Run everything in a few minutes, offline: handwritten digits, on a small backbone that comes with tlpipe."""
    from tlpipe import workflow

    reported = workflow.demo(command=written(), show=_show)
    _say_report(reported.report, reported.folder)


@app.command(epilog="Example: tlpipe report exported/clothing bench.json --out reports/clothing")
def report(
    sources: Annotated[
        list[Path],
        typer.Argument(metavar="BUNDLE|FILE", help="A bundle, and files that bench --out wrote, of any devices."),
    ],
    out: Annotated[Path, typer.Option(metavar="DIR", help="The folder to write the report to.")],
    overwrite: Overwrite = False,
) -> None:
    """Write a report (HTML, Markdown, JSON, CSV): which file to use on which device, and how close it is to Keras."""
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
