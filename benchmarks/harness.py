"""Functions for the benchmark scripts: timed processes, contestants in turns, conditions, and stored results."""

import itertools
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from tlpipe_edge.machine import device
from tlpipe_edge.machine.versions import versions

RESULTS = Path(__file__).parent / "results"
PACKAGES = (
    "tlpipe",
    "tensorflow",
    "keras",
    "ai-edge-litert",
    "numpy",
    "opencv-python-headless",
    "pillow",
    "mediapipe",
)
TLPIPE = (sys.executable, "-m", "tlpipe")

Turn = TypeVar("Turn")


@dataclass(frozen=True)
class Timed:
    """A successful process: seconds from its start to the line ``until`` (or its end), and its output."""

    seconds: float
    stdout: str
    stderr: str


def run(
    command: Sequence[str],
    *,
    until: str | None = None,
    environment: dict[str, str] | None = None,
    folder: Path | None = None,
) -> Timed:
    """Run a process in ``folder`` to its end; the clock stops at the first line of stderr that contains ``until``."""
    start = time.perf_counter()
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8") as output,  # not a pipe: a long document would fill it
        subprocess.Popen(
            command,
            stdout=output,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            env=os.environ | (environment or {}),
            cwd=folder,
        ) as process,
    ):
        assert process.stderr
        reached, lines = None, []
        for line in process.stderr:
            lines.append(line)
            if reached is None and until and until in line:
                reached = time.perf_counter() - start
        process.wait()
        end = time.perf_counter() - start
        output.seek(0)
        stdout = output.read()
    if process.returncode or (until and reached is None):
        sys.exit(f"{' '.join(command)}: exit code {process.returncode}\n{''.join(lines[-20:])}")
    return Timed(reached if reached is not None else end, stdout, "".join(lines))


def alternate(turns: Iterable[Turn], contestants: Mapping[str, Callable[[Turn], float]]) -> dict[str, list[float]]:
    """The measurements of each contestant, one per turn, in another order each time: a shared machine varies."""
    measured: dict[str, list[float]] = {name: [] for name in contestants}
    for turn, order in zip(turns, itertools.cycle(itertools.permutations(contestants)), strict=False):
        for name in order:
            measured[name].append(contestants[name](turn))
    return measured


def seconds(work: Callable[[Turn], object]) -> Callable[[Turn], float]:
    """A contestant that measures the time of ``work``."""

    def measure(turn: Turn) -> float:
        start = time.perf_counter()
        work(turn)
        return time.perf_counter() - start

    return measure


def conditions() -> dict[str, Any]:
    """The machine, the date and the versions of packages."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "device": asdict(device.read()),
        "python": platform.python_version(),
        "load_average": os.getloadavg(),
        "versions": versions(PACKAGES),
    }


def publish(name: str, results: dict[str, Any]) -> None:
    """Print the results, and store them with their conditions in ``results/NAME.json``."""
    document = {"benchmark": name, "conditions": conditions(), **results}
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(document, indent=2) + "\n", "utf-8")
    print(json.dumps(document, indent=2))


def median(values: Sequence[float]) -> float:
    """The median."""
    return statistics.median(values)
