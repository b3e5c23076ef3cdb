"""How much worse than Keras a file may be: the limits of ``evaluate`` and ``export``."""

from collections.abc import Iterator
from dataclasses import dataclass

from tlpipe_edge.console.text import percent
from tlpipe_edge.contract.ranges import Share
from tlpipe_edge.errors import WrongUsage

ROUNDING = 1e-12
"""The shares are quotients of whole numbers, which differ by more than this."""


@dataclass(frozen=True)
class Limits:
    """The largest drop of top-1 below Keras, and the smallest agreement with it. One that was not set is None."""

    max_drop: Share | None = None
    min_agreement: Share | None = None

    @classmethod
    def given(cls, *, max_drop: float | None, min_agreement: float | None) -> "Limits":
        """Those that a user gives. Raise WrongUsage if one is not a share."""
        for name, limit in (("max_drop", max_drop), ("min_agreement", min_agreement)):
            if limit is not None and not 0 <= limit <= 1:
                raise WrongUsage(f"{name}={limit:g}: not a share", "Give a number from 0 to 1.")
        return cls(max_drop, min_agreement)

    def __bool__(self) -> bool:
        return self.max_drop is not None or self.min_agreement is not None

    def exceeded(self, *, top1: float, keras_top1: float, agreement: float | None) -> Iterator[str]:
        """For each limit that is not kept, what was measured. Without an ``agreement``, there was none."""
        drop = keras_top1 - top1
        if self.max_drop is not None and drop > self.max_drop + ROUNDING:
            yield f"top-1 {percent(top1)} is {100 * drop:.1f} points below Keras"
        if self.min_agreement is not None and (agreement or 0.0) < self.min_agreement - ROUNDING:
            yield f"agreement {percent(agreement or 0.0)} with Keras"

    def stated(self, images: int, kind: str = "") -> str:
        """The limits, and what this number of images, of this ``kind``, can tell apart."""
        stated = []
        if self.max_drop is not None:
            stated.append(f"top-1 at most {100 * self.max_drop:g} point{'s' * (self.max_drop != 0.01)} below Keras")
        if self.min_agreement is not None:
            stated.append(f"agreement at least {100 * self.min_agreement:g} %")
        doubt = "" if self.can_be_judged(images) else ": more images are needed for such a limit"
        one = f"One {kind} image".replace("  ", " ")
        return f"Limits: {' and '.join(stated)}. {one} of {images} is {100 / images:.1f} points{doubt}."

    def can_be_judged(self, images: int) -> bool:
        """Whether one of so many images is less than each allowance; none at all can be judged by any number."""
        shares = (self.max_drop or 0.0, 0.0 if self.min_agreement is None else 1 - self.min_agreement)
        return 1 / images <= min(filter(None, shares), default=1.0) + ROUNDING


NO_LIMITS = Limits()
