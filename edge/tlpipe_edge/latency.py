"""Latency as raw samples: warm-up, loop, percentiles. The clock is injected, so that a test needs no waiting."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Latency:
    """Durations of single runs in milliseconds, in the order in which they were taken, warm-up left out."""

    samples_ms: tuple[float, ...]

    def percentile(self, percent: float) -> float:
        """The ``percent``-th percentile (0..100) in milliseconds, interpolated linearly."""
        return float(np.percentile(self.samples_ms, percent))

    @property
    def p50(self) -> float:
        """The median in milliseconds."""
        return self.percentile(50)


def measure(
    step: Callable[[], object],
    *,
    warmup: int = 10,
    warmup_seconds: float = 0.5,
    runs: int = 200,
    seconds: float = 0.0,
    clock: Callable[[], int] = time.perf_counter_ns,
) -> Latency:
    """Call ``step`` until it is warm, then time it: at least ``runs`` times and for at least ``seconds``.

    Warm is after ``warmup`` calls and ``warmup_seconds``, whichever ends later. ``clock`` counts nanoseconds.
    """
    _repeat(step, warmup, warmup_seconds, clock)
    return Latency(tuple(nanoseconds / 1e6 for nanoseconds in _repeat(step, runs, seconds, clock)))


def _repeat(step: Callable[[], object], count: int, seconds: float, clock: Callable[[], int]) -> list[int]:
    durations: list[int] = []
    start = before = clock()
    while len(durations) < count or before - start < seconds * 1e9:
        step()
        after = clock()
        durations.append(after - before)
        before = after
    return durations
