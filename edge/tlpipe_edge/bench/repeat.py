"""A disturbed measurement is repeated once, by the same rules, if the machine calms down."""

import math
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from tlpipe_edge.bench import validity
from tlpipe_edge.bench.timing import Timed
from tlpipe_edge.console import progress
from tlpipe_edge.contract.benchmark import KerasResult
from tlpipe_edge.machine import load

CALM_SECONDS = 3
"""How long the machine must be calm. Linux counts CPU time in ticks of 10 ms: 0.15 cores are 45 ticks."""
MAX_WAIT_SECONDS = 30

Measured = TypeVar("Measured", Timed, KerasResult)


class Repeats:
    """The repetitions of one benchmark.

    After it has waited in vain, it does not wait again for as many threads or more: such a load lasts.
    """

    def __init__(self, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self._sleep = sleep
        self._fewest_in_vain = math.inf

    def measured(self, measure: Callable[[], Measured], *, threads: int) -> Measured:
        """Measure; if only reasons that may pass speak against the result, wait until it is calm, and measure again.

        Calm is what does not disturb ``threads`` threads; nor all cores, if only full load was disturbed. The result
        with fewer reasons against its latencies counts, of equal ones that with fewer in all, and else the second. Its
        ``discarded`` has the reasons of the other.
        """
        first = measure()
        if not first.why() or not all(map(validity.may_pass, first.why())):
            return first
        needed = load.now().device.cores if all(map(validity.at_full_load, first.why())) else threads
        if needed >= self._fewest_in_vain:
            return first
        if not self._is_calm(needed):
            self._fewest_in_vain = needed
            progress.say("  the machine did not calm down: the disturbed result is kept")
            return first
        progress.say(f"  measured again; the first time: {'; '.join(map(str, first.why()))}")
        second = measure()
        kept, other = (first, second) if _reasons_against(first) < _reasons_against(second) else (second, first)
        return replace(kept, discarded=other.why())

    def _is_calm(self, threads: int) -> bool:
        """Wait until the machine has been calm for CALM_SECONDS; False if it was not within MAX_WAIT_SECONDS."""
        moments = deque([load.now()], maxlen=CALM_SECONDS + 1)
        with progress.bar("  disturbed: waiting for a calm machine, seconds", total=MAX_WAIT_SECONDS) as advance:
            for _ in range(MAX_WAIT_SECONDS):
                self._sleep(1)
                advance(1)
                moments.append(load.now())
                if len(moments) > CALM_SECONDS and validity.is_calm(moments[0], moments[-1], threads=threads):
                    return True
        return False


def _reasons_against(measured: Timed | KerasResult) -> tuple[int, int]:
    """The number of reasons against the latencies, and in all: nothing is chosen by a cold start or full load."""
    return len(measured.reasons), len(measured.why())
