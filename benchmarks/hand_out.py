"""What the machine of the command does for each image of a cluster, by work that takes no time.

python benchmarks/hand_out.py [ENGINE [ROUNDS]]: ``ray``, a cluster of its own; or ``ray://HOST:PORT`` of one that was
started on this machine with this folder in PYTHONPATH. One process sends all items and takes all results, and one actor
passes them on: this limits large clusters. The results are in ``hand_out.json``, or those of ``ray://`` in
``hand_out_client.json``.
"""

import os
import pickle
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import harness
import memory
import numpy as np
from cluster_turn import NICENESS
from idle_work import Idle

from tlpipe.data.dataset import Example
from tlpipe.engine.cluster.engine import Cluster
from tlpipe.scoring.work import Item, Row, of_file
from tlpipe_edge.classify.prediction import Score

ROUNDS = 3
PHOTOGRAPH = Path("/images/of/an/archive/2024/train/a-class/0123456789abcdef.jpg")
ROW = Row(str(PHOTOGRAPH), tuple(Score(f"label {number}", 0.9 / (1 + number)) for number in range(3)))
EXAMPLE = Example(PHOTOGRAPH, 3, "0" * 64)
KINDS: dict[str, tuple[int, Any, Any]] = {
    "a path, a row": (50_000, of_file(PHOTOGRAPH), ROW),
    "28 kB of an archive, a row": (20_000, Item(str(PHOTOGRAPH), os.urandom(28_000)), ROW),
    "a path, pooled features (5 kB)": (20_000, EXAMPLE, np.zeros(1280, np.float32)),
    "a path, features at the cut of finetune (38 kB)": (10_000, EXAMPLE, np.zeros((14, 14, 96), np.float16)),
}
"""What is done: the number of images, the item of each, and its result."""


def main() -> None:
    """Measure each kind, and publish images a second and the processor time of this process."""
    engine = sys.argv[1] if len(sys.argv) > 1 else "ray"
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else ROUNDS
    os.environ.update(NICENESS)
    os.environ["PYTHONPATH"] = os.pathsep.join((str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")))
    found: dict[str, list[dict[str, float]]] = {kind: [] for kind in KINDS}
    with Cluster(engine) as cluster:
        cluster.check([])
        for _ in range(rounds):
            for kind in KINDS:
                found[kind].append(_measured(cluster, *KINDS[kind]))
    medians = {
        kind: {name: harness.median([each[name] for each in turns]) for name in turns[0]}
        for kind, turns in found.items()
    }
    name = "hand_out" if engine == "ray" else "hand_out_client"
    harness.publish(name, {"ray": version("ray"), "turns": found, "median": medians})


def _measured(cluster: Cluster, count: int, item: object, result: object) -> dict[str, float]:
    sent, work = pickle.dumps(item), Idle(pickle.dumps(result))  # objects that are the same one would be pickled once
    used, all_used, start = time.process_time(), memory.processor_seconds(os.getpid()), time.perf_counter()
    number = sum(1 for _ in cluster.run(work, (pickle.loads(sent) for _ in range(count))))
    seconds = time.perf_counter() - start
    assert number == count
    return {
        "images_per_second": count / seconds,
        "own_microseconds_an_image": 1e6 * (time.process_time() - used) / count,
        "microseconds_an_image_of_all_below": 1e6 * (memory.processor_seconds(os.getpid()) - all_used) / count,
    }


if __name__ == "__main__":
    main()
