"""Cameras that misbehave: what the capture process runs in the place of ``sources.read``, by their names."""

# ruff: noqa: ARG001  (each has the parameters of ``sources.read``)

import os
import signal
import time
from collections.abc import Iterator

import numpy as np

from tlpipe_edge.camera.sources import Still
from tlpipe_edge.errors import Unavailable, WrongUsage


def picture(number: int) -> np.ndarray:
    """A frame that no other number has, (48, 64, 3) uint8."""
    return np.full((48, 64, 3), 40 + number % 200, np.uint8)


def steady(source: str, *, loop: bool) -> Iterator[np.ndarray]:
    """A hundred frames a second, for ever; ``source`` and ``loop`` do not matter."""
    for number in range(10**9):
        yield picture(number)
        time.sleep(0.01)


def three(source: str, *, loop: bool) -> Iterator[np.ndarray]:
    """Three frames, and the end."""
    for number in range(3):
        yield picture(number)
        time.sleep(0.2)


def once_of_no_known_kind(source: str, *, loop: bool) -> Iterator[np.ndarray]:
    """A frame, and then the error about a URL of no known kind."""
    yield picture(0)
    time.sleep(0.3)
    raise WrongUsage("no known kind of URL", "Use rtsp.")


def blocked(source: str, *, loop: bool) -> Iterator[np.ndarray]:
    """One frame, and then a driver that does not come back."""
    yield picture(0)
    time.sleep(10**6)


def stubborn(source: str, *, loop: bool) -> Iterator[np.ndarray]:
    """The same, in a process that notices neither the end of the pipe nor SIGTERM."""
    yield picture(0)
    time.sleep(0.3)
    os.kill(os.getpid(), signal.SIGSTOP)


def dying(source: str, *, loop: bool) -> Iterator[np.ndarray]:
    """One frame, and then the process is gone."""
    yield picture(0)
    time.sleep(0.2)
    os.kill(os.getpid(), signal.SIGKILL)


def unplugged(source: str, *, loop: bool) -> Iterator[np.ndarray]:
    """One frame, and then what ``sources`` says of a camera that is pulled out."""
    yield picture(0)
    time.sleep(0.2)
    raise Unavailable(f"camera {source}: delivers no more frames", "Check that it is still plugged in.")


def absent(source: str, *, loop: bool) -> Iterator[np.ndarray]:
    """No camera."""
    raise Unavailable(f"camera {source}: cannot be opened", "Is it plugged in?")


def broken(source: str, *, loop: bool) -> Iterator[np.ndarray]:
    """A driver with a fault of its own."""
    raise RuntimeError("driver fault")


def black(source: str, *, loop: bool) -> Iterator[np.ndarray]:
    """A lens cap, with the noise of the sensor."""
    random = np.random.default_rng(0)
    while True:
        yield random.integers(0, 4, (48, 64, 3), dtype=np.uint8)
        time.sleep(0.02)


def frozen(source: str, *, loop: bool) -> Iterator[np.ndarray]:
    """The same picture again and again."""
    while True:
        yield picture(7)
        time.sleep(0.02)


def slow_still(source: str, *, loop: bool) -> Iterator[Still]:
    """A camera that is asked for its image more often than it has a new one."""
    while True:
        yield Still(picture(7))
        time.sleep(0.02)


def hurried(source: str, *, loop: bool) -> Iterator[np.ndarray]:
    """Frames as fast as they can be made."""
    for number in range(10**9):
        yield picture(number)
        time.sleep(0)


def telling(source: str, *, loop: bool) -> Iterator[np.ndarray]:
    """A driver whose error has its source in it."""
    yield picture(0)
    time.sleep(0.5)
    raise RuntimeError(source)
