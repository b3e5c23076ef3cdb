"""Works for the tests of the engine, which show where they run, and take their time."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tlpipe_edge.errors import BadData


@dataclass(frozen=True)
class OfNumbers:
    """``Work`` on numbers."""

    holds_lock = False

    def file(self, _: int) -> Path | None:
        return None


@dataclass(frozen=True)
class Slow(OfNumbers):
    """``Work``: twice the number, and the process that computed it, after some seconds."""

    seconds: float

    def start(self) -> Callable[[int], tuple[int, int]]:
        def double(number: int) -> tuple[int, int]:
            time.sleep(self.seconds)
            return 2 * number, os.getpid()

        return double


@dataclass(frozen=True)
class Refusing(OfNumbers):
    """``Work`` that raises an error for one number."""

    refused: int
    error: type[Exception] = BadData

    def start(self) -> Callable[[int], int]:
        def refuse(number: int) -> int:
            if number == self.refused:
                raise self.error(f"no {number}")
            return number

        return refuse


@dataclass(frozen=True)
class Deadly(OfNumbers):
    """``Work`` that ends its process, as a library that crashes does, for one number."""

    deadly: int

    def start(self) -> Callable[[int], int]:
        def die(number: int) -> int:
            if number == self.deadly:
                os._exit(1)
            return number

        return die


@dataclass(frozen=True)
class Noting(OfNumbers):
    """``Work`` that takes a hundredth of a second, and adds a byte to ``noted`` for each number."""

    noted: Path

    def start(self) -> Callable[[int], int]:
        def note(number: int) -> int:
            time.sleep(0.01)
            with self.noted.open("ab") as stream:
                stream.write(b".")
            return number

        return note
