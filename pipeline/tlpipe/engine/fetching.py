"""Items whose content is far away, fetched by threads before an engine computes with them."""

import itertools
from collections.abc import Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
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
        """The item with its content, or with why there is none; one that is not distant as it is. Of many threads."""
        ...


def ahead(work: object, items: Iterable[Item]) -> Generator[Item, None, None]:
    """The items in their order, fetched if the ``work`` does so. There are no threads before the first distant item.

    After the generator is closed, no more items are fetched.
    """
    remaining = iter(items)
    if isinstance(work, Fetches):
        for item in remaining:
            if work.is_distant(item):
                remaining = itertools.chain((item,), remaining)
                with ThreadPoolExecutor(AHEAD) as pool:
                    yield from in_order(lambda each: pool.submit(work.fetch, each), remaining, ahead=AHEAD)
                return
            yield item
    yield from remaining
