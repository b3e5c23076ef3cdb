"""What the images show of the difference between two models that were scored on the same ones."""

import math

import numpy as np
from scipy.optimize import brentq
from scipy.stats import binomtest, norm

LEVEL = 0.05
"""A difference with a p of at least this much is within noise."""


def only_one(first: np.ndarray, second: np.ndarray) -> tuple[int, int]:
    """The numbers of images on which only the first, and only the second, of two (N,) bool "correct" is True."""
    return int((first & ~second).sum()), int((second & ~first).sum())


def mcnemar(only_first: int, only_second: int) -> float:
    """The two-sided p of McNemar's exact test, from the numbers of images on which only one of two models is correct.

    McNemar (1947), Psychometrika 12:153-157: of these images, each is equally likely to be one or the other when the
    models are equally good. 1.0 if there is no such image.
    """
    if only_first + only_second == 0:
        return 1.0
    return float(binomtest(only_first, only_first + only_second, 0.5).pvalue)


def drop_bound(only_first: int, only_second: int, images: int) -> float:
    """The upper bound of the drop of top-1 from the first model to the second, -1..1: one-sided, 95 %.

    ``only_first`` and ``only_second`` of the ``images`` are those on which only one model is correct. It is the largest
    drop that the score test of Tango (1998), Statistics in Medicine 17:891-908, does not reject. Without an image on
    which the models differ it is z²/(images + z²), z = 1.645. Raise ValueError if there is no image.
    """
    return _largest_drop(only_first, only_second, images, float(norm.ppf(1 - LEVEL)))


def difference_interval(only_first: int, only_second: int, images: int) -> tuple[float, float]:
    """The two-sided 95 % interval of the top-1 of the second model minus that of the first, -1..1.

    It has the differences that the score test of Tango (1998), the one of ``drop_bound``, does not reject at the level
    0.05. If ``mcnemar`` gives less than ``LEVEL``, it excludes 0; where p is a little above, it may do so as well,
    because the exact test is stricter. Raise ValueError if there is no image.
    """
    z = float(norm.ppf(1 - LEVEL / 2))
    return -_largest_drop(only_first, only_second, images, z), _largest_drop(only_second, only_first, images, z)


def _largest_drop(only_first: int, only_second: int, images: int, z: float) -> float:
    """The largest drop from the first model to the second at which Tango's statistic is not below ``-z``."""
    if images < 1:
        raise ValueError("no image")

    def margin(drop: float) -> float:
        """z plus Tango's statistic, which falls as ``drop`` rises: 0 at the bound."""
        linear = (2 * images - only_first + only_second) * drop - only_first - only_second
        square = linear**2 + 8 * images * only_second * drop * (1 - drop)
        share = (math.sqrt(max(square, 0.0)) - linear) / (4 * images)  # "only second", if the true drop were ``drop``
        variance = images * max(2 * share + drop * (1 - drop), 0.0)
        distance = only_first - only_second - images * drop
        return z * math.sqrt(variance) + distance

    above = (only_first - only_second) / images + 1e-9  # at the observed drop itself, the variance can be 0
    return 1.0 if above >= 1 or margin(1.0) >= 0 else float(brentq(margin, above, 1.0, xtol=1e-12))
