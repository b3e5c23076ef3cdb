"""The engine in use: that of this machine, unless a caller chose another one."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from tlpipe.engine.local import Local
from tlpipe.engine.work import Engine

DEFAULT = Local()
_chosen: ContextVar[Engine] = ContextVar("engine", default=DEFAULT)


def engine() -> Engine:
    """The engine of the innermost ``using``."""
    return _chosen.get()


@contextmanager
def using(engine: Engine) -> Iterator[None]:
    """Run all work that this thread starts in the block on ``engine``."""
    token = _chosen.set(engine)
    try:
        yield
    finally:
        _chosen.reset(token)
