"""The answer of a worker for each item: its result, or why there is none. This imports no Ray."""

import pickle
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tlpipe.engine.cluster import nodes
from tlpipe.engine.fetching import ahead
from tlpipe.engine.work import Item, Result, Work
from tlpipe_edge.errors import TlpipeError, Unavailable


@dataclass(frozen=True)
class Unseen:
    """``node`` cannot read the ``file`` of the item."""

    file: Path
    node: str


@dataclass(frozen=True)
class Failure:
    """The work raised ``error`` on ``node``."""

    error: Exception
    node: str

    @classmethod
    def of(cls, error: Exception) -> Self:
        """The failure of this node, of an error that may be one that cannot be pickled."""
        try:
            pickle.loads(pickle.dumps(error))
        except Exception:
            error = RuntimeError(f"{type(error).__name__}: {error}")
        return cls(error, socket.gethostname())


def answered(work: Work[Item, Result]) -> Callable[[list[Item]], list[Result | Unseen | Failure]]:
    """The function from items to their answers, in their order; after a failure, there are no more."""
    function, node = work.start(), socket.gethostname()

    def answers(items: list[Item]) -> list[Result | Unseen | Failure]:
        found: list[Result | Unseen | Failure] = []
        for item in ahead(work, items):
            file = work.file(item)
            if file is not None and not nodes.can_be_read(file):
                found.append(Unseen(file, node))
                continue
            try:
                found.append(function(item))
            except Exception as error:
                found.append(Failure.of(error))
                break
        return found

    return answers


def raised(failure: Failure) -> Exception:
    """The error of a failure, for the user: what is missing on a node, is missing there."""
    if isinstance(failure.error, Unavailable):
        return failure.error.at(f"node {failure.node}" + (f", {failure.error.where}" if failure.error.where else ""))
    if not isinstance(failure.error, TlpipeError):
        failure.error.add_note(f"on the node {failure.node} of the cluster")
    return failure.error
