"""Work as a value, and the engine that runs it: the same work gives the same bytes on every engine."""

from collections.abc import Callable, Generator, Sequence
from typing import Protocol, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")
Item_contra = TypeVar("Item_contra", contravariant=True)
Result_co = TypeVar("Result_co", covariant=True)


class Work(Protocol[Item_contra, Result_co]):
    """What is computed for each item. The work, its items and its results can be pickled.

    Its modules are imported in every worker: they must not import TensorFlow.
    """

    def start(self) -> Callable[[Item_contra], Result_co]:
        """The function of one worker. It holds what the worker keeps between items, such as a LiteRT session."""
        ...


class Engine(Protocol):
    """Where work runs."""

    def run(self, work: Work[Item, Result], items: Sequence[Item]) -> Generator[Result, None, None]:
        """The result of each item, in their order.

        The number of results that are computed in advance is bounded. After the generator is closed, no more items are
        computed. Raise the errors of the work.
        """
        ...
