"""Images a second by threads, by processes and by a Ray cluster on this machine, and what a step of an image takes.

python benchmarks/cluster.py BUNDLE SMALL_BUNDLE DATA [IMAGES [ROUNDS]]: the images of the folder DATA, named again and
again by a list of IMAGES (20,000), scored by both bundles. The engines take ROUNDS (3) turns, each in a process of its
own (``cluster_turn.py``). Ray is compared with threads by BUNDLE, with processes by SMALL_BUNDLE, for less than 160 px.
"""

import itertools
import json
import os
import sys
import tempfile
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import harness
import image_shares

from tlpipe.engine.cluster import driven, pipeline
from tlpipe.scoring.score import TOP_K
from tlpipe.scoring.work import ScoreImages
from tlpipe_edge.contract.bundle import Bundle
from tlpipe_edge.images import walker
from tlpipe_edge.machine.device import cores

IMAGES = 20_000
ROUNDS = 3
GOAL = 0.8
"""Ray with an actor per core is at least so many times as fast as the best engine of one machine."""

Turn = dict[str, Any]


def main() -> None:
    """Measure, and publish the turns, their medians and ratios."""
    bundle, small, data = sys.argv[1:4]
    images = int(sys.argv[4]) if len(sys.argv) > 4 else IMAGES
    rounds = int(sys.argv[5]) if len(sys.argv) > 5 else ROUNDS
    load = os.getloadavg()
    files = walker.walk(Path(data).absolute()).images
    both = str(cores())
    with tempfile.TemporaryDirectory() as name:
        paths = Path(name, "images.txt")
        paths.write_text("".join(f"{file}\n" for file in itertools.islice(itertools.cycle(files), images)), "utf-8")
        shares = image_shares.measure(of_bundle(bundle), files)
        large = _compared(bundle, paths, rounds, {"threads": both, "ray, one actor": "1", "ray": both}, "threads")
        little = _compared(small, paths, rounds, {"processes": both, "threads": both, "ray": both}, "processes")
    medians = {step: harness.median(each) for step, each in shares.milliseconds.items()}
    results = {
        "images": f"{images}, of {len(files)} files of {Path(data).name}",
        "shared": f"others worked on the machine; load average before: {load[0]:.1f}",
        "niceness": "Ray's workers have 0, as threads and processes, instead of Ray's 15",
        "ray": version("ray"),
        "constants": {"BATCH": driven.BATCH, "AHEAD": driven.AHEAD, "QUEUED": pipeline.QUEUED},
        "goal": GOAL,
        "bundles": [large, little],
        "milliseconds_an_image": asdict(shares) | {"median": medians},
    }
    harness.publish("cluster", results)


def of_bundle(name: str) -> ScoreImages:
    """The work of ``tlpipe score`` with the default file of a bundle."""
    bundle = Bundle.open(Path(name))
    labels = bundle.manifest.labels
    return ScoreImages(bundle.read(bundle.artifact(None)), labels, bundle.manifest.image, min(TOP_K, len(labels)))


def _compared(bundle: str, paths: Path, rounds: int, engines: dict[str, str], best: str) -> dict[str, Any]:
    """The turns of the engines, which have so many workers, and the ratios to the ``best`` one of this machine."""
    turns: dict[str, list[Turn]] = {name: [] for name in engines}
    for number in range(rounds):
        order = list(engines.items())
        for name, workers in order if number % 2 == 0 else order[::-1]:
            command = [sys.executable, str(Path(__file__).with_name("cluster_turn.py")), bundle, str(paths)]
            turn = json.loads(harness.run([*command, name.split(",")[0], workers]).stdout)
            turns[name].append(turn)
            print(f"{Path(bundle).name}, {name}: {turn}", file=sys.stderr)
    if len({turn["sha256"] for each in turns.values() for turn in each}) > 1:
        sys.exit("the rows of the engines differ")
    count = len(paths.read_text("utf-8").splitlines())
    manifest = Bundle.open(Path(bundle)).manifest
    return {
        "side": manifest.image.size,
        "recipe": Bundle.open(Path(bundle)).artifact(None).recipe,
        "equal_rows": True,
        "turns": turns,
        "median": {name: _medians(each, count) for name, each in turns.items()},
        f"over_{best}": {name: _ratios(each, turns[best]) for name, each in turns.items() if name != best},
    }


def _medians(turns: list[Turn], count: int) -> dict[str, float]:
    def of(key: str) -> float:
        return harness.median([turn[key] for turn in turns])

    return {
        "images_per_second": count / of("seconds"),
        "images_per_processor_second": count / of("processor_seconds"),
        "start_seconds": of("start_seconds"),
        "peak_megabytes": of("peak_bytes") / 1e6,
    }


def _ratios(turns: list[Turn], of_best: list[Turn]) -> dict[str, Any]:
    """How many times as fast as the best, by the clock and by what the processors worked for it."""

    def pairs(key: str) -> list[float]:
        return [best[key] / turn[key] for turn, best in zip(turns, of_best, strict=True)]

    def ratio(key: str) -> float:
        return harness.median([each[key] for each in of_best]) / harness.median([each[key] for each in turns])

    return {
        "speed": ratio("seconds"),
        "speed_in_each_round": pairs("seconds"),
        "per_processor_second": ratio("processor_seconds"),
        "per_processor_second_in_each_round": pairs("processor_seconds"),
    }


if __name__ == "__main__":
    main()
