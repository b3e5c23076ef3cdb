"""The engine of one machine: one thread per core. LiteRT, OpenCV and hashing release Python's global lock."""

import threading
from collections import deque
from collections.abc import Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from tlpipe.engine.work import Item, Result, Work
from tlpipe_edge.machine.device import cores

AHEAD = 32
"""The maximum number of results per thread that are computed in advance."""


@dataclass(frozen=True)
class Threads:
    """An ``Engine`` of this number of threads; one per core if left out."""

    workers: int | None = None

    def run(self, work: Work[Item, Result], items: Sequence[Item]) -> Generator[Result, None, None]:
        """As ``Engine.run``."""
        own = threading.local()

        def call(item: Item) -> Result:
            if not hasattr(own, "function"):
                own.function = work.start()
            result: Result = own.function(item)
            return result

        workers = self.workers or cores()
        pool = ThreadPoolExecutor(workers)
        pending: deque[Future[Result]] = deque()
        try:
            for item in items:
                if len(pending) == AHEAD * workers:
                    yield pending.popleft().result()
                pending.append(pool.submit(call, item))
            while pending:
                yield pending.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)
