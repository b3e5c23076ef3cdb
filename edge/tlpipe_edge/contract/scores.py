"""Figures that the documents of ``bench`` and ``evaluate`` share."""

from collections.abc import Sequence
from dataclasses import dataclass

from tlpipe_edge.contract.codec import Misfit
from tlpipe_edge.contract.ranges import Count, Interval95, Share


@dataclass(frozen=True)
class ClassCount:
    """The number of ``images`` of a class, and of ``correct`` predictions; ``top1`` is None if there are no images."""

    images: Count
    correct: Count
    top1: Share | None = None

    @classmethod
    def of(cls, images: int, correct: int) -> "ClassCount":
        """The counts with their top-1."""
        return cls(images, correct, correct / images if images else None)

    def check(self) -> None:
        if self.correct > self.images:
            raise Misfit("more correct predictions than images", ".correct")


@dataclass(frozen=True)
class Failed:
    """An image that could not be read, which counts as wrong."""

    file: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Rates:
    """Accuracy over the images with a known label; None if there are none. A failed image counts as wrong.

    ``top1_interval`` is the 95 % interval (Wilson).
    """

    top1: Share | None = None
    top1_interval: Interval95 | None = None
    top5: Share | None = None
    per_class: dict[str, ClassCount] | None = None

    def check(self) -> None:
        if self.top1_interval is not None and self.top1_interval[0] > self.top1_interval[1]:
            raise Misfit("the lower bound is above the upper bound", ".top1_interval")

    def check_classes(self, labels: Sequence[str]) -> None:
        """Raise Misfit if there is a class that the model does not have."""
        known = set(labels)
        for label in self.per_class or {}:
            if label not in known:
                raise Misfit("a class that the model does not have", f".per_class.{label[:40]}")
