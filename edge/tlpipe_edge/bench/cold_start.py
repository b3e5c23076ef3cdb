"""Cold start and peak memory of a model, measured in fresh processes that do nothing else."""

import json
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from tlpipe_edge.classify.model_file import NO_OPTIONS, FileOptions
from tlpipe_edge.contract.latency import StartName
from tlpipe_edge.errors import Unavailable

LIMIT_SECONDS = 300.0


@dataclass(frozen=True)
class ColdStart:
    """Medians over several processes. ``cold_start_ms`` has ``process`` (from its start to our first line), ``import``,
    ``load`` (read, check, allocate), ``first_invoke`` and their sum ``total``; the files are in the page cache.
    ``peak_memory_mb`` is in millions of bytes, after some images; None if Linux does not report it.
    """

    cold_start_ms: dict[StartName, float | None] | None
    peak_memory_mb: float | None


NOT_MEASURED = ColdStart(None, None)
"""The result if a process failed."""


def measure(
    model: Path,
    *,
    recipe: str | None,
    threads: int,
    runtime: str,
    image: Path,
    processes: int,
    file: FileOptions = NO_OPTIONS,
) -> ColdStart:
    """Start ``processes`` processes, one after the other. Raise Unavailable if one fails."""
    command = [
        sys.executable,
        "-P",  # never modules of the current folder
        "-m",
        "tlpipe_edge.bench.cold_start_child",
    ]
    labels = None if file.labels is None else str(file.labels)
    arguments = {"recipe": recipe, "threads": threads, "runtime": runtime} | vars(file) | {"labels": labels}
    command += [str(model), json.dumps(arguments), str(image)]
    steps, memory = zip(*(_run(command) for _ in range(processes)), strict=True)
    known = [each for each in memory if each is not None]
    return ColdStart(
        {name: round(statistics.median(each[name] for each in steps), 3) for name in steps[0]},
        round(statistics.median(known), 1) if len(known) == processes else None,
    )


def _run(command: list[str]) -> tuple[dict[StartName, float], float | None]:
    """The steps of one process in milliseconds, and its peak memory in millions of bytes."""
    start = time.monotonic_ns()  # the same clock in all processes (clock_gettime(2))
    try:
        done = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=LIMIT_SECONDS, check=True)
    except subprocess.TimeoutExpired as error:
        raise Unavailable(f"a separate process did not finish within {LIMIT_SECONDS:.0f} s") from error
    except subprocess.CalledProcessError as error:
        reason = (error.stderr.strip().splitlines() or [f"exit code {error.returncode}"])[-1]
        raise Unavailable(f"the model does not run in a separate process: {reason}") from error
    measured = json.loads(done.stdout)
    moments = [start, *(measured[name] for name in ("begun", "imported", "loaded", "invoked"))]
    process, imported, loaded, first = ((after - before) / 1e6 for before, after in pairwise(moments))
    total = (moments[-1] - start) / 1e6
    steps: dict[StartName, float] = {
        "process": process,
        "import": imported,
        "load": loaded,
        "first_invoke": first,
        "total": total,
    }
    return steps, measured["peak_memory_mb"]
