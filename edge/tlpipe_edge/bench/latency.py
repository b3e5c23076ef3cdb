"""Latency as raw samples: warm-up until stable, loop, percentiles. The clock is a parameter, so tests need not wait."""

import itertools
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tlpipe_edge.contract.latency import LatencyFigures, StageName
from tlpipe_edge.machine.garbage import no_garbage_collection

Clock = Callable[[], int]
"""Nanoseconds since some moment."""


@dataclass(frozen=True)
class Rules:
    """How long a measurement lasts.

    The warm-up runs in windows of ``window_runs`` and ``window_seconds``, whichever takes longer, until the medians of
    two successive windows differ by no more than ``agreement`` (a share). So it has at least 10 runs and 0.5 s. It
    stops after ``max_windows``. The timed loop then has at least ``runs`` runs and ``seconds``. The cold start is
    measured in ``processes`` processes. Full load lasts ``full_seconds``.
    """

    window_runs: int = 5
    window_seconds: float = 0.25
    agreement: float = 0.05
    max_windows: int = 40
    runs: int = 200
    seconds: float = 5.0
    processes: int = 5
    full_seconds: float = 2.0


RULES = Rules()


@dataclass(frozen=True)
class Latency:
    """Durations of single runs in milliseconds, in the order of the runs, without the warm-up.

    ``stable``: whether the warm-up ended with two windows that agree.
    """

    samples_ms: tuple[float, ...]
    stable: bool = True

    def percentile(self, percent: float) -> float:
        """The ``percent``-th percentile (0..100) in milliseconds, interpolated linearly."""
        return float(np.percentile(self.samples_ms, percent))

    @property
    def p50(self) -> float:
        """The median in milliseconds."""
        return self.percentile(50)

    @property
    def seconds(self) -> float:
        """The sum of all samples."""
        return sum(self.samples_ms) / 1e3

    def figures(self) -> LatencyFigures:
        """The figures of a report."""
        return LatencyFigures(
            p50=self.p50,
            p90=self.percentile(90),
            p95=self.percentile(95),
            p99=self.percentile(99),
            mean=float(np.mean(self.samples_ms)),
            std=float(np.std(self.samples_ms)),
            min=min(self.samples_ms),
            max=max(self.samples_ms),
            runs=len(self.samples_ms),
        )


def measure(step: Callable[[], object], *, rules: Rules = RULES, clock: Clock = time.perf_counter_ns) -> Latency:
    """Call ``step`` until it is warm, then time it."""
    stable = warm_up(step, rules=rules, clock=clock)
    return timed(step, rules=rules, clock=clock, stable=stable)


def warm_up(step: Callable[[], object], *, rules: Rules = RULES, clock: Clock = time.perf_counter_ns) -> bool:
    """Call ``step`` until its duration is stable; False if it never was."""
    medians = (
        float(np.median(_repeat(step, rules.window_runs, rules.window_seconds, clock)))
        for _ in range(rules.max_windows)
    )
    return any(abs(after - before) <= rules.agreement * before for before, after in itertools.pairwise(medians))


def timed(
    step: Callable[[], object], *, rules: Rules = RULES, clock: Clock = time.perf_counter_ns, stable: bool = True
) -> Latency:
    """Time a ``step`` after its warm-up."""
    with no_garbage_collection():  # as timeit does: the samples themselves would make the collector run
        return Latency(_milliseconds(_repeat(step, rules.runs, rules.seconds, clock)), stable)


class Stages:
    """A chain of named stages that processes one source after the other, timed stage by stage.

    The first of ``stages`` takes a source, each other one the result of the stage before. ``run`` processes the next
    source. ``latencies`` and ``total`` are over the runs since the last ``forget``; so are ``results``, pairs of the
    index of the source and the result of the last stage.
    """

    def __init__(
        self,
        stages: Mapping[StageName, Callable[[Any], Any]],
        sources: Sequence[Any],
        *,
        clock: Clock = time.perf_counter_ns,
    ) -> None:
        self._names, self._functions = tuple(stages), tuple(stages.values())
        self._turn, self._clock = itertools.cycle(enumerate(sources)), clock
        self._marks: list[list[int]] = []
        self.results: list[tuple[int, Any]] = []

    def run(self) -> None:
        """Process the next source in all stages."""
        number, value = next(self._turn)
        marks = [self._clock()]
        for function in self._functions:
            value = function(value)
            marks.append(self._clock())
        self._marks.append(marks)
        self.results.append((number, value))

    def forget(self) -> None:
        """Drop the records of the runs so far, such as the warm-up."""
        self._marks.clear()
        self.results.clear()

    def latencies(self) -> dict[StageName, Latency]:
        """The latency of each stage."""
        durations = np.diff(np.array(self._marks), axis=1)
        return {name: Latency(_milliseconds(durations[:, at])) for at, name in enumerate(self._names)}

    def total(self, *, stable: bool = True) -> Latency:
        """The latency of all stages together."""
        return Latency(_milliseconds([marks[-1] - marks[0] for marks in self._marks]), stable)


def _repeat(step: Callable[[], object], count: int, seconds: float, clock: Clock) -> list[int]:
    durations: list[int] = []
    start = before = clock()
    while len(durations) < count or before - start < seconds * 1e9:
        step()
        after = clock()
        durations.append(after - before)
        before = after
    return durations


def _milliseconds(nanoseconds: Sequence[int] | np.ndarray) -> tuple[float, ...]:
    """Rounded to a ten-thousandth: figures are computed from the samples that a report holds."""
    return tuple(round(float(duration) / 1e6, 4) for duration in nanoseconds)
