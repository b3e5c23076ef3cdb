"""A list of images: a path on each line, or the column of a CSV, or JSON Lines; read line by line.

Labels in it are not read, and a path may be in it more than once.
"""

import csv
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PureWindowsPath
from typing import Literal, TextIO

from tlpipe.data import columns, content, json_lines, listed, location, rows, table
from tlpipe.data.location import Location, Remote
from tlpipe.data.places import IMAGE_SUFFIXES, Places
from tlpipe.data.reading import Format
from tlpipe.scoring.sources import NoImages, Place, Placed
from tlpipe.scoring.work import NO_FILE, Item, of_file
from tlpipe_edge.errors import BadData, WrongUsage

_HEAD = 1 << 16
"""Characters that tell how the list is written."""
_ADVICE = "Write a path on each line, or name the column: path."

Base = Places | Remote
"""Where relative paths begin."""
Paths = Iterator[tuple[int, str]]
"""The number of a line, and the path in it."""


@dataclass(frozen=True)
class _Column:
    """The paths are in a column of a CSV, below the header, or what there is of lines ``above``."""

    separator: str
    column: int
    above: int


_Form = _Column | Literal[Format.JSONL] | None
"""None is a path on each line."""


@dataclass(frozen=True)
class PathList:
    """``Source``: the images of a list, whose relative paths begin at its folder, or at its place in a bucket."""

    path: Location

    def total(self) -> int | None:
        """The lines below a header, though some may be blank. Raise BadData if this is no list."""
        scanned = rows.scan(self.path)
        form = self._form(scanned.codec, self._base())
        return scanned.lines - (form.above if isinstance(form, _Column) else 0)

    def images(self, after: Place) -> Iterator[Placed]:
        """As ``Source.images``."""
        base, codec, line = self._base(), rows.scan(self.path).codec, 0
        form = self._form(codec, base)
        with content.text(self.path, codec) as text:
            for line, written in self._paths(text, form):
                if isinstance(base, Places) and base.moved is None:
                    _fix(base, written, self.path)
                if line > after.number:
                    yield Placed(_item(written, base), Place(line))
        if not line:
            raise NoImages("no images", "Add a line for each image.", where=self.path)

    def _base(self) -> Base:
        parent = self.path.parent
        return parent if isinstance(parent, Remote) else Places(parent)

    def _paths(self, text: TextIO, form: _Form) -> Paths:
        if isinstance(form, _Column):
            return self._table(text, form)
        return self._json_lines(text) if form is Format.JSONL else _plain(text)

    def _form(self, codec: str, base: Base) -> _Form:
        """How the paths are written. Raise BadData if that is not known."""
        if listed.kind(self.path) is Format.JSONL:
            return Format.JSONL
        with content.text(self.path, codec) as text:
            head = text.read(_HEAD)
        try:
            separator, before, rest = table.separated(head)
            line, header = next(table.cells_of(rest, separator, before), (1, []))
            column = columns.path_alone(header, where=f"{self.path}, line {line}")
            if column is not None:
                return _Column(separator, column, line)
            first = rest.lstrip().split("\n")[0].strip()
            if not first or _is_path(first, base):
                return None
            for other in table.SEPARATORS:
                _, cells = next(table.cells_of(first, other), (1, [""]))
                if _is_path(cells[0], base):
                    return _Column(other, 0, before)
        except csv.Error as error:
            raise _not_csv(self.path, error) from error
        raise columns.no_path(header, _ADVICE, where=self.path)

    def _table(self, text: TextIO, form: _Column) -> Paths:
        lines = itertools.islice(text, form.above, None)
        try:
            for line, cells in table.cells_of(lines, form.separator, form.above):
                written = cells[form.column] if form.column < len(cells) else ""
                if not written or "\n" in written or "\r" in written:
                    raise rows.incomplete("path", where=f"{self.path}, line {line}")
                yield line, written
        except csv.Error as error:
            raise _not_csv(self.path, error) from error

    def _json_lines(self, text: TextIO) -> Paths:
        key = ""
        for line, written in enumerate(_lines(text), 1):
            if not written.strip():
                continue
            where = f"{self.path}, line {line}"
            found = json_lines.parsed(written, where)
            if not key:
                place = columns.path_alone(tuple(found), where=where)
                if place is None:
                    raise columns.no_path(tuple(found), _ADVICE, where=where)
                key = tuple(found)[place]
            path = json_lines.text_of(found.get(key), key, where)
            if not path:
                raise rows.incomplete(key, where=where)
            yield line, path


def _plain(text: TextIO) -> Paths:
    for line, written in enumerate(_lines(text), 1):
        if path := written.strip():
            yield line, path


def _lines(text: TextIO) -> Iterator[str]:
    """The lines; a name may have any other character of Unicode that breaks lines."""
    return (line.removesuffix("\n").removesuffix("\r") for line in text)


def _fix(places: Places, first: str, file: Location) -> None:
    """Let the first path alone say what absolute paths stand for, wherever the command continues."""
    places.find(first)
    if places.moved is None:
        places.moved = ()
    else:
        listed.say_moved(file, places)


def _is_path(written: str, base: Base) -> bool:
    if location.is_remote(written) or PureWindowsPath(written).suffix.lower() in IMAGE_SUFFIXES:
        return True
    return isinstance(base, Places) and base.has(written)


def _item(written: str, base: Base) -> Item:
    if location.is_remote(written):
        return _of_url(written)
    if isinstance(base, Remote):
        return _beside(written, base)
    file = base.find(written)
    if file is not None:
        return of_file(file)
    looked = base.base / written
    name = written if "://" in written else str(looked)
    if looked.is_dir():
        return Item(name, None, "a folder, not an image")
    return Item(name, None, NO_FILE, missing=True)


def _of_url(written: str) -> Item:
    try:
        return _of_object(location.remote(written))
    except WrongUsage as error:
        return Item(written, None, error.reason)


def _of_object(place: Remote) -> Item:
    return of_file(place) if place.key else Item(str(place), None, "a bucket, not an image")


def _beside(written: str, base: Remote) -> Item:
    """The item of a path in a list of a bucket."""
    if "://" in written:
        return Item(written, None, NO_FILE, missing=True)
    relative = location.with_slashes(written)
    found = None if PureWindowsPath(relative).anchor else base.joined(relative)
    return Item(written, None, "a path outside of the bucket") if found is None else _of_object(found)


def _not_csv(file: Location, error: csv.Error) -> BadData:
    return BadData(f"not a CSV ({error})", "Check its quotes.", where=file)
