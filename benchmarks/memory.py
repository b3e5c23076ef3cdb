"""A process and all that it starts: the sum of their proportional set sizes, and their processor time."""

import contextlib
import os
import threading
from pathlib import Path

from watched import family

STEP_SECONDS = 0.5


class Peak(threading.Thread):
    """Looks at the memory of ``pid`` and all below it every ``step`` seconds, as a context.

    ``bytes`` is the largest sum, and ``parts`` the bytes of each kind of process at that time, by its name.
    """

    def __init__(self, pid: int, step: float = STEP_SECONDS) -> None:
        super().__init__(daemon=True)
        self.bytes = 0
        self.parts: dict[str, int] = {}
        self._pid, self._step = pid, step
        self._ended = threading.Event()

    def __enter__(self) -> "Peak":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self.join()

    def run(self) -> None:
        """Look until the end of the context, and once more then."""
        while not self._ended.wait(self._step):
            self._look()
        self._look()

    def _look(self) -> None:
        parts: dict[str, int] = {}
        for each in family(self._pid):
            name = _name(each)
            parts[name] = parts.get(name, 0) + _proportional(each)
        if sum(parts.values()) > self.bytes:
            self.bytes, self.parts = sum(parts.values()), parts


def processor_seconds(pid: int) -> float:
    """What the process and all below it that still run have taken of the processors since each of them started."""
    return sum(map(_processor_ticks, family(pid))) / os.sysconf("SC_CLK_TCK")


def _processor_ticks(pid: int) -> int:
    with contextlib.suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text("utf-8", errors="replace").rpartition(")")[2].split()
        return int(fields[11]) + int(fields[12])
    return 0


def _name(pid: int) -> str:
    """What a process calls itself: its program, or what Ray calls a worker."""
    with contextlib.suppress(OSError):
        title = Path(f"/proc/{pid}/cmdline").read_text("utf-8", errors="replace").split("\0")[0].strip()
        if title.startswith("ray::"):
            return title.split("(")[0].split(".")[0]
        return Path(title.split(" ")[0]).name
    return ""


def _proportional(pid: int) -> int:
    """The proportional set size in bytes; 0 of a process that has ended."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text("utf-8").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), 0)
