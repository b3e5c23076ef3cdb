"""The document ``comparison.json`` as frozen dataclasses: what changed from OLD to NEW, two models of the same classes.

Times are milliseconds, sizes bytes, shares 0..1, differences NEW minus OLD. Values that were not measured are None.
"""

import html
import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from annotated_types import Interval

from tlpipe.reporting.sentences import Sentence
from tlpipe_edge.contract import codec

SCHEMA = 1


class Outcome(StrEnum):
    """What the accuracies show. "no difference" means none beyond chance."""

    BETTER = "better"
    WORSE = "worse"
    NO_DIFFERENCE = "no difference"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Subject:
    """One of the two models; ``sources`` are its bundle, benchmarks or report, ``recommended`` is a number format.

    ``created`` is the date of its report. ``images`` describes the images of each accuracy.
    """

    name: str
    sources: tuple[str, ...]
    created: str
    recommended: str
    images: tuple[str, ...]


@dataclass(frozen=True)
class Top1:
    """Top-1 on ``images`` images, with its 95 % interval (Wilson)."""

    top1: float
    interval: tuple[float, ...]
    images: int


@dataclass(frozen=True)
class Paired:
    """The comparison image by image. ``interval`` is the 95 % interval of the difference (Tango's score test), ``p`` is
    that of McNemar's exact test; ``gained`` and ``lost`` are the sha256 of images that only NEW, and only OLD,
    classifies correctly."""

    interval: tuple[float, ...]
    p: float
    gained: tuple[str, ...]
    lost: tuple[str, ...]


@dataclass(frozen=True)
class AccuracyChange:
    """The change of top-1. If ``paired``, both are on the same images; ``unpaired`` is the reason if not.

    Unpaired, ``outcome`` is that of Fisher's exact test of the two shares of correct images: ``unpaired_p`` is its
    two-sided p if that is below 0.05, and None, so that ``outcome`` is NO_DIFFERENCE, if it is not.
    """

    old: Top1
    new: Top1
    difference: float
    outcome: Outcome
    paired: Paired | None
    unpaired: Sentence | None
    unpaired_p: float | None


@dataclass(frozen=True)
class ClassChange:
    """The change of one class; None if it has no images. ``gained`` and ``lost`` count images (None if unpaired)."""

    label: str
    old_top1: float | None
    new_top1: float | None
    old_images: int
    new_images: int
    difference: float | None
    gained: int | None
    lost: int | None


@dataclass(frozen=True)
class Formats:
    """The number formats of a file of OLD and one of NEW: the same, or the ``recommended`` ones; "Keras" for Keras."""

    old_recipe: str
    new_recipe: str
    recommended: bool

    @property
    def name(self) -> str:
        """The number format, or both."""
        return self.new_recipe if self.old_recipe == self.new_recipe else f"{self.old_recipe} → {self.new_recipe}"


@dataclass(frozen=True)
class FileChange(Formats):
    """The change of a file; ``classes`` begins with those that changed most."""

    old_bytes: int | None
    new_bytes: int | None
    size_ratio: float | None
    accuracy: AccuracyChange | None
    classes: tuple[ClassChange, ...]


@dataclass(frozen=True)
class LatencyChange(Formats):
    """The median latency of the network alone: of the compared files, on the same device with the same runtime and
    number of threads.

    ``ratio`` is NEW divided by OLD. It is None if a latency is invalid, for ``reasons``: both are for orientation then.
    """

    device: str
    threads: int | None
    runtime: str
    old_p50_ms: float
    new_p50_ms: float
    ratio: float | None
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class ComparisonVerdict:
    """About the recommended files; ``text`` is the ``sentence`` with rounded numbers."""

    outcome: Outcome
    text: str
    sentence: Sentence


@dataclass(frozen=True)
class Comparison:
    """The document. ``files`` begins with the recommended ones; ``notes`` are limits of the comparison."""

    created: str
    versions: dict[str, str]
    new: Subject
    old: Subject
    verdict: ComparisonVerdict
    notes: tuple[Sentence, ...]
    files: tuple[FileChange, ...]
    latencies: tuple[LatencyChange, ...]
    schema: Annotated[int, Interval(ge=SCHEMA, le=SCHEMA)] = SCHEMA

    def _repr_html_(self) -> str:
        """The verdict, for a notebook."""
        return f"<p>{html.escape(self.verdict.text)}</p>"

    def to_json(self) -> str:
        """The document as indented JSON, its schema number first."""
        return json.dumps({"schema": self.schema} | codec.as_json(self), indent=1, allow_nan=False) + "\n"
