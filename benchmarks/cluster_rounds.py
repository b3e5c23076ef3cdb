"""Ray on this machine against threads in short turns, for a machine that others use.

python benchmarks/cluster_rounds.py BUNDLE DATA [ROUNDS]: both engines stay started, and take turns of a few seconds,
between which the load changes little. The first turn of each is left out. What Ray does while it waits is a cost of the
threads.
"""

import itertools
import os
import sys
import time
from pathlib import Path

import harness
import memory
from cluster import of_bundle
from cluster_turn import NICENESS

from tlpipe.engine.cluster.engine import Cluster
from tlpipe.engine.threads import Threads
from tlpipe.engine.work import Engine
from tlpipe.scoring.work import of_file
from tlpipe_edge.images import walker
from tlpipe_edge.machine.device import cores

IMAGES, ROUNDS = 2500, 10
IDLE_SECONDS = 5.0


def main() -> None:
    """Measure, and publish the turns, the median of their ratios, and what Ray takes while it waits."""
    bundle, data = sys.argv[1:3]
    rounds = int(sys.argv[3]) if len(sys.argv) > 3 else ROUNDS
    os.environ.update(NICENESS)
    work = of_bundle(bundle)
    files = itertools.islice(itertools.cycle(walker.walk(Path(data).absolute()).images), IMAGES)
    items = [of_file(file) for file in files]

    def turn(engine: Engine) -> tuple[float, float]:
        used, start = memory.processor_seconds(os.getpid()), time.perf_counter()
        assert sum(1 for _ in engine.run(work, items)) == IMAGES
        return time.perf_counter() - start, memory.processor_seconds(os.getpid()) - used

    with Cluster("ray", workers=cores()) as cluster:
        cluster.check([])
        engines: dict[str, Engine] = {"threads": Threads(), "ray": cluster}
        for engine in engines.values():
            turn(engine)
        used = memory.processor_seconds(os.getpid())
        time.sleep(IDLE_SECONDS)
        waiting = (memory.processor_seconds(os.getpid()) - used) / IDLE_SECONDS
        turns: dict[str, list[tuple[float, float]]] = {name: [] for name in engines}
        for number in range(rounds):
            for name in list(engines)[:: 1 if number % 2 == 0 else -1]:
                turns[name].append(turn(engines[name]))
    pairs = list(zip(turns["threads"], turns["ray"], strict=True))
    results = {
        "images_a_turn": IMAGES,
        "side": work.spec.size,
        "shared": "others worked on the machine",
        "seconds_and_processor_seconds": turns,
        "images_per_second": {name: IMAGES / harness.median([each[0] for each in of]) for name, of in turns.items()},
        "ray_over_threads": harness.median([threads[0] / ray[0] for threads, ray in pairs]),
        "ray_over_threads_per_processor_second": harness.median([threads[1] / ray[1] for threads, ray in pairs]),
        "cores_that_ray_takes_while_it_waits": waiting,
    }
    harness.publish("cluster_rounds", results)


if __name__ == "__main__":
    main()
