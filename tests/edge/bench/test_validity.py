"""What makes a measurement one that is not to be trusted."""

import os
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from boards import PI

from tlpipe_edge.bench import validity
from tlpipe_edge.bench.latency import Latency
from tlpipe_edge.machine import load
from tlpipe_edge.machine.load import Moment, other_load

CALM = Moment(device=PI, load_average=(0.0, 0.0, 0.0), seconds=100.0, own=1.0, busy=50.0)


def later(*, own: float = 10.0, busy: float = 10.0, **device: Any) -> Moment:
    """Ten seconds after CALM, in which this process and all together used so much."""
    return replace(CALM, device=replace(PI, **device), seconds=110.0, own=1.0 + own, busy=50.0 + busy)


def samples(*, runs: int = 300, milliseconds: float = 20.0, high: float = 1.0) -> Latency:
    """A fifth of the runs takes ``high`` times as long."""
    return Latency(tuple(milliseconds * (high if number % 5 == 0 else 1.0) for number in range(runs)))


def disturbances(before: Moment, after: Moment, *, threads: int | None = 4, **more: Any) -> list[str]:
    return list(map(str, validity.disturbances(before, after, threads=threads, **more)))


def doubts(network: Latency, others: Iterable[Latency] = (), **more: Any) -> list[str]:
    return list(map(str, validity.doubts(network, others, **more)))


def test_a_calm_machine_gives_no_reason() -> None:
    assert disturbances(CALM, later(own=10.0, busy=10.5)) == []
    assert doubts(samples()) == []


def test_throttling_now_counts_and_throttling_of_last_week_does_not() -> None:
    old = ("throttled since boot",)
    before = replace(CALM, device=replace(PI, throttling=old))
    assert disturbances(before, later(throttling=old)) == []

    (new,) = disturbances(CALM, later(throttling=old))
    assert new == "throttled: throttled since boot"
    (now,) = disturbances(before, later(throttling=("under-voltage now", *old)))
    assert now == "throttled: under-voltage now"
    hot = replace(CALM, device=replace(PI, throttling=("throttled now",)))
    assert disturbances(hot, later()) == ["throttled: throttled now"]


def test_a_clock_that_moved_is_told() -> None:
    assert disturbances(CALM, later(frequency_mhz=2390.0)) == []
    assert disturbances(CALM, later(frequency_mhz=1500.0)) == ["the frequency changed: from 2400 to 1500 MHz"]


def test_the_load_of_others_is_what_is_not_our_own() -> None:
    assert other_load(CALM, later(own=20.0, busy=25.0)) == pytest.approx(0.5)
    assert disturbances(CALM, later(own=20.0, busy=25.0)) == ["disturbed: other processes used 0.50 of 4 cores"]
    assert disturbances(CALM, later(own=20.0, busy=21.4)) == []


@pytest.mark.parametrize(
    ("threads", "used", "disturbed"),
    [
        (4, 1.4, False),
        (4, 1.6, True),
        (3, 7.4, False),  # 0.6 of the free core, and 0.15
        (3, 7.6, True),
        (1, 19.4, False),
        (1, 19.6, True),
        (9, 1.6, True),
        (None, 3.9, False),  # full load: a tenth of all cores
        (None, 4.1, True),
    ],
)
def test_others_may_use_the_cores_that_are_free(threads: int | None, used: float, disturbed: bool) -> None:
    after = later(own=20.0, busy=20.0 + used)

    assert bool(disturbances(CALM, after, threads=threads)) == disturbed


def test_what_a_hypervisor_takes_it_takes_from_the_timed_threads() -> None:
    before = replace(CALM, stolen=5.0)
    after = replace(later(own=10.0, busy=22.5), stolen=7.5)

    assert disturbances(before, after, threads=1) == [
        "disturbed: other processes used 1.00 of 4 cores, a hypervisor took 0.25"
    ]
    assert disturbances(CALM, replace(after, stolen=None), threads=1) == []


@pytest.mark.parametrize("threads", [1, 3, 4])
@pytest.mark.parametrize("used", [1.4, 1.6, 7.4, 7.6, 19.4, 19.6])
def test_calm_is_what_does_not_disturb_the_measurement(threads: int, used: float) -> None:
    after = later(own=0.0, busy=used)

    assert validity.is_calm(CALM, after, threads=threads) == (not disturbances(CALM, after, threads=threads))
    assert validity.is_calm(CALM, replace(after, busy=None), threads=threads)


def test_a_reason_says_when_it_was_and_its_details_come_last() -> None:
    after = later(own=0.0, busy=25.0, frequency_mhz=1500.0, throttling=("throttled now",))

    assert disturbances(CALM, after, threads=None, when="at full load") == [
        "throttled at full load: throttled now",
        "the frequency changed at full load: from 2400 to 1500 MHz",
        "disturbed at full load: other processes used 2.50 of 4 cores",
    ]


def test_the_clock_is_held_against_that_of_the_warm_machine_and_all_else_against_the_first_moment() -> None:
    warm = replace(CALM, device=replace(PI, frequency_mhz=1500.0, throttling=("throttled since boot",)))
    after = later(frequency_mhz=1500.0, throttling=("throttled since boot",))

    assert disturbances(CALM, after, warm=warm) == ["throttled: throttled since boot"]
    slower = replace(after, device=replace(PI, frequency_mhz=1200.0))
    assert disturbances(CALM, slower, warm=warm) == ["the frequency changed: from 1500 to 1200 MHz"]


def test_what_the_machine_does_not_tell_is_no_reason() -> None:
    unknown = later(frequency_mhz=None, throttling=None)

    assert other_load(CALM, replace(unknown, busy=None)) is None
    assert disturbances(CALM, replace(unknown, busy=None)) == []


def test_too_few_runs_and_too_few_seconds_are_too_short() -> None:
    assert doubts(samples(runs=199, milliseconds=100)) == ["too short: 199 runs in 19.9 s"]
    assert doubts(samples(runs=300, milliseconds=10)) == ["too short: 300 runs in 3.0 s"]
    assert doubts(samples(), [samples(runs=20)]) == ["too short: 20 runs in 0.4 s"]


def test_a_spread_of_the_network_alone_is_told_and_that_of_different_photographs_is_not() -> None:
    assert doubts(samples(high=1.2), [samples(high=3.0)]) == []
    (spread,) = doubts(samples(high=1.4))
    assert spread == "spread too high: the 90th percentile is 1.40 times the median"
    assert doubts(samples(high=1.4), max_spread=2.0) == []
    assert [validity.max_spread(threads, cores=2) for threads in (1, 2, 4)] == [1.25, 1.5, 1.5]


def test_a_warm_up_without_an_end_is_told() -> None:
    assert doubts(replace(samples(), stable=False)) == ["the warm-up did not become stable"]


def test_the_busy_time_is_read_as_linux_counts_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 2})
    ticks = os.sysconf("SC_CLK_TCK")
    core = [1 * ticks, 2 * ticks, 4 * ticks, 100 * ticks, 200 * ticks, 8 * ticks, 16 * ticks, 32 * ticks, 1, 1]
    lines = [f"cpu{number} {' '.join(map(str, core))}" for number in range(4)]
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/stat").write_text("\n".join(["cpu 9 9 9 9 9 9 9 9 9 9", *lines, "ctxt 5", ""]))

    moment = load.now(tmp_path)
    assert (moment.busy, moment.stolen) == (2 * 63, 2 * 32)
    (tmp_path / "proc/stat").write_text("no numbers")
    assert load.now(tmp_path).busy is None


def test_what_this_process_does_is_among_what_the_machine_does() -> None:
    before = load.now()
    if before.busy is None:
        pytest.skip("this system does not tell")
    while (after := load.now()).own - before.own < 0.5:
        sum(range(100_000))

    # Linux counts ticks of 10 ms, and which of two neighbours gets the tick is chance.
    assert after.busy is not None and after.busy - before.busy > 0.4


def test_what_a_process_that_was_started_did_is_our_own() -> None:
    before = load.now()
    work = "import time\nwhile time.process_time() < 0.5: pass"
    subprocess.run([sys.executable, "-S", "-c", work], check=True)

    assert load.now().own - before.own > 0.4
