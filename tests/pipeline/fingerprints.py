"""What tells whether two models have the same weights."""

import hashlib

import numpy as np

from tlpipe.network.backend import keras


def weights_sha256(model: keras.Model) -> str:
    """A hash of every weight's shape and values, in order."""
    digest = hashlib.sha256()
    for weight in model.get_weights():
        digest.update(str(weight.shape).encode())
        digest.update(np.ascontiguousarray(weight).data)
    return digest.hexdigest()
