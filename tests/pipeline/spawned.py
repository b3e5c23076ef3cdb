"""An engine of fresh processes, to hold work to what it promises: it is a value, and it imports no TensorFlow."""

import multiprocessing
import sys
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from typing import Any

HEAVY = ("tensorflow", "keras", "matplotlib", "sklearn")

_function: Callable[[Any], Any]


@dataclass
class Spawned:
    """Runs work in two processes; ``heavy`` names what of ``HEAVY`` any of them had imported afterwards."""

    heavy: set[str] = field(default_factory=set)
    runs: int = 0

    def check(self, places: Iterable[Any]) -> None:
        """Its processes see what this one sees."""

    def run(self, work: Any, items: Iterable[Any]) -> Generator[Any, None, None]:
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(2, mp_context=context, initializer=_start, initargs=(work,)) as pool:
            for result, heavy in pool.map(_call, items):
                self.heavy |= heavy
                self.runs += 1
                yield result


def _start(work: Any) -> None:
    global _function  # noqa: PLW0603 (what an initializer leaves for the calls)
    _function = work.start()


def _call(item: Any) -> tuple[Any, set[str]]:
    return _function(item), {name for name in HEAVY if name in sys.modules}
