"""The timing loop, by a clock that a test turns."""

import gc
import statistics
from collections.abc import Iterable
from itertools import chain, repeat

import pytest

from tlpipe_edge.bench.latency import RULES, Latency, Rules, Stages, measure, timed, warm_up

MILLISECOND = 1_000_000
QUICK = Rules(window_runs=1, window_seconds=0, runs=3, seconds=0)


class Watch:
    """A clock in nanoseconds; each step takes the next of ``milliseconds``, the last one for ever."""

    def __init__(self, *milliseconds: float) -> None:
        self.now, self.calls = 7, 0
        self.steps = chain(milliseconds, repeat(milliseconds[-1]))

    def __call__(self) -> int:
        return self.now

    def step(self, _: object = None) -> None:
        self.now += int(MILLISECOND * next(self.steps))
        self.calls += 1


def test_samples_are_in_order_without_the_warm_up() -> None:
    watch = Watch(90, 90, 3, 1, 2)

    assert measure(watch.step, rules=QUICK, clock=watch).samples_ms == (3.0, 1.0, 2.0)


def test_the_warm_up_has_at_least_ten_runs_and_half_a_second() -> None:
    slow = Watch(300)
    assert warm_up(slow.step, clock=slow)
    assert slow.calls == 10

    fast = Watch(1)
    assert warm_up(fast.step, clock=fast)
    assert fast.calls == 500


def test_it_is_warm_when_two_windows_in_a_row_have_the_same_median() -> None:
    cooling = chain(*(repeat(milliseconds, 5) for milliseconds in (400, 300, 200, 101, 100)))
    watch = Watch(*cooling)

    assert warm_up(watch.step, clock=watch)
    assert watch.calls == 25


def test_a_warm_up_that_never_settles_is_given_up_and_said() -> None:
    restless: Iterable[int] = chain.from_iterable(repeat([100, 120], 60))
    watch = Watch(*restless)
    rules = Rules(window_runs=1, window_seconds=0, max_windows=30, runs=3, seconds=0)

    latency = measure(watch.step, rules=rules, clock=watch)
    assert not latency.stable
    assert watch.calls == 30 + 3


def test_the_loop_has_at_least_two_hundred_runs_and_five_seconds() -> None:
    assert (RULES.runs, RULES.seconds) == (200, 5.0)
    for milliseconds, runs in ((100, 200), (10, 500)):
        watch = Watch(milliseconds)
        assert len(timed(watch.step, clock=watch).samples_ms) == runs


def test_the_collector_of_garbage_waits() -> None:
    watch, enabled = Watch(1), set()

    def step() -> None:
        enabled.add(gc.isenabled())
        watch.step()

    timed(step, rules=QUICK, clock=watch)
    assert enabled == {False} and gc.isenabled()


def test_the_figures_are_those_of_the_samples() -> None:
    samples = (4.0, 1.0, 2.0, 3.0)
    figures = Latency(samples).figures()

    assert figures.p50 == 2.5 == Latency(samples).p50
    assert figures.p90 == pytest.approx(3.7)
    assert figures.p95 == pytest.approx(3.85)
    assert figures.p99 == pytest.approx(3.97)
    assert (figures.mean, figures.min, figures.max, figures.runs) == (2.5, 1.0, 4.0, 4)
    assert figures.std == pytest.approx(statistics.pstdev(samples))


def test_each_stage_takes_what_the_one_before_gave_and_has_its_own_time() -> None:
    watch = Watch(5, 1, 7, 2)

    def double(number: int) -> int:
        watch.step()
        return 2 * number

    def negate(number: int) -> int:
        watch.step()
        return -number

    stages = Stages({"double": double, "negate": negate}, [10, 20], clock=watch)
    stages.run()
    stages.run()

    assert stages.results == [(0, -20), (1, -40)]
    by_stage = stages.latencies()
    assert by_stage["double"].samples_ms == (5.0, 7.0)
    assert by_stage["negate"].samples_ms == (1.0, 2.0)
    assert stages.total().samples_ms == (6.0, 9.0)


def test_what_a_chain_recorded_while_it_warmed_up_can_be_dropped() -> None:
    watch = Watch(50, 3, 2)
    stages = Stages({"only": watch.step}, ["a", "b"], clock=watch)
    stages.run()
    stages.forget()
    stages.run()
    stages.run()

    assert stages.total().samples_ms == (3.0, 2.0)
    assert [number for number, _ in stages.results] == [1, 0]
