"""A disturbed measurement is repeated once, if the machine calms down."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain, repeat

import pytest
from boards import PI

from tlpipe_edge.bench import repeat as repeating
from tlpipe_edge.bench.repeat import Repeats
from tlpipe_edge.bench.timing import Timed
from tlpipe_edge.contract.latency import Timing
from tlpipe_edge.contract.validity import Reason
from tlpipe_edge.machine import load
from tlpipe_edge.machine.load import Moment

BUSY = Reason("disturbed", "other processes used 0.41 of 2 cores")
SPREAD = Reason("spread too high", "the 90th percentile is 1.40 times the median")
AT_FULL_LOAD = replace(BUSY, kind="disturbed at full load")
CALM, DISTURBED = Timed(Timing()), Timed(Timing(), (BUSY,))
LOADED = Timed(Timing(full_load_reasons=(AT_FULL_LOAD,)))


class Machine:
    """What ``load.now`` sees: others use ``loads`` cores, second after second, while a benchmark sleeps."""

    def __init__(self, *loads: float) -> None:
        self.moment = Moment(device=PI, load_average=None, seconds=0.0, own=0.0, busy=0.0)
        self._loads = iter(loads)

    def sleep(self, seconds: float) -> None:
        used = (self.moment.busy or 0.0) + next(self._loads) * seconds
        self.moment = replace(self.moment, seconds=self.moment.seconds + seconds, busy=used)


class Results:
    """Measurements with these results, one after the other."""

    def __init__(self, *results: Timed) -> None:
        self._left = list(results)

    def measure(self) -> Timed:
        return self._left.pop(0)


@pytest.fixture
def calm(monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    """A machine that is calm from the start."""
    machine = Machine(*[0.0] * 30)
    monkeypatch.setattr(load, "now", lambda: machine.moment)
    yield machine


def test_a_disturbed_measurement_is_repeated_once_the_machine_is_calm(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    machine = Machine(*chain([1.0] * 20, repeat(0.1, 3)))
    monkeypatch.setattr(load, "now", lambda: machine.moment)

    measured = Repeats(sleep=machine.sleep).measured(Results(DISTURBED, CALM).measure, threads=4)
    assert measured == replace(CALM, discarded=(BUSY,))
    assert machine.moment.seconds == 23, "until it was calm for three seconds"
    waiting, again = capsys.readouterr().err.splitlines()
    assert waiting == "  disturbed: waiting for a calm machine, seconds (30)"
    assert again == f"  measured again; the first time: {BUSY}"


def test_where_it_does_not_calm_down_the_result_stays_and_nothing_waits_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    machine = Machine(*[0.0, 0.0, 1.0] * 10)
    monkeypatch.setattr(load, "now", lambda: machine.moment)
    repeats = Repeats(sleep=machine.sleep)

    assert repeats.measured(Results(DISTURBED).measure, threads=4) is DISTURBED
    assert machine.moment.seconds == repeating.MAX_WAIT_SECONDS
    assert "did not calm down" in capsys.readouterr().err
    assert repeats.measured(Results(DISTURBED).measure, threads=4) is DISTURBED
    assert machine.moment.seconds == repeating.MAX_WAIT_SECONDS


@pytest.mark.parametrize(
    "reasons",
    [
        (),
        (Reason("throttled", "throttled now"),),
        (Reason("too short", "20 runs in 0.4 s"), BUSY),
        (Reason("no cold start", "a separate process failed"),),
    ],
)
def test_what_a_calm_machine_does_not_mend_is_not_repeated(reasons: tuple[Reason, ...], calm: Machine) -> None:
    once = Timed(Timing(), reasons)

    assert Repeats(sleep=calm.sleep).measured(Results(once).measure, threads=4) is once
    assert calm.moment.seconds == 0


@pytest.mark.parametrize(
    ("second", "kept", "discarded"),
    [
        ((SPREAD,), (SPREAD,), (BUSY,)),
        ((BUSY, SPREAD), (BUSY,), (BUSY, SPREAD)),
    ],
)
def test_of_two_invalid_ones_that_with_fewer_reasons_counts_and_else_the_second(
    second: tuple[Reason, ...], kept: tuple[Reason, ...], discarded: tuple[Reason, ...], calm: Machine
) -> None:
    measured = Repeats(sleep=calm.sleep).measured(Results(DISTURBED, Timed(Timing(), second)).measure, threads=4)

    assert (measured.reasons, measured.discarded) == (kept, discarded)


def test_a_disturbed_cold_start_or_full_load_is_a_reason_too(calm: Machine) -> None:
    measured = Repeats(sleep=calm.sleep).measured(Results(LOADED, CALM).measure, threads=4)

    assert measured.discarded == (AT_FULL_LOAD,)


@pytest.mark.parametrize("loaded", [LOADED, Timed(Timing(cold_start_reasons=(SPREAD,), full_load_reasons=(BUSY,)))])
@pytest.mark.parametrize("turn", [1, -1])
def test_of_a_valid_latency_and_an_invalid_one_the_valid_one_is_kept(loaded: Timed, turn: int, calm: Machine) -> None:
    both = (loaded, DISTURBED)[::turn]
    measured = Repeats(sleep=calm.sleep).measured(Results(*both).measure, threads=4)

    assert measured == replace(loaded, discarded=(BUSY,))


def test_of_two_valid_latencies_that_with_fewer_other_reasons_is_kept(calm: Machine) -> None:
    worse = Timed(Timing(cold_start_reasons=(BUSY,), full_load_reasons=(AT_FULL_LOAD,)))

    assert Repeats(sleep=calm.sleep).measured(Results(LOADED, worse).measure, threads=4).timing == LOADED.timing


def test_the_machine_is_calm_when_the_load_is_allowed_for_the_threads_of_the_measurement(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    machine = Machine(*[1.0] * 100)  # of 4 cores
    monkeypatch.setattr(load, "now", lambda: machine.moment)
    repeats = Repeats(sleep=machine.sleep)

    assert repeats.measured(Results(DISTURBED).measure, threads=4) is DISTURBED
    waited = machine.moment.seconds
    assert repeats.measured(Results(LOADED).measure, threads=1) is LOADED, "full load takes all cores"
    assert machine.moment.seconds == waited
    assert repeats.measured(Results(DISTURBED, CALM).measure, threads=1).discarded == (BUSY,)
    assert machine.moment.seconds == waited + repeating.CALM_SECONDS


def test_after_a_wait_in_vain_for_one_thread_nothing_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(*[3.0] * 100)
    monkeypatch.setattr(load, "now", lambda: machine.moment)
    repeats = Repeats(sleep=machine.sleep)

    for threads in (1, 1, 2, 4):
        assert repeats.measured(Results(DISTURBED).measure, threads=threads) is DISTURBED
    assert machine.moment.seconds == repeating.MAX_WAIT_SECONDS
