"""The images of all sources in turn, for an engine, and where each of them was."""

import hashlib
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from tlpipe.scoring.sources import BEGIN, Changed, NoImages, Place, Source, check_there, stamp
from tlpipe.scoring.work import Item
from tlpipe_edge.console import progress
from tlpipe_edge.errors import BadData, TlpipeError, Unavailable


@dataclass(frozen=True)
class Position:
    """Up to where the sources are scored: all before the source of this index, and that up to the place.

    ``stamp`` is that of the source, and ``finished`` stands for those of the sources before it.
    """

    source: int = 0
    place: Place = BEGIN
    stamp: str = ""
    finished: str = ""

    @property
    def begin(self) -> "Position":
        """The beginning of the source, whatever that is now."""
        return Position(self.source, finished=self.finished)


START = Position()


class Feed:
    """``items`` gives the images after a position. It ends at an error, too, which ``check`` raises: the images before
    it shall be scored. The engine takes them in advance; ``positions`` has those of the images taken, the first first.
    """

    def __init__(self, sources: Sequence[Source], after: Position) -> None:
        self.positions: deque[Position] = deque()
        self._sources, self._after = sources, after
        self._error: TlpipeError | None = None
        self._empty: NoImages | None = None

    def items(self) -> Iterator[Item]:
        """The images of all sources."""
        finished = ""
        for index, source in enumerate(self._sources):
            try:
                now = Position(index, stamp=stamp(source.path), finished=finished)
                finished = hashlib.sha256(f"{finished} {now.stamp}".encode()).hexdigest()
                if index >= self._after.source:
                    yield from self._items_of(source, now)
            except NoImages as error:
                self._empty = error
                if len(self._sources) > 1:
                    progress.warn(error.what)
            except (TlpipeError, OSError) as error:
                self._error = _as_ours(error, source)
                return

    def _items_of(self, source: Source, now: Position) -> Iterator[Item]:
        after = BEGIN
        if now.source == self._after.source:
            after = self._after.place
            if now.finished != self._after.finished:
                raise Changed("a source that was scored", finished=True)
            if after != BEGIN and now.stamp != self._after.stamp:
                raise Changed(source.path)
        for placed in source.images(after):
            self.positions.append(replace(now, place=placed.place))
            yield placed.item

    def check(self, scored: int) -> None:
        """Raise the error at which the items ended; NoImages if there is none, and ``scored`` is 0."""
        if self._error is not None:
            raise self._error
        if self._empty is not None and not scored:
            raise self._empty


def _as_ours(error: TlpipeError | OSError, source: Source) -> TlpipeError:
    """The error of reading a source. Whatever it is, if the source is gone, that is the reason; a store that is lost is
    not asked again."""
    if isinstance(error, Changed | Unavailable):
        return error
    try:
        check_there(source.path)
    except TlpipeError as missing:
        return missing
    if isinstance(error, TlpipeError):
        return error
    return BadData(f"cannot be read ({error.strerror or error})", "Check the file or the disk.", where=source.path)
