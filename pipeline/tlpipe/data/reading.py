"""How DATA is read: what its user says of it beside its path."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from tlpipe_edge.errors import MissingInput, WrongUsage, listed


class Format(StrEnum):
    """Where labels come from. Each can be in a zip or tar archive."""

    FOLDERS = "folders"
    CSV = "csv"
    JSONL = "jsonl"
    HUGGINGFACE = "huggingface"


@dataclass(frozen=True)
class Reading:
    """``format`` is told from the data if None. Paths in a list are relative to ``images``, or to the list if None."""

    format: Format | None = None
    images: Path | None = None

    def check(self) -> None:
        """Raise MissingInput if there is no folder ``images``."""
        if self.images is not None and not self.images.is_dir():
            raise MissingInput("no such folder", "Name the folder of the images in the list.", where=self.images)


FROM_DATA = Reading()
"""All is told from the data."""


def parse(form: str | None, images: Path | str | None) -> Reading:
    """Raise WrongUsage if ``form`` is not the name of a format."""
    known = tuple(Format)
    if form is not None and form not in known:
        raise WrongUsage(f"no format {form!r}", f"Use {listed(known)}.")
    return Reading(None if form is None else Format(form), None if images is None else Path(images).absolute())
