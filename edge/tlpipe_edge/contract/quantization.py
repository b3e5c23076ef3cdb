"""How a calibrated file was made, by which remedies against rounding errors, and how near to Keras each brought it.

It is a part of the manifest, and the basis of the choice: the validation images, which the test images are not.
"""

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge, Len

from tlpipe_edge.console.text import percent
from tlpipe_edge.contract.codec import Misfit
from tlpipe_edge.contract.limits import Limits
from tlpipe_edge.contract.ranges import Positive, Share


@dataclass(frozen=True)
class Attempt:
    """A file that a remedy gave, compared with Keras on the validation images.

    ``mean_probability_difference`` is over all images and classes; ``seconds`` are those to make the file.
    """

    remedy: str
    top1: Share
    agreement: Share
    mean_probability_difference: Share
    seconds: Annotated[float, Ge(0)]

    def __str__(self) -> str:
        distance = f"mean difference {self.mean_probability_difference:.5f}"
        return f"agreement {percent(self.agreement)}, {distance}, top-1 {percent(self.top1)}"


@dataclass(frozen=True)
class Quantization:
    """The remedies that were tried, in their order, and the one whose file is ``used``.

    ``images``: the number of validation images. ``failures``: in what the file is not within the ``limits``.
    ``left_out``: why no remedy could be tried, as for a layer without a rule.
    """

    images: Positive
    keras_top1: Share
    attempts: Annotated[tuple[Attempt, ...], Len(1)]
    used: str
    limits: Limits | None = None
    failures: tuple[str, ...] = ()
    left_out: str | None = None

    @property
    def attempt(self) -> Attempt:
        """The one that is used."""
        return next(each for each in self.attempts if each.remedy == self.used)

    def check(self) -> None:
        if self.used not in [each.remedy for each in self.attempts]:
            raise Misfit("a remedy that was not tried", ".used")

    def __str__(self) -> str:
        keras = f"Keras: top-1 {percent(self.keras_top1)}"
        exceeded = "".join(f"; beyond a limit of the export: {failure}" for failure in self.failures)
        without = f" (without remedies: {self.left_out})" if self.left_out else ""
        return f"{self.used}{without}; on {self.images} validation images: {self.attempt}; {keras}{exceeded}"
