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
from pathlib import Path
from typing import Any

import harness
import memory

from tlpipe_edge.images import walker

SPEED_IMAGES = 1000


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
        peaks = [_memory(_command(bundle, _list(folder / "many.txt", files, number), None)) for number in numbers]
    results = {
        "bundle": Path(bundle).name,
        "images_a_round": SPEED_IMAGES,
        "images_per_second": speeds,
        "median": medians,
        "two_workers_over_one": medians["2"] / medians["1"],
        "ratio_in_each_round": [two / one for one, two in zip(speeds["1"], speeds["2"], strict=True)],
        "memory": peaks,
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
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, encoding="utf-8") as process:
        with memory.Peak(process.pid) as peak:
            process.wait()
        assert process.stdout
        told = json.loads(process.stdout.read())
    return {
        "images": told["images"],
        "images_per_second": told["images_per_second"],
        "peak_megabytes": peak.bytes / 1e6,
    }


if __name__ == "__main__":
    main()
