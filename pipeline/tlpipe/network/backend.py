"""TensorFlow and its converter, without what they print by themselves: stdout belongs to our results.

Import TensorFlow through this module: ``from tlpipe.network.backend import keras, tf``.
"""

import contextlib
import logging
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator

from tlpipe_edge.console import progress
from tlpipe_edge.machine.garbage import no_garbage_collection

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")


@contextlib.contextmanager
def silenced() -> Iterator[None]:
    """Swallow all that Python and C++ code prints in this block; it is shown on stderr when the block raises."""
    sys.stdout.flush()
    sys.stderr.flush()
    with tempfile.TemporaryFile() as swallowed:
        saved = os.dup(1), os.dup(2)
        os.dup2(swallowed.fileno(), 1)
        os.dup2(swallowed.fileno(), 2)
        failed = True
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                yield
            failed = False
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os.dup2(saved[0], 1)
            os.dup2(saved[1], 2)
            os.close(saved[0])
            os.close(saved[1])
            if failed:
                swallowed.seek(0)
                sys.stderr.write(swallowed.read().decode(errors="replace")[-2000:])


progress.say("loading TensorFlow")
with silenced(), no_garbage_collection():  # which takes 15 % of the import
    import keras
    import tensorflow as tf

logging.getLogger("tensorflow").setLevel(logging.ERROR)
logging.getLogger("absl").setLevel(logging.ERROR)

__all__ = ["keras", "silenced", "tf"]
