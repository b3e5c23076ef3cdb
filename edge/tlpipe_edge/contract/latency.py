"""Latencies, memory and throughput of one artifact at one number of threads."""

from dataclasses import dataclass
from statistics import median
from typing import Literal

from tlpipe_edge.contract.codec import Misfit
from tlpipe_edge.contract.conditions import Span
from tlpipe_edge.contract.ranges import SHORTEST_MS, Milliseconds, Positive, Reading, Samples

StageName = Literal["decode", "resize", "set_input", "invoke", "read_output"]
"""In the order in which an image goes through them."""
StartName = Literal["process", "import", "load", "first_invoke", "total"]
SampleName = Literal["invoke", "end_to_end", "decode", "resize", "set_input", "invoke_in_stages", "read_output"]


@dataclass(frozen=True)
class LatencyFigures:
    """The distribution of single runs in milliseconds, warm-up left out.

    Percentiles are interpolated linearly; ``std`` is the population's.
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
            raise Misfit("more than the median", ".min")


@dataclass(frozen=True, kw_only=True)
class Timing:
    """What was timed of one artifact at one number of threads; None under emulation.

    ``invoke_ms`` is the network alone, ``end_to_end_ms`` from the bytes of a file to its label, ``stages_ms`` the steps
    of that; ``samples_ms`` has each run in its order, ``invoke`` for ``invoke_ms``, ``invoke_in_stages`` for the step.
    ``cold_start_ms`` are medians of several fresh processes. ``peak_memory_mb`` is in millions of bytes.
    ``throughput_per_s`` is images a second by ``throughput_workers`` classifiers at once. ``other_load`` is how many
    cores' worth of time others used meanwhile.
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

    def check_times(self) -> None:
        """Raise Misfit for a run of no duration; a step of one, rounded, can be 0."""
        for name, latency in (("invoke_ms", self.invoke_ms), ("end_to_end_ms", self.end_to_end_ms)):
            check_duration(latency, f".{name}")
        names: tuple[SampleName, ...] = ("invoke", "end_to_end")
        for name in names:
            samples = (self.samples_ms or {}).get(name)
            if samples and median(samples) < SHORTEST_MS:
                raise Misfit("no durations", f".samples_ms.{name}")


def check_duration(latency: LatencyFigures | None, path: str) -> None:
    """Raise Misfit for a latency of no duration, at ``path``."""
    if latency is not None and latency.p50 < SHORTEST_MS:
        raise Misfit("a latency of 0", path)
