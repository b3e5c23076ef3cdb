"""TensorFlow, loaded without what it prints by itself.

Import it through this module: ``from tlpipe.network.backend import keras, tf``.
"""

import logging
import os

from tlpipe.network.silence import silenced
from tlpipe.storage import cache
from tlpipe_edge.console import progress
from tlpipe_edge.machine.garbage import no_garbage_collection

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
cache.used_by_libraries()

# The garbage collection takes 15 % of the import.
with progress.waiting("loading TensorFlow", seconds=6), silenced(), no_garbage_collection():
    import keras
    import tensorflow as tf

logging.getLogger("tensorflow").setLevel(logging.ERROR)
logging.getLogger("absl").setLevel(logging.ERROR)

__all__ = ["keras", "tf"]
