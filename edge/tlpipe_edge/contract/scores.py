"""Figures that the documents of ``bench`` and ``evaluate`` share, and their checks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from tlpipe_edge.contract import plausible
from tlpipe_edge.contract.plausible import require


@dataclass(frozen=True)
class ClassCount:
    """How many ``images`` of a class there were, and how many of them were ``correct``."""

    images: int
    correct: int


@dataclass(frozen=True)
class Failed:
    """An image that could not be read, and so counts as wrong."""

    file: str
    reason: str


class Rates(Protocol):
    """What Keras, a result of a benchmark and the scores of an evaluation have in common."""

    @property
    def top1(self) -> float | None: ...
    @property
    def top1_interval(self) -> tuple[float, ...] | None: ...
    @property
    def top5(self) -> float | None: ...
    @property
    def per_class(self) -> Mapping[str, ClassCount] | None: ...


def check_rates(rates: Rates, labels: Sequence[str]) -> None:
    interval = rates.top1_interval
    plausible.shares("top-1 or top-5", rates.top1, rates.top5, *(interval or ()))
    require(interval is None or len(interval) == 2, "top1_interval: not two numbers")
    require(interval is None or interval[0] <= interval[1], "top1_interval: its ends are the wrong way round")
    for label, count in (rates.per_class or {}).items():
        require(label in labels, "per_class: a class that the model does not have")
        require(0 <= count.correct <= count.images, f"per_class: {label!r}: more correct than there are images")
        plausible.counts("per_class", count.images)
