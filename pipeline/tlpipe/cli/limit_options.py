"""The limits of ``evaluate`` and ``export``: how much worse than Keras a file may be."""

from typing import Annotated

import typer

_LIMITS = "Limits"

MaxDrop = Annotated[
    float | None,
    typer.Option(
        min=0.0,
        max=1.0,
        metavar="SHARE",
        help="Maximum drop of top-1 accuracy below the Keras model, 0 to 1. Exit with code 1 if a file exceeds it.",
    ),
]
MaxDropOnValidation = Annotated[
    float | None,
    typer.Option(
        min=0.0,
        max=1.0,
        metavar="SHARE",
        help="Maximum drop of top-1 accuracy below the Keras model on the validation images, 0 to 1: remedies against "
        "rounding errors of int8 are tried until it is kept. Exit with code 1 if none keeps it.",
        rich_help_panel=_LIMITS,
    ),
]
MinAgreementOnValidation = Annotated[
    float | None,
    typer.Option(
        min=0.0,
        max=1.0,
        metavar="SHARE",
        help="Minimum share of validation images with the same prediction as Keras, 0 to 1, likewise.",
        rich_help_panel=_LIMITS,
    ),
]
MinAgreement = Annotated[
    float | None,
    typer.Option(
        min=0.0,
        max=1.0,
        metavar="SHARE",
        help="Minimum share of images with the same prediction as Keras, 0 to 1. Exit with code 1 if a file is below "
        "it.",
    ),
]
