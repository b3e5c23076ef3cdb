"""What the commands of ``tlpipe`` take, as typer wants it: one name for an option that several of them have."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from tlpipe.conversion import recipes
from tlpipe.network.backbones import DEFAULT as BACKBONE

# Groups of options in a help text.
_IMAGES, _NETWORK, _TRAINING, _OUTPUT = "Images", "Network", "Training", "Output"


def _one_of(widths: tuple[float, ...]) -> str:
    *others, last = map(str, widths)
    return f"{', '.join(others)} or {last}"


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
        "subfolder per class; or a CSV with the columns path,label[,split].",
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
Keras = Annotated[Path | None, typer.Option(metavar="FILE", help="The Keras model, if it has moved.")]
Weights = Annotated[
    str,
    typer.Option(
        metavar="WEIGHTS",
        help=f"imagenet (downloaded by Keras), none (train the whole network), or a FILE: {BACKBONE.weights_file}.",
        rich_help_panel=_NETWORK,
    ),
]
ImageSize = Annotated[
    int,
    typer.Option(
        metavar="PIXELS",
        help="Width and height of the network input, {} to {} pixels.".format(*BACKBONE.sizes),
        rich_help_panel=_NETWORK,
    ),
]
Alpha = Annotated[
    float,
    typer.Option(
        metavar="NUMBER",
        help=f"Width multiplier of the network: {_one_of(BACKBONE.widths)}.",
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
        metavar="N",
        help="Views of each training image: the plain one and N-1 augmented ones.",
        rich_help_panel=_TRAINING,
    ),
]
Epochs = Annotated[
    int,
    typer.Option(
        min=0, metavar="N", help="Maximum number of epochs of the first stage (the head).", rich_help_panel=_TRAINING
    ),
]
TuningEpochs = Annotated[int, typer.Option(min=0, metavar="N", help="Maximum number of epochs.")]
BatchSize = Annotated[
    int, typer.Option(min=1, metavar="N", help="Training batch size of both stages.", rich_help_panel=_TRAINING)
]
LearningRate = Annotated[
    float, typer.Option(min=0.0, metavar="NUMBER", help="Learning rate of the first stage.", rich_help_panel=_TRAINING)
]
TuningRate = Annotated[float, typer.Option(min=0.0, metavar="NUMBER", help="Learning rate after the warm-up.")]
ValidationFraction = Annotated[
    float,
    typer.Option(
        metavar="SHARE",
        help="Share of train to hold out for validation, if DATA has no validation split.",
        rich_help_panel=_IMAGES,
    ),
]
TestFraction = Annotated[
    float,
    typer.Option(
        metavar="SHARE",
        help="Share of train to hold out for testing, if DATA has no test split; 0 for none.",
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
        "--deterministic",
        help="Make training reproducible on this machine: same weights, same int8 file. Fine-tuning takes 1.2 times as "
        "long.",
        rich_help_panel=_TRAINING,
    ),
]
Strict = Annotated[
    bool,
    typer.Option("--strict", help="Stop at an unreadable image instead of leaving it out.", rich_help_panel=_IMAGES),
]
Out = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="The run folder. If left out, runs/DATA.", rich_help_panel=_OUTPUT),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace existing results.", rich_help_panel=_OUTPUT)]
Json = Annotated[
    bool,
    typer.Option("--json", help="Print one JSON document and nothing else.", rich_help_panel=_OUTPUT),
]
Quantize = Annotated[
    list[str], typer.Option(metavar="FORMAT", help=f"Number format, repeatable: {recipes.choices(costs=True)}.")
]
MaxDrop = Annotated[
    float | None,
    typer.Option(
        min=0.0,
        metavar="SHARE",
        help="Maximum drop of top-1 accuracy below the Keras model, 0 to 1. Exit with code 1 if a file exceeds it.",
    ),
]
TopLayers = Annotated[
    int,
    typer.Option(
        min=0,
        metavar="N",
        help=f"Number of backbone layers to train, counted from the top. The top {BACKBONE.top_layers} begin at "
        f"{BACKBONE.top_begins}.",
    ),
]
