"""Figures that the documents of ``bench`` and ``evaluate`` share."""

from collections.abc import Sequence
from dataclasses import dataclass

from tlpipe_edge.contract.codec import Misfit
from tlpipe_edge.contract.ranges import Count, Interval95, Share


@dataclass(frozen=True)
class ClassCount:
    """How many ``images`` of a class there were, and how many of them were ``correct``; ``top1`` is None for none."""

    images: Count
    correct: Count
    top1: Share | None = None

    @classmethod
    def of(cls, images: int, correct: int) -> "ClassCount":
        """With its top-1."""
        return cls(images, correct, correct / images if images else None)

    def check(self) -> None:
        if self.correct > self.images:
            raise Misfit("more correct than there are images", ".correct")


@dataclass(frozen=True)
class Failed:
    """An image that could not be read, and so counts as wrong."""

    file: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Rates:
    """Accuracy over the images whose label is known; None where there are none. A failed image counts as wrong.

    ``top1_interval`` is the 95 % interval (Wilson).
    """

    top1: Share | None = None
    top1_interval: Interval95 | None = None
    top5: Share | None = None
    per_class: dict[str, ClassCount] | None = None

    def check(self) -> None:
        if self.top1_interval is not None and self.top1_interval[0] > self.top1_interval[1]:
            raise Misfit("its ends are the wrong way round", ".top1_interval")

    def check_classes(self, labels: Sequence[str]) -> None:
        """Raise Misfit for a class that the model does not have."""
        for label in self.per_class or {}:
            if label not in labels:
                raise Misfit("a class that the model does not have", f".per_class.{label[:40]}")
