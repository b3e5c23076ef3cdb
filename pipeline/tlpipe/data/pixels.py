"""The pixels of an example."""

import hashlib

import numpy as np

from tlpipe.data.augment import View
from tlpipe.data.dataset import Example
from tlpipe_edge.contract.manifest import ImageSpec
from tlpipe_edge.errors import MissingInput
from tlpipe_edge.images.decode import UnreadableImage


def read_pixels(example: Example, view: View, spec: ImageSpec) -> np.ndarray:
    """One view of an example, (size, size, 3) uint8.

    Raise MissingInput if the file is gone, UnreadableImage if it cannot be decoded or its sha256 has changed.
    """
    try:
        content = example.file.read_bytes()
    except OSError as error:
        raise MissingInput(f"{error.strerror}", "Put it back, or train again.", where=example.file) from error
    if hashlib.sha256(content).hexdigest() != example.sha256:
        raise UnreadableImage("changed since the splits were made", "Train the run again.", where=example.file)
    try:
        return view.pixels(content, spec, sha256=example.sha256)
    except UnreadableImage as error:
        raise error.at(example.file) from error
