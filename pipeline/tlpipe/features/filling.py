"""Computes the rows that a shelf lacks, and stores them every few seconds. Several processes share the work."""

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass

import numpy as np

from tlpipe.data.dataset import Example
from tlpipe.engine.choice import engine
from tlpipe.features import claims, shelf
from tlpipe.features.claims import Claims
from tlpipe.features.shelf import Index
from tlpipe.features.work import ComputeFeatures
from tlpipe.storage import cache
from tlpipe_edge.console import progress

SHARD_BYTES = 32_000_000
SHARD_SECONDS = 5.0
"""A shard is stored when it has so many bytes, or took so long: what a killed command has not stored is lost."""

CLAIMED_AT_ONCE = 512
"""The number of images that a process claims in one step."""

PATIENCE_SECONDS = 120.0
"""A process that has stored nothing for so long is taken for a stopped one, as by Ctrl-Z. If it is only slow, its rows
are computed twice."""

_POLL_SECONDS = 0.2


def fill(index: Index, work: ComputeFeatures, examples: Mapping[int, Example], *, what: str) -> dict[str, str]:
    """Store the rows that are missing in the ``index``, whose ``examples`` are by place; ``what`` is the text of the
    progress bar. The result is why the others cannot be read, by sha256.

    What another process computes meanwhile is waited for, and computed here only if that one ends without it, or stores
    nothing for ``PATIENCE_SECONDS``. What is deleted meanwhile is computed once more.
    """
    reasons: dict[str, str] = {}
    for _ in range(2):
        _fill(index, work, examples, reasons, what)
        index.refresh()
        if all(examples[place].sha256 in reasons for place in index.missing().tolist()):
            break
    return reasons


def _fill(
    index: Index, work: ComputeFeatures, examples: Mapping[int, Example], reasons: dict[str, str], what: str
) -> None:
    with (
        claims.opened(cache.folder() / index.shelf) as own,
        progress.bar(what, total=len(index.missing())) as advance,
    ):
        missing = _Missing(index, examples, own, advance)
        while len(missing):
            # Closed in any case: if the disk is full, nothing more is computed.
            with closing(engine().run(work, missing)) as results:
                for batch in _batches(missing.results(results)):
                    _store(index, batch)
                    own.drop(index.hashes[[each.place for each in batch]])
                    reasons |= {each.example.sha256: each.row for each in batch if isinstance(each.row, str)}
            missing.wait_for_others()


@dataclass(frozen=True)
class _Result:
    """The ``row`` of an example at a ``place`` of the index, or why it cannot be read."""

    place: int
    example: Example
    row: np.ndarray | str


class _Missing:
    """The examples whose rows are missing: they are claimed when they are taken, and passed over if another process has
    claimed them."""

    def __init__(
        self, index: Index, examples: Mapping[int, Example], own: Claims, advance: Callable[[float], None]
    ) -> None:
        self._index, self._examples, self._own, self._advance = index, examples, own, advance
        self._left = index.missing()
        self._taken: deque[int] = deque()
        self._respects_others = True

    def __len__(self) -> int:
        return len(self._left)

    def __iter__(self) -> Iterator[Example]:
        while len(chosen := self._claimed()):
            for place in chosen:
                self._taken.append(place)
                yield self._examples[place]

    def results(self, rows: Iterable[np.ndarray | str]) -> Iterator[_Result]:
        """The results for what was taken, in that order."""
        for row in rows:
            place = self._taken.popleft()
            yield _Result(place, self._examples[place], row)
            self._advance(1)

    def wait_for_others(self) -> None:
        """Until other processes have stored what is left, have ended, or do nothing."""
        since, left = time.monotonic(), len(self._left)
        if left:
            progress.say("waiting for another tlpipe process, which computes the rest")
        while len(self._left):
            with self._own.choosing() as claimed:
                self._look()
                if not np.isin(self._index.hashes[self._left], claimed).all():
                    return
            if len(self._left) < left:
                since, left = time.monotonic(), len(self._left)
            if time.monotonic() - since > PATIENCE_SECONDS:
                progress.say("the other process has stored nothing for long: its part is computed here, too")
                self._respects_others = False
                return
            time.sleep(_POLL_SECONDS)

    def _claimed(self) -> np.ndarray:
        """The next places, which this process claims now: (K,) int64, empty if the others have claimed what is left."""
        with self._own.choosing() as claimed:
            self._look()
            first = self._left[: CLAIMED_AT_ONCE + len(claimed)]
            free = ~np.isin(self._index.hashes[first], claimed) if self._respects_others else np.full(len(first), True)
            chosen = first[free][:CLAIMED_AT_ONCE]
            self._own.add(self._index.hashes[chosen])
        self._left = np.concatenate([first[~np.isin(first, chosen)], self._left[len(first) :]])
        return chosen

    def _look(self) -> None:
        """Leave out what other processes have stored."""
        if self._index.refresh():
            before = len(self._left)
            self._left = self._left[self._index.shard[self._left] < 0]
            self._advance(before - len(self._left))


def _batches(results: Iterable[_Result]) -> Iterator[list[_Result]]:
    """The results of a shard each."""
    batch: list[_Result] = []
    size, begun = 0, time.monotonic()
    for each in results:
        batch.append(each)
        latest = 0 if isinstance(each.row, str) else each.row.nbytes
        size += latest
        if size + latest > SHARD_BYTES or time.monotonic() - begun >= SHARD_SECONDS:
            yield batch
            batch, size, begun = [], 0, time.monotonic()
    if batch:
        yield batch


def _store(index: Index, batch: Sequence[_Result]) -> None:
    rows = {each.place: each.row for each in batch if not isinstance(each.row, str)}
    if rows:
        shelf.store(index.shelf, index.hashes[list(rows)], np.stack(list(rows.values())))
