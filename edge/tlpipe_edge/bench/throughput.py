"""Throughput: images a second with several classifiers in parallel, each with its own threads.

A benchmark runs as many classifiers as fit the cores: four cores hold four classifiers of one thread, or one of three
threads, which leaves one core idle.
"""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from tlpipe_edge.bench.latency import Clock
from tlpipe_edge.classify.classifier import Classifier


def measure(
    open_classifier: Callable[[], Classifier],
    sources: Sequence[bytes],
    *,
    workers: int,
    seconds: float,
    clock: Clock = time.perf_counter_ns,
) -> float:
    """Images a second, from bytes to predictions, with ``workers`` classifiers in parallel for ``seconds``."""
    classifiers = [open_classifier() for _ in range(workers)]
    for classifier in classifiers:
        classifier(sources[0])
    together = threading.Barrier(workers)

    def work(number: int) -> tuple[int, int, int]:
        classifier = classifiers[number]
        together.wait()
        start = end = clock()
        done = 0
        while end - start < seconds * 1e9:
            classifier(sources[(number + done) % len(sources)])
            done += 1
            end = clock()
        return done, start, end

    with ThreadPoolExecutor(workers) as pool:
        worked = list(pool.map(work, range(workers)))
    elapsed = max(end for _, _, end in worked) - min(start for _, start, _ in worked)
    return sum(done for done, _, _ in worked) * 1e9 / elapsed
