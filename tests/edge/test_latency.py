"""The timing loop, by a clock that a test turns."""

import pytest

from tlpipe_edge.latency import Latency, measure

MILLISECOND = 1_000_000


class Watch:
    """A clock in nanoseconds; each step takes the next of ``steps``, the last one for ever."""

    def __init__(self, *milliseconds: int) -> None:
        self.now, self.calls, self.steps = 7, 0, list(milliseconds)

    def __call__(self) -> int:
        return self.now

    def step(self) -> None:
        self.now += MILLISECOND * self.steps[min(self.calls, len(self.steps) - 1)]
        self.calls += 1


def timed(watch: Watch, **options: float) -> Latency:
    return measure(watch.step, clock=watch, **options)


def test_samples_are_in_order_without_the_warm_up() -> None:
    watch = Watch(90, 80, 3, 1, 2)

    assert timed(watch, warmup=2, warmup_seconds=0, runs=3).samples_ms == (3.0, 1.0, 2.0)


def test_warm_is_after_the_calls_and_the_seconds() -> None:
    watch = Watch(100)
    timed(watch, warmup=2, warmup_seconds=0.5, runs=1)
    assert watch.calls == 5 + 1

    watch = Watch(100)
    timed(watch, warmup=8, warmup_seconds=0.5, runs=1)
    assert watch.calls == 8 + 1


def test_the_loop_lasts_for_the_runs_and_the_seconds() -> None:
    assert len(timed(Watch(100), warmup=0, warmup_seconds=0, runs=3, seconds=1.0).samples_ms) == 10
    assert len(timed(Watch(100), warmup=0, warmup_seconds=0, runs=30, seconds=1.0).samples_ms) == 30


def test_percentiles_are_interpolated() -> None:
    latency = Latency((4.0, 1.0, 2.0, 3.0))

    assert latency.p50 == 2.5
    assert latency.percentile(90) == pytest.approx(3.7)
