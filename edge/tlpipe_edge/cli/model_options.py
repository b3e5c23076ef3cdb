"""The options for a .tflite file from elsewhere, which does not state its labels or its normalization."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tlpipe_edge.cli.application import checked
from tlpipe_edge.errors import WrongUsage

if TYPE_CHECKING:
    from tlpipe_edge.classify.model_file import FileOptions


def channels(written: str) -> tuple[float, ...]:
    """The numbers in ``127.5`` or ``123.7,116.3,103.5``. Raise WrongUsage for anything else."""
    try:
        return tuple(map(float, written.split(",")))
    except ValueError as error:
        raise WrongUsage(f"{written} is not a number", "Write it as 127.5 or 124,116,104.") from error


def check_mean(written: str) -> None:
    """Raise WrongUsage if this is neither one number nor three, or out of range."""
    from tlpipe_edge.classify.model_file import FileOptions

    FileOptions(mean=channels(written))


def check_std(written: str) -> None:
    """As ``check_mean``; above 0."""
    from tlpipe_edge.classify.model_file import FileOptions

    FileOptions(std=channels(written))


PANEL = "A .tflite file from elsewhere"
LabelsFile = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Labels of the outputs, one per line.",
        show_default="those in the model, or labels.txt beside it",
        rich_help_panel=PANEL,
    ),
]
Mean = Annotated[
    str | None,
    typer.Option(
        metavar="N[,N,N]",
        help="The input is (pixel - mean) / std of pixels 0 to 255: one number, or one for each of R, G and B.",
        show_default="that in the model, or an assumption",
        callback=checked(check_mean),
        rich_help_panel=PANEL,
    ),
]
Std = Annotated[
    str | None,
    typer.Option(
        metavar="N[,N,N]",
        help="See --mean.",
        show_default="that in the model, or an assumption",
        callback=checked(check_std),
        rich_help_panel=PANEL,
    ),
]


def file_options(labels: Path | None, mean: str | None, std: str | None) -> "FileOptions":
    """The values of the three options."""
    from tlpipe_edge.classify.model_file import FileOptions

    return FileOptions(labels, channels(mean) if mean else None, channels(std) if std else None)


def say_notes(notes: Sequence[str]) -> None:
    """Say what is assumed of a model, a line each."""
    if not notes:
        return
    from tlpipe_edge.console import progress  # here, because it takes long to import

    for note in notes:
        progress.say(f"note: {note}")
