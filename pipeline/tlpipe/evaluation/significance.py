"""Whether two models, scored on the same images, differ by more than chance."""

import numpy as np
from scipy.stats import binomtest

LEVEL = 0.05
"""A difference with a p of at least this much is within noise."""


def mcnemar_p(first: np.ndarray, second: np.ndarray) -> float:
    """``mcnemar`` of the (N,) bool "correct" of two models on the same images."""
    return mcnemar(int((first & ~second).sum()), int((second & ~first).sum()))


def mcnemar(only_first: int, only_second: int) -> float:
    """The two-sided p of McNemar's exact test, from the numbers of images on which only one of two models is correct.

    McNemar (1947), Psychometrika 12:153-157: of these images, each is equally likely to be one or the other when the
    models are equally good. 1.0 if there is no such image.
    """
    if only_first + only_second == 0:
        return 1.0
    return float(binomtest(only_first, only_first + only_second, 0.5).pvalue)
