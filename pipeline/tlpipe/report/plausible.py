"""What the numbers of a bench or an evaluation can be. What they cannot be raises Misfit, which says where."""

from collections.abc import Sequence
from statistics import median

from tlpipe.report.document import Latency

SHORTEST_MS = 1e-6
"""No run is shorter, for clocks count nanoseconds, and no duration is as long as ``LONGEST_MS``, which is 11 days."""
LONGEST_MS = 1e9
MOST = 10**15
"""More than any count, size or reading of a machine: with it, charts and ratios stay far from the end of a float."""


class Misfit(Exception):
    """What is read is of the right types and makes no sense."""


def require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise Misfit(otherwise)


def shares(where: str, *values: float | None) -> None:
    require(all(value is None or 0 <= value <= 1 for value in values), f"{where}: not a share")


def counts(where: str, *values: int | None, least: int = 0) -> None:
    """Whole numbers, and bytes."""
    require(all(value is None or least <= value < MOST for value in values), f"{where}: less than {least}, or too many")


def readings(where: str, *values: float | None, least: float = 0) -> None:
    """What a machine says of itself."""
    require(all(value is None or least <= value < MOST for value in values), f"{where}: nothing that a machine reads")


def durations(where: str, *values: float | None) -> None:
    """Milliseconds; a part of a run, rounded to what a report holds, can be 0."""
    require(all(value is None or 0 <= value < LONGEST_MS for value in values), f"{where}: no durations")


def samples(where: str, given: Sequence[float], *, whole: bool) -> None:
    """Milliseconds; those of ``whole`` runs take some time."""
    durations(where, *given)
    require(not whole or not given or median(given) >= SHORTEST_MS, f"{where}: no durations")


def latency(given: Latency | None, *, least: float = SHORTEST_MS) -> None:
    """The distribution of runs, or, where ``least`` is 0, of a part of each."""
    if given is not None:
        times = (given.p50, given.p90, given.p95, given.p99, given.mean, given.std, given.max)
        require(0 <= given.min <= given.p50 and min(times) >= 0, "a latency below 0")
        require(max(times) < LONGEST_MS, "a latency of many days")
        require(given.p50 >= least and 0 < given.runs < MOST, "a latency of 0, or of no runs")
