"""The axes of learning curves, which the plots of a run and the report share."""

import math
from collections.abc import Sequence

STEPS = (0.1, 0.05, 0.02)


def accuracy_range(values: Sequence[float]) -> tuple[float, float]:
    """The ends of an axis for these accuracies (0..1, at least one): round numbers, 0 and 1 only if they are near.

    They are multiples of 10, 5 or 2 %, so that the values fill at least about half of the axis if they differ at all.
    """
    low, high = min(values), max(values)
    step = next((step for step in STEPS if high - low > 2 * step), STEPS[-1])
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    if last - first < 2:
        first, last = first - 1, last + 1
    return max(0.0, round(first * step, 2)), min(1.0, round(last * step, 2))
