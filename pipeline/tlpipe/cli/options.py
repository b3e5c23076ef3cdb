"""What the commands of ``tlpipe`` take, as typer wants it: one name for an option that several of them have."""

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from tlpipe.benchmark.timed import Timed
from tlpipe.conversion import recipes
from tlpipe.data.reading import Format
from tlpipe.network import backbones
from tlpipe.network.backbones import BACKBONES
from tlpipe.network.backbones import DEFAULT as BACKBONE
from tlpipe.reporting.about import MAX_LINE, MAX_PURPOSE, About
from tlpipe.runs.config import ClassWeights
from tlpipe_edge.cli.application import checked
from tlpipe_edge.cli.wrong_value import refuse_url
from tlpipe_edge.contract.ranges import MAX_COUNT
from tlpipe_edge.errors import listed

# Groups of options in a help text.
_IMAGES, _NETWORK, _TRAINING, OUTPUT, _HEAD = "Images", "Network", "Training", "Output", "Head of the report"

LARGEST = MAX_COUNT - 1
"""The largest number that a recipe takes."""


def _check_fraction(split: str) -> Callable[[float], None]:
    def check(fraction: float) -> None:
        from tlpipe.data import loading

        loading.check_fraction(split, fraction)

    return check


class CropChoice(StrEnum):
    """What --crop takes."""

    CENTER = "center-crop"
    STRETCH = "stretch"
    LETTERBOX = "letterbox"
    AUTO = "auto"


Data = Annotated[
    Path,
    typer.Argument(
        metavar="DATA",
        help="A folder with one subfolder per class; or a folder with train/, validation/ and test/, each with one "
        "subfolder per class; or a list with the columns path,label[,split] (CSV or JSON Lines), or Hugging Face's "
        "metadata.csv in the folder; or a zip or tar archive of these.",
    ),
]
RunFolder = Annotated[
    Path | None, typer.Argument(metavar="RUN", help="A run folder. If left out, the newest below runs/.")
]
BundleFolder = Annotated[
    Path | None, typer.Argument(metavar="BUNDLE", help="A bundle. If left out, the newest below exported/.")
]
LabelledData = Annotated[
    Path | None, typer.Option(metavar="DATA", help="Labelled images. If left out, the test split of the run.")
]
DataFormat = Annotated[
    Format | None,
    typer.Option(
        "--format",
        metavar="|".join(Format),
        help="Where the labels are. If left out, told from DATA.",
        rich_help_panel=_IMAGES,
    ),
]
ImageFolder = Annotated[
    Path | None,
    typer.Option(
        "--images",
        metavar="DIR",
        help="The folder of the images that a list names, by path, name or id. If left out, that of the list.",
        rich_help_panel=_IMAGES,
    ),
]
Keras = Annotated[Path | None, typer.Option(metavar="FILE", help="The Keras model, if it has moved.")]
_FILES = "; ".join(f"for {name} {entry.weights_file}" for name, entry in BACKBONES.items())
BackboneName = Annotated[
    str,
    typer.Option(
        "--backbone",
        metavar="NAME",
        help=f"The network: {listed(BACKBONES)}.",
        callback=checked(backbones.find),
        rich_help_panel=_NETWORK,
    ),
]
Weights = Annotated[
    str,
    typer.Option(
        metavar="WEIGHTS",
        help=f"imagenet (downloaded by Keras), none (train the whole network), or a FILE: {_FILES}.",
        callback=checked(refuse_url),
        rich_help_panel=_NETWORK,
    ),
]
ImageSize = Annotated[
    int,
    typer.Option(
        metavar="PIXELS",
        help="Width and height of the network input, {} to {} pixels.".format(*BACKBONE.sizes),
        callback=checked(lambda size: backbones.check_any(lambda entry: entry.check_size(size))),
        rich_help_panel=_NETWORK,
    ),
]
Alpha = Annotated[
    float,
    typer.Option(
        metavar="NUMBER",
        help=f"Width multiplier of {BACKBONE.name}: {listed(BACKBONE.widths)}.",
        callback=checked(lambda alpha: backbones.check_any(lambda entry: entry.check_width(alpha))),
        rich_help_panel=_NETWORK,
    ),
]
Crop = Annotated[
    CropChoice,
    typer.Option(
        metavar="CROP",
        help="How an image becomes a square: center-crop, stretch, letterbox, or auto, the best on validation.",
        rich_help_panel=_IMAGES,
    ),
]
Views = Annotated[
    int,
    typer.Option(
        min=1,
        max=LARGEST,
        metavar="N",
        help="Views of each training image: the plain one and N-1 augmented ones.",
        rich_help_panel=_TRAINING,
    ),
]
Epochs = Annotated[
    int,
    typer.Option(
        min=0,
        max=LARGEST,
        metavar="N",
        help="Maximum number of epochs of the first stage (the head).",
        rich_help_panel=_TRAINING,
    ),
]
TuningEpochs = Annotated[int, typer.Option(min=0, max=LARGEST, metavar="N", help="Maximum number of epochs.")]
BatchSize = Annotated[
    int,
    typer.Option(
        min=1,
        max=LARGEST,
        metavar="N",
        help="Training batch size of both stages.",
        rich_help_panel=_TRAINING,
    ),
]
LearningRate = Annotated[
    float,
    typer.Option(
        min=0.0,
        max=LARGEST,
        metavar="NUMBER",
        help="Learning rate of the first stage.",
        rich_help_panel=_TRAINING,
    ),
]
TuningRate = Annotated[
    float,
    typer.Option(min=0.0, max=LARGEST, metavar="NUMBER", help="Learning rate after the warm-up."),
]
ValidationFraction = Annotated[
    float,
    typer.Option(
        metavar="SHARE",
        help="Share of train to hold out for validation, if DATA has no validation split.",
        callback=checked(_check_fraction("validation")),
        rich_help_panel=_IMAGES,
    ),
]
TestFraction = Annotated[
    float,
    typer.Option(
        metavar="SHARE",
        help="Share of train to hold out for testing, if DATA has no test split; 0 for none.",
        callback=checked(_check_fraction("test")),
        rich_help_panel=_IMAGES,
    ),
]
Seed = Annotated[
    int,
    typer.Option(
        min=0,
        max=2**32 - 1,
        metavar="N",
        help="Random seed for splits, augmentation, initialization and shuffling.",
        rich_help_panel=_TRAINING,
    ),
]
Deterministic = Annotated[
    bool,
    typer.Option(
        "--deterministic/--no-deterministic",
        show_default=False,
        help="Make training reproducible on this machine: same weights, same int8 file. Fine-tuning takes 1.2 times as "
        "long.",
        rich_help_panel=_TRAINING,
    ),
]
Balance = Annotated[
    ClassWeights,
    typer.Option(
        "--class-weights",
        metavar="none|balanced",
        help="none: each image has the same weight in the loss; balanced: each class.",
        rich_help_panel=_TRAINING,
    ),
]
Strict = Annotated[
    bool,
    typer.Option(
        "--strict/--no-strict",
        show_default=False,
        help="Stop at an unreadable image instead of warning of it.",
        rich_help_panel=_IMAGES,
    ),
]
Out = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="The run folder. If left out, runs/DATA.", rich_help_panel=OUTPUT),
]
Against = Annotated[
    list[Path],
    typer.Option(
        metavar="BUNDLE|FILE",
        help="The older model to compare with, repeatable: a bundle and files of bench --out, or a report.json.",
        rich_help_panel=OUTPUT,
    ),
]
Title = Annotated[
    str | None,
    typer.Option(
        metavar="TEXT",
        help=f"The title of the report, up to {MAX_LINE} characters. If left out, the name of the model.",
        callback=checked(lambda text: About(title=text)),
        rich_help_panel=_HEAD,
    ),
]
Purpose = Annotated[
    str | None,
    typer.Option(
        metavar="TEXT",
        help=f"What the model is for, up to {MAX_PURPOSE} characters.",
        callback=checked(lambda text: About(purpose=text)),
        rich_help_panel=_HEAD,
    ),
]
Author = Annotated[
    str | None,
    typer.Option(
        metavar="TEXT",
        help=f"Who is responsible for the report, up to {MAX_LINE} characters.",
        callback=checked(lambda text: About(author=text)),
        rich_help_panel=_HEAD,
    ),
]
DataDate = Annotated[
    str | None,
    typer.Option(
        metavar="YYYY-MM-DD",
        help="The date of the images.",
        callback=checked(lambda text: About(data_date=text)),
        rich_help_panel=_HEAD,
    ),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace existing results.", rich_help_panel=OUTPUT)]
Restart = Annotated[
    bool,
    typer.Option(
        "--restart",
        help="Begin anew, even if the same command was stopped and could be continued.",
        rich_help_panel=OUTPUT,
    ),
]
Json = Annotated[
    bool,
    typer.Option(
        "--json/--no-json",
        show_default=False,
        help="Print one JSON document and nothing else.",
        rich_help_panel=OUTPUT,
    ),
]
Quantize = Annotated[
    list[str],
    typer.Option(
        metavar="FORMAT",
        help=f"Number format, repeatable: {recipes.choices(costs=True)}.",
        callback=checked(recipes.parse),
    ),
]
Benched = Annotated[
    Timed,
    typer.Option(
        "--bench",
        metavar="recommended|all|none",
        help="The files to benchmark at the end: the recommended one beside compiled Keras, all of them beside both "
        "ways to call Keras, or none. See also tlpipe bench.",
        rich_help_panel=OUTPUT,
    ),
]
NoBench = Annotated[bool, typer.Option("--no-bench", help="The same as --bench none.", rich_help_panel=OUTPUT)]
TopLayers = Annotated[
    int,
    typer.Option(
        min=0,
        metavar="N",
        help=f"Number of backbone layers to train, counted from the top. The top {BACKBONE.top_layers} begin at "
        f"{listed(f'{entry.top_begins} ({name})' for name, entry in BACKBONES.items())}.",
        callback=checked(
            lambda number: backbones.check_any(lambda entry: backbones.check_top_layers(number, entry.layers))
        ),
    ),
]
