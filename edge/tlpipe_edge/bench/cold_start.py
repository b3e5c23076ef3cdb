"""A model in fresh processes that do nothing else: how long until the first answer, and how much memory at most."""

import json
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from tlpipe_edge.contract.latency import StartName
from tlpipe_edge.errors import Unavailable

LIMIT_SECONDS = 300.0


@dataclass(frozen=True)
class ColdStart:
    """Medians of several processes. ``cold_start_ms`` has ``process`` (from its start to our first line), ``import``,
    ``load`` (read, check, allocate), ``first_invoke`` and their sum ``total``; the files are in the system's cache.
    ``peak_memory_mb`` is in millions of bytes, after some photographs; None where Linux does not tell.
    """

    cold_start_ms: dict[StartName, float | None] | None
    peak_memory_mb: float | None


NOT_MEASURED = ColdStart(None, None)
"""Where a process did not come through."""


def measure(
    model: Path, *, recipe: str | None, threads: int, runtime: str, photograph: Path, processes: int
) -> ColdStart:
    """Start ``processes`` processes, one after the other. Raises Unavailable where one does not come through."""
    command = [
        sys.executable,
        "-P",  # never modules of the current folder
        "-m",
        "tlpipe_edge.bench.cold_start_child",
    ]
    command += [str(model), recipe or "", str(threads), runtime, str(photograph)]
    steps, memory = zip(*(_run(command) for _ in range(processes)), strict=True)
    known = [each for each in memory if each is not None]
    return ColdStart(
        {name: round(statistics.median(each[name] for each in steps), 3) for name in steps[0]},
        round(statistics.median(known), 1) if len(known) == processes else None,
    )


def _run(command: list[str]) -> tuple[dict[StartName, float], float | None]:
    """The steps of one process in milliseconds, and its peak of memory in millions of bytes."""
    start = time.monotonic_ns()  # the same clock in all processes (clock_gettime(2))
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_SECONDS, check=True)
    except subprocess.TimeoutExpired as error:
        raise Unavailable(f"a process of its own gave no answer within {LIMIT_SECONDS:.0f} s") from error
    except subprocess.CalledProcessError as error:
        reason = (error.stderr.strip().splitlines() or [f"exit code {error.returncode}"])[-1]
        raise Unavailable(f"the model does not run in a process of its own: {reason}") from error
    answer = json.loads(done.stdout)
    moments = [start, *(answer[name] for name in ("begun", "imported", "loaded", "answered"))]
    process, imported, loaded, first = ((after - before) / 1e6 for before, after in pairwise(moments))
    total = (moments[-1] - start) / 1e6
    steps: dict[StartName, float] = {
        "process": process,
        "import": imported,
        "load": loaded,
        "first_invoke": first,
        "total": total,
    }
    return steps, answer["peak_memory_mb"]
