"""Work as a value, and the engine that runs it: the same work gives the same bytes on every engine."""

from collections.abc import Callable, Generator, Iterable
from typing import Protocol, TypeVar

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

    def start(self) -> Callable[[Item_contra], Result_co]:
        """The function of one worker. It holds what the worker keeps between items, such as a LiteRT session."""
        ...


class Engine(Protocol):
    """Where work runs."""

    def run(self, work: Work[Item, Result], items: Iterable[Item]) -> Generator[Result, None, None]:
        """The result of each item, in their order.

        Items are taken when there is room: the number of results that are computed in advance is bounded. After the
        generator is closed, no more items are computed. Raise the errors of the work.
        """
        ...
