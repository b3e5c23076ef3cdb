"""Latencies, memory and throughput of one artifact with one number of threads."""

from dataclasses import dataclass
from statistics import median
from typing import Literal

from tlpipe_edge.contract.codec import Misfit
from tlpipe_edge.contract.conditions import Span
from tlpipe_edge.contract.ranges import MIN_MS, Milliseconds, Positive, Reading, Samples
from tlpipe_edge.contract.validity import Reason

StageName = Literal["decode", "resize", "set_input", "invoke", "read_output"]
"""The steps of a prediction, in their order."""
StartName = Literal["process", "import", "load", "first_invoke", "total"]
SampleName = Literal["invoke", "end_to_end", "decode", "resize", "set_input", "invoke_in_stages", "read_output"]


@dataclass(frozen=True)
class LatencyFigures:
    """The distribution of single runs in milliseconds, without the warm-up.

    Percentiles are interpolated linearly; ``std`` is that of the population.
    """

    p50: Milliseconds
    p90: Milliseconds
    p95: Milliseconds
    p99: Milliseconds
    mean: Milliseconds
    std: Milliseconds
    min: Milliseconds
    max: Milliseconds
    runs: Positive

    def check(self) -> None:
        if self.min > self.p50:
            raise Misfit("greater than the median", ".min")


@dataclass(frozen=True, kw_only=True)
class Timing:
    """The times of one artifact with one number of threads; None under emulation.

    ``invoke_ms`` is the network alone, ``end_to_end_ms`` the time from the bytes of a file to its label, ``stages_ms``
    its stages. ``samples_ms`` has every run in order: ``invoke`` for ``invoke_ms``, ``invoke_in_stages`` for that
    stage. ``cold_start_ms`` are medians of several fresh processes. ``peak_memory_mb`` is in millions of bytes.
    ``throughput_per_s`` is images a second with ``throughput_workers`` classifiers in parallel. ``other_load`` is the
    CPU time of other processes divided by the elapsed time: a number of cores. ``cold_start_reasons`` say why
    ``cold_start_ms`` is invalid, ``full_load_reasons`` the same of ``throughput_per_s``: the latencies may be valid.
    ``batch_runs``: the clock of a browser is coarse, so each sample is the mean of so many runs.
    """

    invoke_ms: LatencyFigures | None = None
    end_to_end_ms: LatencyFigures | None = None
    stages_ms: dict[StageName, LatencyFigures | None] | None = None
    cold_start_ms: dict[StartName, Milliseconds | None] | None = None
    peak_memory_mb: Reading | None = None
    throughput_per_s: Reading | None = None
    throughput_workers: Positive | None = None
    frequency_mhz: Span | None = None
    other_load: Reading | None = None
    samples_ms: dict[SampleName, Samples | None] | None = None
    cold_start_reasons: tuple[Reason, ...] = ()
    full_load_reasons: tuple[Reason, ...] = ()
    batch_runs: Positive | None = None

    def check_times(self) -> None:
        """Raise Misfit if a run took no time. A single stage, rounded, may be 0."""
        for name, latency in (("invoke_ms", self.invoke_ms), ("end_to_end_ms", self.end_to_end_ms)):
            check_duration(latency, f".{name}")
        names: tuple[SampleName, ...] = ("invoke", "end_to_end")
        for name in names:
            samples = (self.samples_ms or {}).get(name)
            if samples and median(samples) < MIN_MS:
                raise Misfit("the median is 0", f".samples_ms.{name}")


def check_duration(latency: LatencyFigures | None, path: str) -> None:
    """Raise Misfit, at ``path``, if the median latency is 0."""
    if latency is not None and latency.p50 < MIN_MS:
        raise Misfit("the median latency is 0", path)
