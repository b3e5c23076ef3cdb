"""A Ray cluster as an engine: several machines do the work, and the results come back to this one."""

from collections.abc import Generator, Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from tlpipe.data.location import Location
from tlpipe.engine.cluster import connection, nodes, problems
from tlpipe.engine.cluster.address import shown
from tlpipe.engine.cluster.driven import Driven
from tlpipe.engine.work import Item, Result, Work

MAX_FILES = 200
"""So many files are looked for on each node before the work. The others are noticed missing when they are read."""


class Cluster:
    """An ``Engine``: the cluster at ``ray://HOST:PORT``; or, for "ray", that of $RAY_ADDRESS, or one on this machine.

    It connects when it is first used, and is a context: at its end, what runs on the cluster ends, too. ``workers`` is
    the maximum number of images that are in work at the same time; one per core of the cluster if None.
    """

    def __init__(self, address: str, workers: int | None = None) -> None:
        self._workers, self._link = workers, _Link(address)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._link.close()

    def limited(self, workers: int) -> "Cluster":
        """As ``Engine.limited``, on the same connection."""
        other = Cluster(self._link.address, workers)
        other._link = self._link
        return other

    def check(self, places: Iterable[Location]) -> None:
        """As ``Engine.check``, of ``MAX_FILES`` at most. Then, workers are started, if there are none.

        A file that this machine cannot read is none that workers must see. Raise Unavailable if the cluster cannot be
        used.
        """
        files = [place for place in places if isinstance(place, Path)]
        some = [nodes.File.here(file) for file in files[:: len(files) // MAX_FILES + 1]]
        self._link.check([file for file in some if file is not None], self._workers)

    def run(self, work: Work[Item, Result], items: Iterable[Item]) -> Generator[Result, None, None]:
        """As ``Engine.run``. Raise Unavailable if the cluster is lost."""
        yield from self._link.driven(self._workers).run(work, items)


class _Link:
    """The connection to a cluster, and the workers there: made when they are needed, and again after they are lost."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._opened = ExitStack()
        self._connected = False
        self._driven: Driven | None = None

    def close(self) -> None:
        self._opened.close()
        self._connected, self._driven = False, None

    def driven(self, workers: int | None) -> Driven:
        """The workers of which there are at most so many, if any are limited."""
        if self._driven is None:
            self.check([], workers)
        assert self._driven is not None
        return self._driven

    def check(self, files: list[nodes.File], workers: int | None) -> None:
        """Check the nodes, and start workers, if there are none like these. Raise MissingInput, Unavailable."""
        if not self._connected:
            self._opened.enter_context(connection.connected(self.address))
            self._connected = True
        try:
            self._start(files, workers)
        except Exception as error:
            if not (problems.is_of_connection(error) or problems.is_of_ray(error)):
                raise
            self.close()
            raise problems.lost(error, shown(self.address)) from error

    def _start(self, files: list[nodes.File], workers: int | None) -> None:
        wanted, there = nodes.requirements(), nodes.cores()
        found = nodes.looked_at(wanted, files)
        nodes.check_files(found)
        packages, count = nodes.to_install(found, wanted), min(workers or there, there)
        if self._driven is not None:
            if (self._driven.workers, self._driven.packages) == (count, packages):
                return
            self._driven.close()
        self._driven = Driven(count, packages, shown(self.address))
        self._opened.callback(self._driven.close)
        self._driven.start()
