"""The engine of one machine for work that mostly holds Python's global lock: one process per core.

loky starts them: unlike multiprocessing, it does not run the user's script again, which may have no ``__main__`` guard.
The processes stay for the next work, and end when there is none for a while.
"""

import functools
import itertools
import os
import pickle
import signal
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tlpipe.engine.batches import batches
from tlpipe.engine.work import Item, OfThisMachine, Result, Work
from tlpipe_edge.classify.window import in_order
from tlpipe_edge.errors import Unavailable
from tlpipe_edge.machine.device import cores

BATCH = 64
"""The items of a call. At 64 px on two cores, 16 gave 4,900 images a second, 64 gave 5,550, and 256 gave 5,630."""

BATCH_BYTES = 4_000_000
"""The bytes of the items after which a call has no more of them."""

AHEAD = 2
"""The maximum number of calls per process that are computed in advance."""

IDLE_SECONDS = 20
"""After so long without work, a process ends."""


@dataclass(frozen=True)
class Processes(OfThisMachine):
    """An ``Engine`` of this number of processes; one per core if left out."""

    def run(self, work: Work[Item, Result], items: Iterable[Item]) -> Generator[Result, None, None]:
        """As ``Engine.run``. Raise Unavailable if a process is killed, and the errors of ``pool``."""
        from loky.process_executor import BrokenProcessPool

        executor = pool(self.workers)
        with tempfile.NamedTemporaryFile() as file:
            pickle.dump(work, file)  # once: a model has megabytes
            file.flush()

            def submit(batch: list[bytes]) -> "Future[list[Result]]":
                submitted: Future[list[Result]] = executor.submit(_results, file.name, batch)
                return submitted

            try:
                for results in in_order(
                    submit,
                    batches(items, itertools.repeat(BATCH), max_bytes=BATCH_BYTES),
                    ahead=AHEAD * (self.workers or cores()),
                ):
                    yield from results
            except BrokenProcessPool as error:
                raise Unavailable(
                    "a process that computes features or scores was killed",
                    "Look whether this machine has enough memory, and run the command again.",
                ) from error


def pool(workers: int | None) -> Executor:
    """The processes, of which one at least has started. Raise ImportError, OSError or BrokenExecutor if none can be."""
    from loky import get_reusable_executor

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that another number of processes waits for those that work
        executor: Executor = get_reusable_executor(
            workers or cores(), timeout=IDLE_SECONDS, initializer=_begin, initargs=(os.getpid(),)
        )
    executor.submit(os.getpid).result()
    return executor


def _begin(parent: int) -> None:
    """In each process: Ctrl-C is for the parent, with which it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


def _results(work: str, items: list[bytes]) -> list[Any]:
    function = _started(work)
    return [function(pickle.loads(item)) for item in items]


@functools.lru_cache(maxsize=2)
def _started(work: str) -> Callable[[Any], Any]:
    started: Callable[[Any], Any] = pickle.loads(Path(work).read_bytes()).start()
    return started
