"""What a device says of an image that its camera kept for review: STEM.review.json beside STEM.jpg.

The images lie in ``review/LABEL`` below the folder of ``--collect``. LABEL is what the model named, which may be wrong.
An image with such a file beside it is unsorted: training refuses it, and sorting means to move the image alone into the
folder of its true class.

A history of the format, by its schema number:

1 - The first.

Unknown keys are ignored.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from annotated_types import Predicate

from tlpipe_edge.contract import codec
from tlpipe_edge.contract.codec import Misfit, require_schema
from tlpipe_edge.contract.files import load_json
from tlpipe_edge.contract.ranges import Sha256, Share

SCHEMA = 1
REVIEW = "review"
"""The folder below that of ``--collect``, with one folder per label."""
SUFFIX = ".review.json"


class Reason(StrEnum):
    """Why an image was kept: someone asked for it, or a rule of ``--when`` did."""

    ASKED = "asked"
    UNCERTAIN = "uncertain"
    UNKNOWN = "unknown"
    CHANGED = "changed"
    EVERY = "every"


def _is_hash(text: str) -> bool:
    """16 hexadecimal digits"""
    return len(text) == 16 and set(text) <= set("0123456789abcdef")


@dataclass(frozen=True, kw_only=True)
class Kept:
    """An image that was kept, and the prediction for it.

    ``sha256`` is that of the image file. ``label`` is a class or ``unknown``; ``best`` is the class with the highest
    score, and ``score`` its score. ``time`` is in ISO 8601 with its offset from UTC. ``artifact_sha256`` is that of the
    .tflite file. ``dhash`` is the perceptual hash of the image, if it was computed.
    """

    sha256: Sha256
    label: str
    best: str
    score: Share
    time: str
    reason: Reason
    model: str
    recipe: str
    artifact_sha256: Sha256
    device: str
    dhash: Annotated[str, Predicate(_is_hash)] | None = None
    schema: int = SCHEMA

    def check(self) -> None:
        try:
            moment = datetime.fromisoformat(self.time)
        except ValueError:
            raise Misfit("not a time in ISO 8601", ".time") from None
        if moment.tzinfo is None:
            raise Misfit("a time without its offset from UTC", ".time")


def beside(image: Path) -> Path:
    """Where the file about ``image`` is, if it has one."""
    return image.with_name(image.stem + SUFFIX)


def read(file: Path) -> Kept:
    """Read STEM.review.json. Raise MissingInput if it is not there, BadData if it is not valid."""
    document = load_json(file)
    require_schema(document, SCHEMA, str(file), "Upgrade tlpipe.")
    return codec.read(Kept, document, str(file), "Delete it, with the image beside it.")
