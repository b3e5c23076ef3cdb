"""A long run of `tlpipe-edge camera` over a looping video, with the live page: memory, open files and threads.

python benchmarks/soak.py BUNDLE VIDEO [MINUTES]: both processes are sampled every five seconds; the first two minutes
are the warm-up.
"""

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import harness
import numpy as np

WARMUP_SECONDS, STEP_SECONDS = 120, 5


def main() -> None:
    """Measure, and publish the growth of memory in MB per hour, and the range of open files and threads."""
    minutes = float(sys.argv[3]) if len(sys.argv) > 3 else 20
    command = [sys.executable, "-m", "tlpipe_edge", "camera", sys.argv[1], "--source", sys.argv[2], "--loop"]
    samples: dict[str, list[tuple[float, int, int, int]]] = {"camera": [], "capture": []}
    with subprocess.Popen([*command, "--preview", "0"], stdout=subprocess.PIPE, encoding="utf-8") as process:
        assert process.stdout
        process.stdout.readline()
        (capture,) = (
            int(pid)
            for pid in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text(encoding="utf-8").split()
        )
        os.set_blocking(process.stdout.fileno(), False)
        start, answers = time.monotonic(), 0
        while time.monotonic() - start < 60 * minutes:
            time.sleep(STEP_SECONDS)
            answers += (os.read(process.stdout.fileno(), 1 << 20)).count(b"\n")
            for name, pid in (("camera", process.pid), ("capture", capture)):
                samples[name].append((time.monotonic() - start, *_look(pid)))
        process.terminate()
    harness.publish(
        "soak", {"minutes": minutes, "answers": answers} | {name: _trend(rows) for name, rows in samples.items()}
    )


def _look(pid: int) -> tuple[int, int, int]:
    """Resident bytes, open files, threads."""
    process = Path(f"/proc/{pid}")
    pages = int((process / "statm").read_text("utf-8").split()[1])
    return (
        pages * os.sysconf("SC_PAGE_SIZE"),
        len(list((process / "fd").iterdir())),
        len(list((process / "task").iterdir())),
    )


def _trend(rows: list[tuple[float, int, int, int]]) -> dict[str, Any]:
    seconds, resident, files, threads = np.array([row for row in rows if row[0] > WARMUP_SECONDS], float).T
    return {
        "megabytes": float(resident[-1] / 1e6),
        "megabytes_an_hour": float(np.polyfit(seconds / 3600, resident / 1e6, 1)[0]),
        "open_files": sorted(set(files.astype(int).tolist())),
        "threads": sorted(set(threads.astype(int).tolist())),
        "megabytes_each_minute": [round(size / 1e6, 3) for _, size, _, _ in rows[:: 60 // STEP_SECONDS]],
    }


if __name__ == "__main__":
    main()
