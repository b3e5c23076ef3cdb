"""What a top-1 is worth: beside a guess, beside the name of the largest class, and on so many images."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scipy.stats import fisher_exact, norm

from tlpipe.evaluation.significance import LEVEL
from tlpipe_edge.classify.accuracy import balanced, wilson
from tlpipe_edge.contract.scores import ClassCount

MAX_WIDTH = 0.1
"""Images are few if the 95 % interval of top-1 is wider than this."""
MIN_GAIN, MIN_TIMES = 0.1, 5.0
"""A model is hardly better than a guess if it avoids less than the share ``MIN_GAIN`` of its errors, and is right less
than ``MIN_TIMES`` times as often."""
MIN_BALANCED_GAIN = 0.25
"""It is better nevertheless if it avoids this share of the errors by balanced accuracy, and by more than chance: it
recognizes the classes with few images, as no guess does."""


@dataclass(frozen=True)
class Worth:
    """A top-1 with its 95 % interval on a number of ``images``, and what it compares with (shares 0..1).

    ``largest`` is the class with the most images, and ``largest_share`` its share of them: the top-1 of a model that
    always names it, which is at least ``chance``, 1 / classes. ``balanced_chance`` is the balanced accuracy of such a
    model, 1 / classes with images. ``balanced_low`` is the lower bound of ``balanced`` (one-sided, 95 %).
    """

    images: int
    top1: float
    interval: tuple[float, float]
    balanced: float
    balanced_low: float
    largest: str
    largest_share: float
    chance: float
    balanced_chance: float

    @property
    def one_class(self) -> bool:
        """Whether all images are of one class: then nothing shows what the model can tell apart."""
        return self.largest_share == 1

    @property
    def hardly_better(self) -> bool:
        """Whether the model is hardly better than always naming the largest class."""
        guess = self.largest_share
        finds_the_others = (
            _gain(self.balanced, self.balanced_chance) >= MIN_BALANCED_GAIN and self.balanced_low > self.balanced_chance
        )
        if self.one_class or (finds_the_others and self.interval[1] > guess):
            return False
        hardly = _gain(self.top1, guess) < MIN_GAIN and self.top1 < MIN_TIMES * guess
        return self.interval[0] <= guess or hardly

    @property
    def few(self) -> bool:
        """Whether there are few images for this top-1."""
        return self.interval[1] - self.interval[0] > MAX_WIDTH

    @property
    def more(self) -> int:
        """How many more images would halve the interval, if they have the same top-1."""
        half = (self.interval[1] - self.interval[0]) / 2
        images = self.images
        while (ends := wilson(self.top1 * images, images))[1] - ends[0] > half:
            images += max(1, self.images // 100)
        return images - self.images


def worth(counts: Mapping[str, ClassCount]) -> Worth | None:
    """From the counts of all classes of the model; None without images."""
    images, correct = sum(each.images for each in counts.values()), sum(each.correct for each in counts.values())
    if not images:
        return None
    largest = max(counts, key=lambda label: counts[label].images)
    return Worth(
        images=images,
        top1=correct / images,
        interval=wilson(correct, images),
        balanced=balanced(counts.values()) or 0.0,
        balanced_low=_balanced_low([each for each in counts.values() if each.images]),
        largest=largest,
        largest_share=counts[largest].images / images,
        chance=1 / len(counts),
        balanced_chance=1 / sum(each.images > 0 for each in counts.values()),
    )


def _balanced_low(counts: Sequence[ClassCount]) -> float:
    """The lower bound of balanced accuracy, one-sided, 95 %: it is a mean of independent proportions.

    Their variances are those with a success and a failure added, as Agresti and Caffo (2000), The American Statistician
    54:280-288, add them for the difference of two.
    """
    rates = [((each.correct + 1) / (each.images + 2), each.images + 2) for each in counts]
    variance = sum(rate * (1 - rate) / images for rate, images in rates) / len(rates) ** 2
    return (balanced(counts) or 0.0) - float(norm.ppf(1 - LEVEL)) * math.sqrt(variance)


def _gain(rate: float, guess: float) -> float:
    """The share of the errors of a guess that a model avoids."""
    return (rate - guess) / (1 - guess) if guess < 1 else 0.0


def difference_p(first: tuple[int, int], second: tuple[int, int]) -> float | None:
    """The two-sided p of Fisher's exact test of (correct, images) of one model on two sets of images; None if it is at
    least ``LEVEL``, so that they do not differ by more than chance."""
    p = float(fisher_exact([[correct, images - correct] for correct, images in (first, second)]).pvalue)
    return p if p < LEVEL else None
