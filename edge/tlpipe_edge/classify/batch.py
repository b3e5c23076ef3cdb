"""Many images on all cores: a single-threaded classifier per core, which is faster than one classifier on all cores."""

import threading
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor

from tlpipe_edge.classify.classifier import Classifier
from tlpipe_edge.classify.prediction import Prediction
from tlpipe_edge.classify.window import in_order
from tlpipe_edge.errors import TlpipeError
from tlpipe_edge.images.source import Source
from tlpipe_edge.machine import device

MIN_IMAGES_PER_WORKER = 4
"""For fewer images, it takes longer to open another classifier than it saves."""

AHEAD = 32
"""The maximum number of images per classifier that wait for it, or whose results wait for the caller."""


def workers(images: int, *, threads: int) -> int:
    """The best number of classifiers, of ``threads`` threads each, for so many images on this machine."""
    return max(1, min(device.cores() // threads, images // MIN_IMAGES_PER_WORKER))


def classify(
    open_classifier: Callable[[], Classifier], images: Sequence[Source], *, workers: int, bgr: bool = False
) -> Generator[Prediction | TlpipeError, None, None]:
    """The prediction for each image in order, or the error. Each worker thread opens its own classifier.

    ``bgr`` is as in ``Classifier.__call__``.
    """
    own = threading.local()

    def classify_one(image: Source) -> Prediction | TlpipeError:
        if not hasattr(own, "classifier"):
            own.classifier = open_classifier()
        try:
            return own.classifier(image, bgr=bgr)
        except TlpipeError as error:
            return error

    with ThreadPoolExecutor(workers) as pool:
        yield from in_order(lambda image: pool.submit(classify_one, image), images, ahead=AHEAD * workers)
