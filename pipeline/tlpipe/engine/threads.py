"""The engine of one machine: one thread per core. LiteRT, OpenCV and hashing release Python's global lock."""

import threading
from collections.abc import Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from tlpipe.engine.work import Item, OfThisMachine, Result, Work
from tlpipe_edge.classify.window import in_order
from tlpipe_edge.machine.device import cores

AHEAD = 32
"""The maximum number of results per thread that are computed in advance."""


@dataclass(frozen=True)
class Threads(OfThisMachine):
    """An ``Engine`` of this number of threads; one per core if left out."""

    def run(self, work: Work[Item, Result], items: Iterable[Item]) -> Generator[Result, None, None]:
        """As ``Engine.run``."""
        own = threading.local()

        def call(item: Item) -> Result:
            if not hasattr(own, "function"):
                own.function = work.start()
            result: Result = own.function(item)
            return result

        workers = self.workers or cores()
        with ThreadPoolExecutor(workers) as pool:
            yield from in_order(lambda item: pool.submit(call, item), items, ahead=AHEAD * workers)
