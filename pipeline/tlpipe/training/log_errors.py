"""Errors of the disk that TensorFlow meets as it writes the log for TensorBoard: it has classes of its own for them."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tlpipe.network.backend import tf
from tlpipe.storage import disk_errors


@contextmanager
def of_the_disk(log: Path) -> Iterator[None]:
    """Raise such an error in this block as OSError. ``log`` is the folder of the log, which may not be there yet."""
    try:
        yield
    except tf.errors.OpError as error:
        for number in disk_errors.NUMBERS:
            if str(log.parent) in error.message and os.strerror(number) in error.message:
                raise OSError(number, os.strerror(number), str(log)) from error
        raise
