"""How time, memory and bytes on disk of each step grow with the number of images.

python benchmarks/growth.py DATA WORK [--images 5000 20000 100000]

DATA/train has a folder per class of photographs, of which the sets of small images are made (``many_images``), in
WORK/images. Each step is a command of its own; those of one set share a cache, which is empty before the first, in
WORK/cache-N. They use the backbone of `tlpipe demo` and train for a fixed number of epochs, so that their work is
proportional to the number of images. WORK keeps the figures of each step as soon as it is done, and what is there is
not done again: stop it, and start it again. With the three default sets, the figures are published.
"""

import argparse
import json
import math
import os
import shlex
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import harness
import many_images
import watched

from tlpipe.demo import digits
from tlpipe_edge.console.progress import say

IMAGES = (5_000, 20_000, 100_000)
COMPARED = 20_000
"""The set with whose seconds an image those of the largest are compared: TensorFlow's start weighs little in both."""

EXPORT = "export {run} --quantize int8 --quantize float16 --restart"
STEPS = {
    "train": "train {images} --out {run} --weights {weights} --alpha {alpha} --image-size {size} --views 1 --epochs 3"
    " --restart",
    "finetune": "finetune {run} --epochs 2 --restart",
    "export": EXPORT + " --out {bundle}",
    "export --max-drop": EXPORT + " --max-drop 0.5 --out {bundle}-budget",
    "evaluate": "evaluate {bundle} --restart",
    "bench": "bench {bundle} --recipe int8 --overwrite --out {benchmark}",
    "report": "report {bundle} {benchmark} --overwrite --out {report}",
}
"""The command of each step. Three epochs are fewer than early stopping waits for; fine-tuning has none."""


@dataclass(frozen=True)
class Figures:
    """What one step cost for one number of images.

    Attributes:
        images: All images of the set, of which the step uses all (train) or a split.
        cache_bytes: The files of the cache after the step.
        result_bytes: Those of the run, the bundles and the report after the step.
        load_average: Of the last minute, before the step.
    """

    images: int
    date: str
    load_average: float
    cost: watched.Watched
    cache_bytes: int
    result_bytes: int

    @property
    def seconds_an_image(self) -> float:
        """Wall time of the step over the number of images."""
        return self.cost.seconds / self.images


Table = Mapping[str, Mapping[int, Figures]]
"""The figures by step and number of images."""


def main() -> None:
    """Do all steps that are not done yet, print the table, and publish it if all sets are there."""
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--images", type=int, nargs="+", default=IMAGES)
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # which ends the command of the step, too
    counts, work = sorted(set(given.images)), given.work.absolute()
    say(f"making the images: {work / 'images'}")
    images = many_images.make(given.data / "train", work / "images", counts)
    table: dict[str, dict[int, Figures]] = {step: {} for step in STEPS}
    for count in counts:
        for step in STEPS:
            table[step][count] = _measured(step, count, images[count], work)
    print(written(table))
    results = {
        "data": f"{many_images.SIDES[0]} to {many_images.SIDES[1]} px JPEGs, made from {given.data.name}",
        "network": f"MobileNetV2 {digits.ALPHA}, {digits.SIZE} px",
        "memory": f"sum of PSS without mapped files over all processes, every {watched.INTERVAL} s",
        "commands": STEPS,
        "steps": {step: {count: asdict(each) for count, each in found.items()} for step, found in table.items()},
        "growth": growth(table),
    }
    if tuple(counts) == IMAGES:
        harness.publish("growth", results)


def _measured(step: str, count: int, images: Path, work: Path) -> Figures:
    """The stored figures of the step, or those of doing it now."""
    folder, cache, name = work / str(count), work / f"cache-{count}", step.replace(" --", "-")
    stored = folder / "steps" / f"{name}.json"
    if stored.is_file():
        return _read(stored)
    for each in (stored.parent, cache):
        each.mkdir(parents=True, exist_ok=True)
    _as_before(cache, stored.with_suffix(".cache"))
    load = os.getloadavg()[0]
    say(f"{count:,} images: {step}")
    cost = watched.run(
        [*harness.TLPIPE, *_arguments(step, images, folder)],
        environment={"TLPIPE_CACHE": str(cache)},
        folder=folder,  # which has no tlpipe.toml
        log=stored.with_suffix(".log"),
    )
    if cost.exit_code:
        peak = f"{cost.peak_bytes / 1e6:,.0f} MB at most, {cost.seconds:.0f} s"
        sys.exit(f"{count:,} images: {step}: exit code {cost.exit_code} ({peak}): {stored.with_suffix('.log')}")
    results = sum(_bytes(folder / each) for each in ("run", "bundle", "bundle-budget", "report"))
    date = datetime.now(UTC).isoformat(timespec="seconds")
    figures = Figures(count, date, load, cost, sum(_sizes(cache).values()), results)
    partial = stored.with_suffix(".part")
    partial.write_text(json.dumps(asdict(figures), indent=2) + "\n", "utf-8")
    partial.replace(stored)
    return figures


def _arguments(step: str, images: Path, folder: Path) -> list[str]:
    places = {
        "images": images,
        "run": folder / "run",
        "bundle": folder / "bundle",
        "benchmark": folder / "bench.json",
        "report": folder / "report",
        "weights": digits.BACKBONE,
        "alpha": digits.ALPHA,
        "size": digits.SIZE,
    }
    return [word.format(**places) for word in shlex.split(STEPS[step])]


def _as_before(cache: Path, record: Path) -> None:
    """Remove what this step left in the cache when it was stopped, by the record of its first start."""
    if not record.is_file():
        record.write_text(json.dumps(_sizes(cache)), "utf-8")
        return
    before, now = json.loads(record.read_text("utf-8")), _sizes(cache)
    if any(now.get(name) != size for name, size in before.items()):
        sys.exit(f"{cache}: the stopped step changed files of earlier ones. Delete it and {record.parent.parent}.")
    for name in now.keys() - before.keys():
        (cache / name).unlink()


def _sizes(folder: Path) -> dict[str, int]:
    return {str(each.relative_to(folder)): each.stat().st_size for each in folder.rglob("*") if each.is_file()}


def _bytes(folder: Path) -> int:
    return sum(_sizes(folder).values())


def _read(file: Path) -> Figures:
    stored = json.loads(file.read_text("utf-8"))
    cost = stored.pop("cost")
    cost |= {name: tuple(cost[name]) for name in ("peak_processes", "trace")}
    return Figures(**stored, cost=watched.Watched(**cost))


def growth(table: Table) -> dict[str, dict[str, float]]:
    """Per step, from the smallest to the largest set: the exponent of the time (1: proportional to the number of
    images; a start that takes long makes it small), and the seconds and the memory that a further image adds; and the
    seconds an image of the largest over those of ``COMPARED``.
    """
    found: dict[str, dict[str, float]] = {}
    for step, by_count in table.items():
        small, large = by_count[min(by_count)], by_count[max(by_count)]
        found[step] = {}
        if small.images < large.images:
            times, further = large.images / small.images, large.images - small.images
            found[step] |= {
                "time_exponent": math.log(large.cost.seconds / small.cost.seconds) / math.log(times),
                "seconds_a_further_image": (large.cost.seconds - small.cost.seconds) / further,
                "memory_bytes_a_further_image": (large.cost.peak_bytes - small.cost.peak_bytes) / further,
            }
        if COMPARED in by_count and large.images > COMPARED:
            found[step]["seconds_an_image_ratio"] = large.seconds_an_image / by_count[COMPARED].seconds_an_image
    return found


def written(table: Table) -> str:
    """The table: a line for each step and number of images, and one for its growth."""
    head = ("step", "images", "s", "ms/image", "images/s", "CPU s", "peak MB", "cache MB", "results MB")
    rows: list[Sequence[str]] = [head]
    for step, by_count in table.items():
        rows += [(step, *_cells(each)) for each in by_count.values()]
    lines = ["  ".join(f"{cell:>{10 if place else 18}}" for place, cell in enumerate(row)) for row in rows]
    for step, values in growth(table).items():
        lines += [f"{step:>18}  " + ", ".join(f"{name} {value:.3g}" for name, value in values.items())] * bool(values)
    return "\n".join(lines)


def _cells(figures: Figures) -> tuple[str, ...]:
    cost = figures.cost
    return (
        f"{figures.images:,}",
        f"{cost.seconds:.1f}",
        f"{1000 * figures.seconds_an_image:.2f}",
        f"{figures.images / cost.seconds:,.0f}",
        f"{cost.processor_seconds:.1f}",
        *(f"{size / 1e6:,.0f}" for size in (cost.peak_bytes, figures.cache_bytes, figures.result_bytes)),
    )


if __name__ == "__main__":
    main()
