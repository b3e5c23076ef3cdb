"""What the commands of ``tlpipe`` take, as typer wants it: one name for an option that several of them have."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from tlpipe.conversion import recipes
from tlpipe.network.backbones import DEFAULT as BACKBONE


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
        help="A folder per class; or train/, validation/, test/ of that; or a CSV of path,label[,split].",
    ),
]
RunFolder = Annotated[
    Path | None, typer.Argument(metavar="[RUN]", help="A run folder; the newest below runs/ if left out.")
]
BundleFolder = Annotated[
    Path | None, typer.Argument(metavar="[BUNDLE]", help="A bundle; the newest below exported/ if left out.")
]
LabelledData = Annotated[Path | None, typer.Option(help="Labelled photographs; the run's test split if left out.")]
Keras = Annotated[Path | None, typer.Option(help="The Keras original, where the manifest's path is no more.")]
Weights = Annotated[
    str,
    typer.Option(
        help=f"imagenet (downloaded by Keras), none (train the whole network), or a FILE: {BACKBONE.weights_file}."
    ),
]
ImageSize = Annotated[
    int, typer.Option(help="Side of the square that the network sees, {} to {} pixels.".format(*BACKBONE.sizes))
]
Alpha = Annotated[float, typer.Option(help=f"Width of the network: {_one_of(BACKBONE.widths)}.")]
Crop = Annotated[CropChoice, typer.Option(help="How a photograph becomes a square; auto chooses on validation.")]
Views = Annotated[int, typer.Option(min=1, help="Views of each training image: the plain one and augmented ones.")]
Epochs = Annotated[int, typer.Option(min=0, help="Maximum number of epochs of the frozen stage.")]
TuningEpochs = Annotated[int, typer.Option(min=0, help="Maximum number of epochs.")]
BatchSize = Annotated[int, typer.Option(min=1, help="Training batch size.")]
LearningRate = Annotated[float, typer.Option(min=0.0, help="Initial learning rate.")]
ValidationFraction = Annotated[float, typer.Option(help="Share of train that becomes validation, where there is none.")]
TestFraction = Annotated[float, typer.Option(help="Share of train that becomes test, where there is none; 0 for none.")]
Seed = Annotated[
    int, typer.Option(min=0, max=2**32 - 1, help="Random seed for splits, augmentation, initialization and shuffling.")
]
Deterministic = Annotated[
    bool,
    typer.Option(
        "--deterministic",
        help="The same fine-tuned weights and int8 file each time on one machine; fine-tuning takes 1.2 times as long.",
    ),
]
Strict = Annotated[bool, typer.Option("--strict", help="End when an image cannot be read, instead of leaving it out.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace what is there.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]
Quantize = Annotated[
    list[str], typer.Option(metavar="FORMAT", help=f"{recipes.choices(costs=True)}. Repeat for several.")
]
MaxDrop = Annotated[
    float | None,
    typer.Option(min=0.0, help="Fail (exit code 1) if the top-1 of a file is more than this below that of Keras."),
]
TopLayers = Annotated[
    int,
    typer.Option(
        min=0,
        help="How many of the backbone's layers train, from the top; "
        f"{BACKBONE.top_layers} begin at {BACKBONE.top_begins}.",
    ),
]
