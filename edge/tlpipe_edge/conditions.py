"""What a measurement happened under: the machine before and after, and why its figures may not be trusted."""

import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tlpipe_edge import device
from tlpipe_edge.device import Device
from tlpipe_edge.latency import RULES, Latency

MOST_FREQUENCY_CHANGE = 0.10
"""Share by which the clock may move; the steps of a Raspberry Pi's governor and firmware are larger."""
MOST_OTHER_LOAD = 0.10
"""Share of the machine that others may use meanwhile."""
MOST_SPREAD = 1.25
"""How many times the median the 90th percentile of the network alone may be."""


@dataclass(frozen=True)
class Moment:
    """The machine at one moment. ``seconds`` counts from some moment.

    ``own`` and ``busy`` are CPU seconds until now: of this process and of those that it started and waited for, and of
    all processes on the cores that it may use, with what a hypervisor took away (None where Linux does not tell).
    """

    device: Device
    load_average: tuple[float, float, float] | None
    seconds: float
    own: float
    busy: float | None


def now(root: Path = Path("/")) -> Moment:
    """Look at the machine; ``root`` is where /proc and /sys are looked for."""
    read = device.read(root)  # before the clocks: it may start a process
    times = os.times()
    return Moment(
        device=read,
        load_average=os.getloadavg() if hasattr(os, "getloadavg") else None,
        seconds=time.monotonic(),
        own=times.user + times.system + times.children_user + times.children_system,
        busy=_busy(root),
    )


def disturbances(before: Moment, after: Moment, *, warm: Moment | None = None, when: str = "") -> Iterator[str]:
    """Why what was measured between two moments is not to be trusted; ``when`` it was is said in each reason.

    The machine was warm at the first, or else at ``warm``, and from then on the clock must be steady.
    """
    when = when and f" {when}"
    then, later = before.device.throttling or (), after.device.throttling or ()
    # Bits "since boot" may be of last week: they count when they are new.
    throttled = [words for words in later if words not in then or words.endswith(" now")]
    throttled += [words for words in then if words.endswith(" now") and words not in throttled]
    if throttled:
        yield f"throttled{when}: {', '.join(throttled)}"
    frequencies = (warm or before).device.frequency_mhz, after.device.frequency_mhz
    if frequencies[0] and frequencies[1] and abs(frequencies[1] / frequencies[0] - 1) > MOST_FREQUENCY_CHANGE:
        yield f"the frequency changed{when} from {frequencies[0]:.0f} to {frequencies[1]:.0f} MHz"
    others = other_load(before, after)
    if others is not None and others > MOST_OTHER_LOAD * before.device.cores:
        yield f"disturbed{when}: other processes used {others:.2f} of {before.device.cores} cores"


def other_load(before: Moment, after: Moment) -> float | None:
    """How many cores' worth of time others took between two moments; None where it is not told.

    Linux counts in ticks of 10 ms: in less than a second they would say too little.
    """
    if before.busy is None or after.busy is None or after.seconds < before.seconds + 1:
        return None
    others = (after.busy - before.busy) - (after.own - before.own)
    return max(0.0, others / (after.seconds - before.seconds))


def doubts(network: Latency, others: Iterable[Latency] = (), *, most_spread: float = MOST_SPREAD) -> Iterator[str]:
    """Why samples by themselves are not to be trusted: of the ``network`` alone, and of what else was timed."""
    for each in (network, *others):
        if len(each.samples_ms) < RULES.runs or each.seconds < 0.9 * RULES.seconds:
            yield f"too short: {len(each.samples_ms)} runs in {each.seconds:.1f} s"
            break
    if not all(each.stable for each in (network, *others)):
        yield "the warm-up did not become stable"
    spread = network.percentile(90) / network.p50
    if spread > most_spread:
        yield f"spread too high: the 90th percentile is {spread:.2f} times the median"


def _busy(root: Path) -> float | None:
    """CPU seconds from /proc/stat (proc_stat(5)): all but idle and iowait, steal with them; guest is within user."""
    if not hasattr(os, "sched_getaffinity"):
        return None
    cores = {f"cpu{number}" for number in os.sched_getaffinity(0)}
    try:
        lines = [line.split() for line in (root / "proc/stat").read_text().splitlines()]
        ticks = [list(map(int, line[1:9])) for line in lines if line and line[0] in cores]
    except (OSError, ValueError):
        return None
    if not ticks:
        return None
    return sum(sum(each) - each[3] - each[4] for each in ticks) / os.sysconf("SC_CLK_TCK")
