"""``tlpipe adopt``: makes a run of a Keras model that was trained elsewhere."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from tlpipe.cli.choice import shown
from tlpipe.cli.options import OUTPUT, DataFormat, ImageFolder, Overwrite, Seed, TestFraction, ValidationFraction
from tlpipe.data import reading
from tlpipe_edge.cli.application import checked
from tlpipe_edge.cli.model_options import channels, check_mean, check_std
from tlpipe_edge.contract.manifest import MAX_SIZE
from tlpipe_edge.errors import WrongUsage

_MODEL, _IMAGES = "Model", "Images"


class Resize(StrEnum):
    """What --crop takes."""

    STRETCH = "stretch"
    CENTER = "center-crop"
    LETTERBOX = "letterbox"


_NUMBERS = "NUMBER[,NUMBER,NUMBER]"
Mean = Annotated[
    str | None,
    typer.Option(
        metavar=_NUMBERS,
        help="Mean of the pixels 0..255 that was subtracted in training, if the model does not do it itself.",
        callback=checked(check_mean),
        rich_help_panel=_MODEL,
    ),
]
Std = Annotated[
    str | None,
    typer.Option(
        metavar=_NUMBERS,
        help="What they were divided by after that. For pixels of -1..1: 127.5 and 127.5; of 0..1: 0 and 255; "
        "of 0..255: 0 and 1.",
        callback=checked(check_std),
        rich_help_panel=_MODEL,
    ),
]


def adopt(
    model: Annotated[
        Path, typer.Argument(metavar="MODEL", help="A Keras model: a .keras file, or an .h5 file with the whole model.")
    ],
    labels: Annotated[
        Path,
        typer.Option(
            metavar="FILE", help="The labels, in the order of the outputs, one per line.", rich_help_panel=_MODEL
        ),
    ],
    data: Annotated[
        Path,
        typer.Option(
            metavar="DATA",
            help="Labelled images for calibration and evaluation, as for tlpipe train. Classes may be missing.",
            rich_help_panel=_IMAGES,
        ),
    ],
    mean: Mean = None,
    std: Std = None,
    bgr: Annotated[
        bool,
        typer.Option(
            "--bgr",
            help="The model takes blue, green, red, as those with 'caffe' preprocessing; the mean is in this order.",
            rich_help_panel=_MODEL,
        ),
    ] = False,
    image_size: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=MAX_SIZE,
            metavar="PIXELS",
            help="Width and height of the input, for a model that takes images of any size.",
            rich_help_panel=_MODEL,
        ),
    ] = None,
    crop: Annotated[
        Resize,
        typer.Option(
            metavar="CROP",
            help="How an image becomes a square: stretch, as image_dataset_from_directory of Keras does, center-crop "
            "or letterbox.",
            rich_help_panel=_IMAGES,
        ),
    ] = Resize.STRETCH,
    form: DataFormat = None,
    images: ImageFolder = None,
    validation_fraction: ValidationFraction = 0.1,
    test_fraction: TestFraction = 0.1,
    seed: Seed = 0,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="The run folder. If left out, runs/MODEL.", rich_help_panel=OUTPUT),
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Make a run of a Keras image classifier that was trained elsewhere, to export, evaluate and bench it.

    Models of built-in Keras layers are read; code in the file is never run. It is not trained any further.
    """
    from tlpipe import workflow
    from tlpipe.adopting import pixels
    from tlpipe.adopting.job import AdoptJob
    from tlpipe_edge.contract.manifest import Crop

    given = (None if each is None else channels(each) for each in (mean, std))
    try:
        normalization = pixels.named(*given, bgr=bgr)
    except WrongUsage as error:
        raise error.at(f"tlpipe adopt {error.where}".strip()) from error
    job = AdoptJob(
        model,
        labels,
        data,
        image_size=image_size,
        crop=Crop(crop),
        normalization=normalization,
        validation_fraction=validation_fraction,
        test_fraction=test_fraction,
        seed=seed,
        reading=reading.parse(form, images),
    )
    print(shown(workflow.adopt(job, out=out, overwrite=overwrite).path))
