"""Work as a value, and the engine that runs it: the same work gives the same bytes on every engine."""

from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, Self, TypeVar

from tlpipe.data.location import Location

Item = TypeVar("Item")
Result = TypeVar("Result")
Item_contra = TypeVar("Item_contra", contravariant=True)
Result_co = TypeVar("Result_co", covariant=True)


class Work(Protocol[Item_contra, Result_co]):
    """What is computed for each item. The work, its items and its results can be pickled.

    Its modules are imported in every worker: they must not import TensorFlow.
    """

    @property
    def holds_lock(self) -> bool:
        """Whether Python's global lock is held for so much of the time that threads wait for each other."""
        ...

    def file(self, item: Item_contra) -> Path | None:
        """The file that an item is read from, if any: workers of other machines may not see it."""
        ...

    def start(self) -> Callable[[Item_contra], Result_co]:
        """The function of one worker. It holds what the worker keeps between items, such as a LiteRT session."""
        ...


class Engine(Protocol):
    """Where work runs."""

    def check(self, places: Iterable[Location]) -> None:
        """Before any work on images at these places: raise MissingInput if a worker cannot see a file or folder."""
        ...

    def limited(self, workers: int) -> Self:
        """The same engine with at most so many workers."""
        ...

    def run(self, work: Work[Item, Result], items: Iterable[Item]) -> Generator[Result, None, None]:
        """The result of each item, in their order.

        Items are taken when there is room: the number of results that are computed in advance is bounded. After the
        generator is closed, no more items are computed. Raise the errors of the work.
        """
        ...


@dataclass(frozen=True)
class OfThisMachine:
    """What the engines of one machine have in common: ``workers``, one per core if None."""

    workers: int | None = None

    def check(self, places: Iterable[Location]) -> None:
        """As ``Engine.check``: a worker sees what this process sees."""

    def limited(self, workers: int) -> Self:
        """As ``Engine.limited``."""
        return replace(self, workers=workers)
