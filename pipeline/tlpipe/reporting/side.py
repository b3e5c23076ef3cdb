"""One side of a comparison: what of a report is compared, read from report.json with a range at each field."""

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Len

from tlpipe.evaluation.per_image import Predictions
from tlpipe.reporting.document import SCHEMA
from tlpipe_edge.contract import codec
from tlpipe_edge.contract.benchmark import ImageSet, ModelDescription
from tlpipe_edge.contract.codec import Misfit, require_schema
from tlpipe_edge.contract.conditions import DeviceDescription
from tlpipe_edge.contract.latency import LatencyFigures, check_duration
from tlpipe_edge.contract.ranges import Count, Interval95, Positive, Share
from tlpipe_edge.contract.validity import Validity

AGAIN = "Name a report.json that tlpipe report wrote, or write the report again."


@dataclass(frozen=True)
class SideClass:
    """The accuracy of one class."""

    label: str
    images: Count
    correct: Count

    def check(self) -> None:
        if self.correct > self.images:
            raise Misfit("more correct predictions than images", ".correct")

    @property
    def top1(self) -> float | None:
        """The share of correct predictions; None without images."""
        return self.correct / self.images if self.images else None


@dataclass(frozen=True)
class SideAccuracy:
    """Top-1 with its 95 % interval, and per class."""

    top1: Share
    top1_interval: Interval95
    per_class: tuple[SideClass, ...] = ()


@dataclass(frozen=True)
class SideKeras:
    """The Keras model of a group."""

    bytes: Positive | None = None
    accuracy: SideAccuracy | None = None


@dataclass(frozen=True, kw_only=True)
class SideRow(Validity):
    """A file with one number of threads."""

    recipe: str
    sha256: str
    bytes: Positive
    runtime: str | None = None
    runtime_version: str | None = None
    delegate: str | None = None
    threads: Positive | None = None
    invoke_ms: LatencyFigures | None = None
    accuracy: SideAccuracy | None = None

    def check(self) -> None:
        check_duration(self.invoke_ms, ".invoke_ms")


@dataclass(frozen=True)
class SideGroup:
    """Files that were measured together."""

    name: str
    rows: Annotated[tuple[SideRow, ...], Len(1)]
    device: DeviceDescription | None = None
    images: ImageSet | None = None
    keras: SideKeras | None = None


@dataclass(frozen=True)
class SideChoice:
    """The recommended row of a group (indices); ``hardly_better``: than a guess."""

    group: Count
    row: Count
    hardly_better: bool = False


@dataclass(frozen=True)
class SideVerdict:
    """The recommendations of a report."""

    choices: Annotated[tuple[SideChoice, ...], Len(1)]


@dataclass(frozen=True)
class Summary:
    """The parts of a report that are compared."""

    created: str
    model: ModelDescription
    groups: Annotated[tuple[SideGroup, ...], Len(1)]
    verdict: SideVerdict

    def check(self) -> None:
        for number, choice in enumerate(self.verdict.choices):
            if choice.group >= len(self.groups) or choice.row >= len(self.groups[choice.group].rows):
                raise Misfit("no such row", f".verdict.choices[{number}]")

    @property
    def recommended(self) -> SideRow:
        """The row of the first recommendation."""
        choice = self.verdict.choices[0]
        return self.groups[choice.group].rows[choice.row]


@dataclass(frozen=True)
class Side:
    """A summary with its ``sources``, and the predictions for each image; if there are ``none``, the reason, as a
    predicate: "has no bundle"."""

    summary: Summary
    sources: tuple[str, ...]
    predictions: Predictions | None
    none: str = ""


def is_report(document: object) -> bool:
    """Whether a JSON document is a report, and not a benchmark."""
    return isinstance(document, dict) and {"verdict", "groups", "model"} <= set(document)


def summary(document: object, where: str) -> Summary:
    """The summary of a report. Raise BadData, which begins with ``where``, if it is damaged."""
    require_schema(document, SCHEMA, where)
    return codec.read(Summary, document, where, AGAIN)
