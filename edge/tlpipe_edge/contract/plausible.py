"""What the numbers of a bench or an evaluation can be. What they cannot be raises Misfit, which says where."""

from collections.abc import Sequence
from statistics import median

SHORTEST_MS = 1e-6
"""No run is shorter, for clocks count nanoseconds, and no duration is as long as ``LONGEST_MS``, which is 11 days."""
LONGEST_MS = 1e9
MAX_COUNT = 10**15
"""More than any count, size or reading of a machine: with it, charts and ratios stay far from the end of a float."""


class Misfit(Exception):
    """What is read is of the right types and makes no sense."""


def require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise Misfit(otherwise)


def shares(where: str, *values: float | None) -> None:
    require(all(value is None or 0 <= value <= 1 for value in values), f"{where}: not a share")


def counts(where: str, *values: int | None, minimum: int = 0) -> None:
    """Whole numbers, and bytes."""
    require(
        all(value is None or minimum <= value < MAX_COUNT for value in values),
        f"{where}: less than {minimum}, or too many",
    )


def readings(where: str, *values: float | None, minimum: float = 0) -> None:
    """What a machine says of itself."""
    require(
        all(value is None or minimum <= value < MAX_COUNT for value in values), f"{where}: nothing that a machine reads"
    )


def durations(where: str, *values: float | None) -> None:
    """Milliseconds; a part of a run, rounded to what a report holds, can be 0."""
    require(all(value is None or 0 <= value < LONGEST_MS for value in values), f"{where}: no durations")


def samples(where: str, given: Sequence[float], *, full_run: bool) -> None:
    """Milliseconds; those of ``full_run`` runs take some time."""
    durations(where, *given)
    require(not full_run or not given or median(given) >= SHORTEST_MS, f"{where}: no durations")
