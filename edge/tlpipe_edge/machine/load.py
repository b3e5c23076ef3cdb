"""The state of the machine at one moment, and the load of other processes between two moments."""

import os
import time
from dataclasses import dataclass
from pathlib import Path

from tlpipe_edge.machine import device
from tlpipe_edge.machine.device import Device


@dataclass(frozen=True)
class Moment:
    """The machine at one moment. ``seconds`` is a monotonic clock.

    ``own``, ``busy`` and ``stolen`` are CPU seconds so far. ``own``: of this process and its finished children.
    ``busy``: of all processes on the cores that this process may use, with the time ``stolen`` by a hypervisor (both
    None if unknown).
    """

    device: Device
    load_average: tuple[float, float, float] | None
    seconds: float
    own: float
    busy: float | None
    stolen: float | None = None


def now(root: Path = Path("/")) -> Moment:
    """Read the state of the machine; ``root`` is the folder that holds /proc and /sys."""
    read = device.read(root)  # before the clocks: it may start a process
    times = os.times()
    busy, stolen = _busy(root)
    return Moment(
        device=read,
        load_average=os.getloadavg() if hasattr(os, "getloadavg") else None,
        seconds=time.monotonic(),
        own=times.user + times.system + times.children_user + times.children_system,
        busy=busy,
        stolen=stolen,
    )


def other_load(before: Moment, after: Moment) -> float | None:
    """CPU time of other processes and of a hypervisor divided by the elapsed time: a number of cores; None if unknown.

    Linux counts in ticks of 10 ms: over less than a second the result would be too coarse.
    """
    if before.busy is None or after.busy is None or after.seconds < before.seconds + 1:
        return None
    others = (after.busy - before.busy) - (after.own - before.own)
    return max(0.0, others / (after.seconds - before.seconds))


def stolen_load(before: Moment, after: Moment) -> float:
    """The part of ``other_load`` that a hypervisor took; 0 if unknown."""
    if before.stolen is None or after.stolen is None or after.seconds < before.seconds + 1:
        return 0.0
    return (after.stolen - before.stolen) / (after.seconds - before.seconds)


def _busy(root: Path) -> tuple[float, float] | tuple[None, None]:
    """CPU seconds from /proc/stat (proc_stat(5)): all but idle and iowait (guest is part of user), and steal alone."""
    if not hasattr(os, "sched_getaffinity"):
        return None, None
    cores = {f"cpu{number}" for number in os.sched_getaffinity(0)}
    try:
        lines = [line.split() for line in (root / "proc/stat").read_text("utf-8").splitlines()]
        ticks = [list(map(int, line[1:9])) for line in lines if line and line[0] in cores]
    except (OSError, ValueError):
        return None, None
    if not ticks:
        return None, None
    rate = os.sysconf("SC_CLK_TCK")
    return sum(sum(each) - each[3] - each[4] for each in ticks) / rate, sum(each[7] for each in ticks) / rate
