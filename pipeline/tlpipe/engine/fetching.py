"""Items whose content is far away, fetched by threads before an engine computes with them."""

import itertools
from collections.abc import Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Protocol, TypeVar, runtime_checkable

from tlpipe_edge.classify.window import in_order

AHEAD = 16
"""The maximum number of items that are fetched in advance."""

Item = TypeVar("Item")


@runtime_checkable
class Fetches(Protocol[Item]):
    """Work that reads the content of its items before it computes with them."""

    def is_distant(self, item: Item) -> bool:
        """Whether the content of an item has to be fetched."""
        ...

    def fetch(self, item: Item) -> Item:
        """The item with its content, or with why there is none; one that is not distant as it is. Called by threads."""
        ...

    def is_last(self, item: Item) -> bool:
        """Whether nothing is fetched after this item, because what it was to be fetched from is lost."""
        ...


def ahead(work: object, items: Iterable[Item]) -> Generator[Item, None, None]:
    """The items in their order, fetched if the ``work`` does so. There are no threads before the first distant item.

    They end after an item that is the last, and when the generator is closed: then, no more items are fetched.
    """
    remaining = iter(items)
    if isinstance(work, Fetches):
        for item in remaining:
            if work.is_distant(item):
                yield from _fetched(work, itertools.chain((item,), remaining))
                return
            yield item
    yield from remaining


def _fetched(work: Fetches[Item], items: Iterable[Item]) -> Generator[Item, None, None]:
    with (
        ThreadPoolExecutor(AHEAD) as pool,
        closing(in_order(lambda item: pool.submit(work.fetch, item), items, ahead=AHEAD)) as fetched,
    ):
        for item in fetched:
            yield item
            if work.is_last(item):
                return
