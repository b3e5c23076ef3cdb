"""The limits of ``evaluate`` and ``export``: how much worse than Keras a file may be."""

from typing import Annotated

import typer
from typer.models import OptionInfo


def _share(text: str, panel: str | None = None) -> OptionInfo:
    option: OptionInfo = typer.Option(min=0.0, max=1.0, metavar="SHARE", help=text, rich_help_panel=panel)
    return option


MaxDrop = Annotated[
    float | None,
    _share("Maximum drop of top-1 accuracy below the Keras model, 0 to 1. Exit with code 1 if a file exceeds it."),
]
MinAgreement = Annotated[
    float | None,
    _share(
        "Minimum share of images with the same prediction as Keras, 0 to 1. Exit with code 1 if a file is below it."
    ),
]
MaxDropOnValidation = Annotated[
    float | None,
    _share(
        "Maximum drop of top-1 accuracy below the Keras model on the validation images, 0 to 1: remedies against "
        "rounding errors of int8 are tried until it is kept. Exit with code 1 if none keeps it.",
        "Limits",
    ),
]
MinAgreementOnValidation = Annotated[
    float | None,
    _share("Minimum share of validation images with the same prediction as Keras, 0 to 1, likewise.", "Limits"),
]
