"""Many photographs on all cores: one single-threaded classifier a core, which beats one classifier on all cores."""

import threading
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor

from tlpipe_edge.classify.classifier import Classifier
from tlpipe_edge.classify.prediction import Prediction
from tlpipe_edge.errors import TlpipeError
from tlpipe_edge.images.source import Source
from tlpipe_edge.machine import device

FEW = 4
"""Up to so many photographs a core another classifier takes longer to open than it saves."""


def workers(photographs: int, *, threads: int) -> int:
    """How many classifiers of ``threads`` threads each serve so many photographs best on this machine."""
    return max(1, min(device.cores() // threads, photographs // FEW))


def classify(
    open_classifier: Callable[[], Classifier], images: Sequence[Source], *, workers: int, bgr: bool = False
) -> Generator[Prediction | TlpipeError, None, None]:
    """The prediction for each image in order, or why there is none. Each worker thread opens a classifier of its own.

    ``bgr`` is that of ``Classifier.__call__``.
    """
    own = threading.local()

    def answer(image: Source) -> Prediction | TlpipeError:
        if not hasattr(own, "classifier"):
            own.classifier = open_classifier()
        try:
            return own.classifier(image, bgr=bgr)
        except TlpipeError as error:
            return error

    pool = ThreadPoolExecutor(workers)
    try:
        yield from pool.map(answer, images)
    finally:
        pool.shutdown(cancel_futures=True)
