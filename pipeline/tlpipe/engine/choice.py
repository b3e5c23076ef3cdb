"""The engine in use: that of this machine, unless a caller chose another one."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from tlpipe.engine.local import Local
from tlpipe.engine.work import Engine
from tlpipe_edge.errors import WrongUsage

LOCAL = "local"
"""The name of the engine of this machine."""
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


def check_name(name: str) -> None:
    """Raise WrongUsage if ``name`` is not as ``using_engine`` takes it."""
    from tlpipe.engine.cluster import address

    if name not in (LOCAL, address.LOCAL) and not address.is_valid(name):
        raise WrongUsage(
            "no engine" if "@" in name else f"no engine: {name}",  # which may have a password
            f"Name {LOCAL}, {address.LOCAL}, or {address.SCHEME}HOST:{address.CLIENT_PORT}.",
        )


@contextmanager
def using_engine(name: str) -> Iterator[None]:
    """Run all work that this thread starts in the block on the engine of this name.

    It is "local"; "ray", a Ray cluster on this machine, or that of $RAY_ADDRESS; or "ray://HOST:PORT". Raise WrongUsage
    for another name. The work raises Unavailable if Ray is not installed, or the cluster cannot be used.
    """
    check_name(name)
    if name == LOCAL:
        with using(DEFAULT):
            yield
        return
    from tlpipe.engine.cluster.engine import Cluster

    with Cluster(name) as cluster, using(cluster):
        yield
