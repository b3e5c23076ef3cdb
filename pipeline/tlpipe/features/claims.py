"""Which rows of a shelf each process computes at the moment, so that two runs at once do no work twice.

A process writes the digests of its rows to a file ``.claims-*`` in the folder of the shelf, and holds its lock: the
kernel releases it when the process ends, however that happens. Who looks for work holds the lock of the folder.
"""

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tlpipe.features.shelf import DIGEST
from tlpipe.storage import cache, locks

_PREFIX = ".claims-"


class Claims:
    """The claims of this process on the shelf ``folder``. Without locks (``descriptor`` is None) there are none."""

    def __init__(self, folder: Path, own: str, descriptor: int | None) -> None:
        self._folder, self._own, self._descriptor = folder, own, descriptor
        self._held = np.empty(0, DIGEST)

    @contextlib.contextmanager
    def choosing(self) -> Iterator[np.ndarray]:
        """While this block runs, no other process claims anything: the digests that others hold, (K,) ``DIGEST``.

        What they do not hold any more, they have stored before that.
        """
        with cache.writing(self._folder):
            self._folder.mkdir(parents=True, exist_ok=True)  # someone may have deleted the cache
        with locks.locked(self._folder / "claims", waiting="waiting for another tlpipe process"):
            yield self._of_others()

    def add(self, hashes: np.ndarray) -> None:
        """Claim these digests, in a block of ``choosing``."""
        self._write(np.concatenate([self._held, hashes]))

    def drop(self, hashes: np.ndarray) -> None:
        """These rows are stored, or cannot be computed."""
        self._write(self._held[~np.isin(self._held, hashes)])

    def _write(self, hashes: np.ndarray) -> None:
        self._held = hashes
        if self._descriptor is not None:
            with contextlib.suppress(OSError):  # on a full disk, the rows that cannot be stored are the error
                os.pwrite(self._descriptor, hashes.tobytes(), 0)
                os.ftruncate(self._descriptor, hashes.nbytes)

    def _of_others(self) -> np.ndarray:
        found = [np.empty(0, DIGEST)]
        for entry in os.scandir(self._folder):
            if entry.name.startswith(_PREFIX) and entry.name != self._own:
                with contextlib.suppress(FileNotFoundError, locks.Unsupported):
                    found.append(_claimed(Path(entry.path)))
        return np.concatenate(found)


def _claimed(file: Path) -> np.ndarray:
    """What the owner of the file claims; the file of one that has ended is deleted."""
    descriptor = locks.acquire(file, shared=True, create=False)
    if descriptor is None:
        content = file.read_bytes()
        return np.frombuffer(content[: len(content) // DIGEST.itemsize * DIGEST.itemsize], DIGEST)
    file.unlink(missing_ok=True)
    os.close(descriptor)
    return np.empty(0, DIGEST)


@contextlib.contextmanager
def opened(folder: Path) -> Iterator[Claims]:
    """The claims of this process on a shelf, which end with the block."""
    own = folder / f"{_PREFIX}{secrets.token_hex(4)}"
    try:
        with cache.writing(own):
            descriptor = locks.acquire(own, wait=True)  # others look whether it is held
    except locks.Unsupported:
        descriptor = None
    try:
        yield Claims(folder, own.name, descriptor)
    finally:
        if descriptor is not None:
            own.unlink(missing_ok=True)
            os.close(descriptor)
