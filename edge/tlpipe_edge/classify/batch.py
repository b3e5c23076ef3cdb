"""Many photographs on all cores: one single-threaded classifier a core, which beats one classifier on all cores."""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tlpipe_edge.classify.classifier import Classifier, Prediction
from tlpipe_edge.errors import TlpipeError
from tlpipe_edge.machine import device

FEW = 4
"""Up to so many photographs a core another classifier takes longer to open than it saves."""


def workers(photographs: int, *, threads: int) -> int:
    """How many classifiers of ``threads`` threads each serve so many photographs best on this machine."""
    return max(1, min(device.cores() // threads, photographs // FEW))


def classify(
    open_classifier: Callable[[], Classifier], files: Sequence[Path], *, workers: int
) -> Iterator[Prediction | TlpipeError]:
    """The prediction for each file in order, or why there is none. Each worker thread opens a classifier of its own."""
    own = threading.local()

    def answer(file: Path) -> Prediction | TlpipeError:
        if not hasattr(own, "classifier"):
            own.classifier = open_classifier()
        try:
            return own.classifier(file)
        except TlpipeError as error:
            return error

    pool = ThreadPoolExecutor(workers)
    try:
        yield from pool.map(answer, files)
    finally:
        pool.shutdown(cancel_futures=True)
