"""The rows of a result while they are scored. They are appended to a file in the checkpoint of the result.

A part says how many bytes of it are on the disk, and which image the last row is of; so a command that was killed goes
on there. If the source of that image has changed, it goes on at the beginning of that source; if one before it has, it
begins anew.
"""

import os
from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path

from tlpipe.engine.choice import engine
from tlpipe.scoring.feed import START, Feed, Position
from tlpipe.scoring.formats import Format
from tlpipe.scoring.sources import Changed, Source, check_there
from tlpipe.scoring.work import Row, ScoreImages
from tlpipe.storage.checkpoint import Checkpoint, Growing, Mark
from tlpipe_edge.console import progress
from tlpipe_edge.contract import codec
from tlpipe_edge.errors import BadData, TlpipeError

_ROWS = "rows"


@dataclass(frozen=True)
class Done:
    """What is in the rows so far; ``first_failed`` is an image that cannot be read, and why."""

    position: Position = START
    images: int = 0
    failed: int = 0
    first_failed: str = ""

    def add(self, row: Row, position: Position) -> "Done":
        first = self.first_failed or (f"{row.source}: {row.error}" if row.error else "")
        return Done(position, self.images + 1, self.failed + bool(row.error), first)


@dataclass(frozen=True)
class Point:
    """What is ``done``, and the mark of the ``rows`` there."""

    rows: Mark
    done: Done


class SavedRows:
    """The rows of the sources: those that are saved, and those that are left to score.

    ``done`` is what the rows have so far, ``continued`` is how many images of it are from a command that was stopped,
    and ``_before`` is where the source begins that is in work.
    """

    def __init__(self, sources: Sequence[Source], work: ScoreImages, form: Format, saved: Checkpoint) -> None:
        self.done, self.continued = Done(), 0
        self._before = Point(Mark(0, ""), self.done)
        self._sources, self._work, self._form, self._saved = sources, work, form, saved
        self._opened = ExitStack()

    def close(self) -> None:
        """Close the rows."""
        self._opened.close()

    def run(self) -> Path:
        """Write the rows that are not there yet; return the file of all rows, complete and on the disk.

        Raise the errors of the sources.
        """
        rows = self._continued() or self._begun()
        try:
            self._score(rows)
        except Changed as error:
            rows = self._again(error)
            self._score(rows)
        if self._form.convert is None:
            return rows.file
        converted = rows.file.with_suffix(".converted")
        with progress.waiting("writing the result", seconds=self.done.images / 1e5), rows.file.open("rb") as lines:
            self._form.convert(lines, converted)
        with converted.open("rb") as stream:
            os.fsync(stream.fileno())
        return converted

    def _score(self, rows: Growing) -> None:
        before = self.done
        feed = Feed(self._sources, before.position)
        total = self._total()
        left = None if total is None else max(0, total - before.images)
        with (
            closing(engine().run(self._work, feed.items())) as results,
            closing(progress.track(results, description="scoring", total=left)) as tracked,
        ):
            try:
                for row in tracked:
                    self._add(row, feed.positions.popleft(), rows)
            except TlpipeError:
                self._keep(rows, before)
                raise
        self._keep(rows, before)
        feed.check(self.done.images)

    def _add(self, row: Row, position: Position, rows: Growing) -> None:
        """Write a row. Raise MissingInput if its source is gone, and the error of a store that is lost."""
        if row.lost is not None:
            raise row.lost
        if row.missing:
            check_there(self._sources[position.source].path)
        if position.source != self._before.done.position.source:
            self._before = Point(rows.mark(), replace(self.done, position=position.begin))
        rows.append(self._form.line(row, self._work.top_k))
        self.done = self.done.add(row, position)
        if self._saved.due():
            self._save(Point(rows.flushed(), self.done))

    def _keep(self, rows: Growing, before: Done) -> None:
        if self.done != before:
            self._save(Point(rows.flushed(), self.done))

    def _total(self) -> int | None:
        totals = [source.total() for source in self._sources]
        known = [total for total in totals if total is not None]
        return sum(known) if len(known) == len(totals) else None

    def _begun(self) -> Growing:
        self.done, self.continued = Done(), 0
        rows = self._saved.growing(_ROWS)
        assert rows is not None
        rows.append(self._form.head(self._work.top_k))
        self._before = Point(rows.mark(), self.done)
        return self._kept_open(rows)

    def _again(self, error: Changed) -> Growing:
        """The rows of the sources that are as they were; none if one of those that were finished is not."""
        before = self._before
        if not error.finished and before.done.images:
            self._save(before)  # and then the file is cut
            if rows := self._saved.growing(_ROWS, before.rows):
                progress.say(f"{error.where}: changed since then, so continuing after {before.done.images:,} images")
                self.done, self.continued = before.done, before.done.images
                return self._kept_open(rows)
        self._saved.begin_anew(f"changed since: {error.where}")
        return self._begun()

    def _continued(self) -> Growing | None:
        """The rows of the same command that was stopped; None if there are none, or if they are damaged."""
        part = self._saved.load(_ROWS)
        if part is None:
            return None
        try:
            now, before = (codec.read(Point, part.record[name], _ROWS) for name in ("now", "before"))
            rows = self._saved.growing(_ROWS, now.rows)
        except (KeyError, BadData):
            rows = None
        if rows is None:
            self._saved.discard(_ROWS)
            return None
        self.done, self.continued, self._before = now.done, now.done.images, before
        self._saved.say_continuing(f"after {self.done.images:,} images", part)
        return self._kept_open(rows)

    def _kept_open(self, rows: Growing) -> Growing:
        self._opened.callback(rows.close)
        return rows

    def _save(self, now: Point) -> None:
        record = {"now": codec.as_json(now), "before": codec.as_json(self._before)}
        self._saved.save(_ROWS, record, reached=f"after {now.done.images:,} images")
