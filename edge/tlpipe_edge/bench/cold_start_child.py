"""The process that ``cold_start`` starts: it loads a model, runs it, and prints the times of each step.

python -m tlpipe_edge.bench.cold_start_child MODEL ARGUMENTS IMAGE; ARGUMENTS, in JSON, are those of Classifier.open.
"""

import time

BEGUN = time.monotonic_ns()  # before all other imports: they are part of the measurement

import json  # noqa: E402
import sys  # noqa: E402
from pathlib import Path  # noqa: E402

PREDICTIONS = 10
"""Image files to classify before the peak memory is read."""


def main(model: str, arguments: str, image: str) -> None:
    """Load the model, run it once, then classify the image ``PREDICTIONS`` times."""
    import numpy as np

    from tlpipe_edge.classify.classifier import Classifier
    from tlpipe_edge.tflite import interpreter

    options = json.loads(arguments)
    interpreter.find(options["runtime"])
    imported = time.monotonic_ns()
    classifier = Classifier.open(model, **options)
    loaded = time.monotonic_ns()
    classifier.scores(np.full((classifier.image.size, classifier.image.size, 3), 127, np.uint8))
    invoked = time.monotonic_ns()
    for _ in range(PREDICTIONS):
        classifier(image)
    steps = {"begun": BEGUN, "imported": imported, "loaded": loaded, "invoked": invoked}
    print(json.dumps(steps | {"peak_memory_mb": _peak_memory_mb()}))


def _peak_memory_mb() -> float | None:
    """VmHWM, in millions of bytes; None if the system does not report it.

    Not getrusage: a child inherits its maximum from the process that started it (getrusage(2)).
    """
    try:
        with Path("/proc/self/status").open(encoding="utf-8") as status:
            return next((int(line.split()[1]) * 1024 / 1e6 for line in status if line.startswith("VmHWM:")), None)
    except OSError:
        return None


if __name__ == "__main__":
    from tlpipe_edge.errors import TlpipeError

    try:
        main(*sys.argv[1:])
    except TlpipeError as error:
        sys.exit(error.what)
