"""A process and all that it starts: seconds, processor time, and the maximum of the memory that no file backs."""

import contextlib
import os
import resource
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

INTERVAL = 0.2
"""Seconds between two looks at the memory. A shorter peak can be missed."""
COUNTED = ("Pss_Anon:", "Pss_Shmem:")
"""What a process has of its own and its part of what it shares, without the pages of mapped files, which the system can
drop and read again. It takes the kernel 20 ms to count that of a process with TensorFlow."""
BOUND = ("RssAnon:", "RssShmem:")
"""The same, but with all of what a process shares: never less, and known at once."""
SPANS = 40
"""Maximum length of a trace."""


@dataclass(frozen=True)
class Watched:
    """A process that ended.

    Attributes:
        exit_code: Negative if a signal ended it.
        seconds: From its start to its end.
        processor_seconds: Of it and of the processes that it started and waited for.
        peak_bytes: Maximum over the looks of the sum over all its processes of ``COUNTED``.
        peak_processes: The bytes of each process at that time, the largest first.
        peak_second: When that was.
        trace: Maximum in each of at most ``SPANS`` equal spans of time of the sum of ``BOUND``, in bytes.
    """

    exit_code: int
    seconds: float
    processor_seconds: float
    peak_bytes: int
    peak_processes: tuple[int, ...]
    peak_second: float
    trace: tuple[int, ...]


def run(command: Sequence[str], *, environment: dict[str, str], folder: Path, log: Path) -> Watched:
    """Run ``command`` in ``folder`` to its end. Its output goes to ``log``."""
    before, start = _waited_for(), time.perf_counter()
    with (
        log.open("wb") as output,
        subprocess.Popen(command, stdout=output, stderr=output, env=os.environ | environment, cwd=folder) as process,
    ):
        looks = _Looks(process.pid)
        looks.start()
        try:
            exit_code = process.wait()
        finally:
            if process.poll() is None:  # this program is being stopped
                process.terminate()
            looks.end()
    return Watched(
        exit_code=exit_code,
        seconds=time.perf_counter() - start,
        processor_seconds=_waited_for() - before,
        peak_bytes=sum(looks.largest),
        peak_processes=tuple(sorted(looks.largest, reverse=True)),
        peak_second=looks.largest_at - start,
        trace=looks.trace(),
    )


class _Looks(threading.Thread):
    """Looks at the memory of a process and its descendants every ``INTERVAL``, until ``end``.

    ``largest`` are the bytes of each when their sum was the largest, and ``largest_at`` the time of that.
    """

    def __init__(self, pid: int) -> None:
        super().__init__()
        self.largest: list[int] = []
        self.largest_at = time.perf_counter()
        self._pid = pid
        self._bounds: list[int] = []
        self._ended = threading.Event()

    def run(self) -> None:
        while not self._ended.is_set():
            pids = list(family(self._pid))
            self._bounds.append(sum(_bytes(pid, "status", BOUND) for pid in pids))
            if self._bounds[-1] > sum(self.largest):
                sizes = [size for pid in pids if (size := _bytes(pid, "smaps_rollup", COUNTED))]
                if sum(sizes) > sum(self.largest):
                    self.largest, self.largest_at = sizes, time.perf_counter()
            self._ended.wait(INTERVAL)

    def end(self) -> None:
        """End looking."""
        self._ended.set()
        self.join()

    def trace(self) -> tuple[int, ...]:
        """As in ``Watched``."""
        spans = [0] * min(SPANS, len(self._bounds))
        for place, bound in enumerate(self._bounds):
            span = place * len(spans) // len(self._bounds)
            spans[span] = max(spans[span], bound)
        return tuple(spans)


def family(pid: int) -> Iterator[int]:
    """The process and its descendants, but for those whose parent has ended before them."""
    yield pid
    children: list[str] = []
    with contextlib.suppress(OSError):  # it has ended meanwhile
        for thread in Path(f"/proc/{pid}/task").iterdir():
            children += (thread / "children").read_text("utf-8").split()
    for child in children:
        yield from family(int(child))


def _bytes(pid: int, file: str, names: tuple[str, ...]) -> int:
    """The sum of these lines of a file of the process; 0 if it has ended."""
    try:
        lines = Path(f"/proc/{pid}/{file}").read_text("utf-8").splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith(names))


def _waited_for() -> float:
    """Processor seconds of the children that have ended, and of theirs."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
