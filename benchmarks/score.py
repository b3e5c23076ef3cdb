"""`tlpipe score` with one worker and with two in turns, and its memory over more and more images.

python benchmarks/score.py BUNDLE DATA [ROUNDS [IMAGES ...]]: the images of the folder DATA, named again and again by a
list. In each of ROUNDS (5), ``SPEED_IMAGES`` of them are scored; the memory is that of 10,000 and 100,000, if no IMAGES
are given: the largest sum of the proportional set sizes of all its processes, looked at twice a second.
"""

import itertools
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import harness

from tlpipe_edge.images import walker

SPEED_IMAGES = 1000
STEP_SECONDS = 0.5


def main() -> None:
    """Measure, and publish images per second, their ratio, and the peak memory."""
    bundle, data = sys.argv[1:3]
    rounds = int(sys.argv[3]) if len(sys.argv) > 3 else 5
    numbers = [int(number) for number in sys.argv[4:]] or [10_000, 100_000]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = walker.walk(Path(data).absolute()).images
        few = _list(folder / "few.txt", files, SPEED_IMAGES)
        contestants = {
            str(workers): lambda _, workers=workers: _speed(_command(bundle, few, workers)) for workers in (1, 2)
        }
        speeds = harness.alternate(range(rounds), contestants)
        medians = {workers: harness.median(each) for workers, each in speeds.items()}
        memory = [_memory(_command(bundle, _list(folder / "many.txt", files, number), None)) for number in numbers]
    results = {
        "bundle": Path(bundle).name,
        "images_a_round": SPEED_IMAGES,
        "images_per_second": speeds,
        "median": medians,
        "two_workers_over_one": medians["2"] / medians["1"],
        "ratio_in_each_round": [two / one for one, two in zip(speeds["1"], speeds["2"], strict=True)],
        "memory": memory,
    }
    harness.publish("score", results)


def _list(file: Path, images: tuple[Path, ...], number: int) -> Path:
    repeated = itertools.islice(itertools.cycle(images), number)
    file.write_text("".join(f"{image}\n" for image in repeated), "utf-8")
    return file


def _command(bundle: str, images: Path, workers: int | None) -> list[str]:
    how_many = () if workers is None else ("--workers", str(workers))
    out = images.with_suffix(".csv")
    return [*harness.TLPIPE, "score", bundle, str(images), "--out", str(out), "--overwrite", "--json", *how_many]


def _speed(command: list[str]) -> float:
    """Images per second, without the start of the process."""
    return float(json.loads(harness.run(command).stdout)["images_per_second"])


def _memory(command: list[str]) -> dict[str, Any]:
    peak = 0
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, encoding="utf-8") as process:
        while process.poll() is None:
            peak = max(peak, sum(map(_proportional, _family(process.pid))))
            time.sleep(STEP_SECONDS)
        assert process.stdout
        told = json.loads(process.stdout.read())
    return {"images": told["images"], "images_per_second": told["images_per_second"], "peak_megabytes": peak / 1e6}


def _family(pid: int) -> list[int]:
    """The process and all below it."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text("utf-8").split()
    except OSError:
        return []
    return [pid, *(each for child in children for each in _family(int(child)))]


def _proportional(pid: int) -> int:
    """The proportional set size in bytes; 0 of a process that has ended."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text("utf-8").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), 0)


if __name__ == "__main__":
    main()
