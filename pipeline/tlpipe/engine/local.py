"""The default engine: threads or processes of this machine, whichever is faster for the work."""

import itertools
from collections.abc import Generator, Iterable, Iterator, Sized
from concurrent.futures import BrokenExecutor
from contextlib import closing
from dataclasses import dataclass

from tlpipe.engine import fetching, processes
from tlpipe.engine.processes import Processes
from tlpipe.engine.threads import Threads
from tlpipe.engine.work import Item, OfThisMachine, Result, Work
from tlpipe_edge.console import progress
from tlpipe_edge.machine.device import cores

FEW = 6_000
"""For so many items, the start of processes takes about as long as they save: 0.4 s, and 64 microseconds an image at 64
px on two cores."""


@dataclass(frozen=True)
class Local(OfThisMachine):
    """An ``Engine`` of this number of workers; one per core if left out."""

    def run(self, work: Work[Item, Result], items: Iterable[Item]) -> Generator[Result, None, None]:
        """As ``Engine.run``: by threads, or by processes if the work holds Python's lock, and there is much of it.

        Of items without a length, the first ones are done by threads.
        """
        with closing(fetching.ahead(work, items)) as fetched:
            yield from self._run(work, fetched, len(items) if isinstance(items, Sized) else None)

    def _run(self, work: Work[Item, Result], items: Iterator[Item], count: int | None) -> Generator[Result, None, None]:
        remaining = items
        if work.holds_lock and (self.workers or cores()) > 1:
            if count is None:
                yield from Threads(self.workers).run(work, itertools.islice(remaining, FEW))
                first = list(itertools.islice(remaining, 1))
                remaining = itertools.chain(first, remaining)
            if (first if count is None else count > FEW) and self._can_start():
                yield from Processes(self.workers).run(work, remaining)
                return
        yield from Threads(self.workers).run(work, remaining)

    def _can_start(self) -> bool:
        try:
            processes.pool(self.workers)
        except (ImportError, OSError, BrokenExecutor) as error:  # as in a sandbox without shared memory
            progress.warn(f"no processes can be started ({error}): threads do the work, which takes longer")
            return False
        return True
