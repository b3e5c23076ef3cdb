"""One measurement of ``cluster.py``, in a process of its own: a list of images scored by an engine.

python benchmarks/cluster_turn.py BUNDLE LIST threads|processes|ray WORKERS: prints a JSON object. ``start_seconds`` is
the time until the workers have started, ``seconds`` the time from then to the last result, ``processor_seconds`` what
all processes took meanwhile, ``sha256`` that of the rows. Ray gives its workers a niceness of 15, here 0: on a machine
that others use, it would lose by that to threads, which have none.
"""

import hashlib
import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import memory

from tlpipe.engine import processes
from tlpipe.engine.cluster.engine import Cluster
from tlpipe.engine.processes import Processes
from tlpipe.engine.threads import Threads
from tlpipe.engine.work import Engine
from tlpipe.scoring.score import TOP_K
from tlpipe.scoring.work import ScoreImages, of_file
from tlpipe_edge.contract.bundle import Bundle

NICENESS = {"RAY_worker_niceness": "0"}
STEP_SECONDS = 10.0


def main() -> None:
    """Measure, and print."""
    name, listed, engine_name, workers = sys.argv[1:]
    bundle = Bundle.open(Path(name))
    labels = bundle.manifest.labels
    model = bundle.read(bundle.artifact(None))
    work = ScoreImages(model, labels, bundle.manifest.image, min(TOP_K, len(labels)))
    items = [of_file(Path(line)) for line in Path(listed).read_text("utf-8").splitlines()]
    sha256 = hashlib.sha256()
    begun = time.perf_counter()
    with memory.Peak(os.getpid(), STEP_SECONDS) as peak, _engine(engine_name, int(workers)) as engine:
        used, started = memory.processor_seconds(os.getpid()), time.perf_counter()
        count = 0
        for row in engine.run(work, items):
            assert not row.error, row
            sha256.update(repr(row).encode())
            count += 1
        ended, used = time.perf_counter(), memory.processor_seconds(os.getpid()) - used
    assert count == len(items)
    found = {
        "start_seconds": started - begun,
        "seconds": ended - started,
        "processor_seconds": used,
        "peak_bytes": peak.bytes,
        "peak_parts": peak.parts,
        "sha256": sha256.hexdigest(),
        "load_average": os.getloadavg()[0],
    }
    print(json.dumps(found))


@contextmanager
def _engine(name: str, workers: int) -> Iterator[Engine]:
    """The engine, whose workers have started."""
    if name == "ray":
        os.environ.update(NICENESS)
        with Cluster(name, workers=workers) as cluster:
            cluster.check([])
            yield cluster
        return
    if name == "processes":
        processes.pool(workers)
        yield Processes(workers)
    else:
        yield Threads(workers)


if __name__ == "__main__":
    main()
