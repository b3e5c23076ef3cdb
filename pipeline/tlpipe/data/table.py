"""Reads a CSV of any dialect: rows of path, label and split.

The dialect is told from the header, not from statistics of the rows as csv.Sniffer does: paths and labels may have
separators in them.
"""

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tlpipe.data import columns
from tlpipe.data.columns import Columns
from tlpipe.data.rows import LabelList, Row, check_label, incomplete, named, read_text
from tlpipe_edge.errors import BadData

SEPARATORS = {",": "comma", ";": '";"', "\t": "tab", "|": '"|"', " ": "blanks"}
_EXCEL = re.compile(r"sep=(.)\r?(?:\n|$)", re.IGNORECASE)
"""A first line that tells Excel the separator."""

_ZERO, _ONE = ("0", "0.0"), ("1", "1.0")

_Cells = tuple[int, list[str]]
"""The line on which a row begins, and its cells without blanks around them."""


@dataclass(frozen=True)
class _Table:
    separator: str
    columns: Columns
    rows: Iterator[_Cells]


def read(file: Path, *, exists: Callable[[str], bool], is_split: Callable[[str], bool]) -> LabelList:
    """Read a CSV. One without a header is read if its first row is a path that ``exists``, and a label.

    Raise BadData if its columns are not known, or if a row is not complete.
    """
    text, encoding = read_text(file)
    try:
        table = _headed(text, file, exists, is_split)
        rows = tuple(_row(cells, table.columns, file) for cells in table.rows)
    except csv.Error as error:
        raise BadData(f"not a CSV ({error})", "Check its quotes.", where=file) from error
    separated = "" if table.separator == "," else f", separated by {SEPARATORS.get(table.separator, table.separator)}"
    return LabelList(file, named(f"CSV{separated}, {table.columns}", encoding), rows)


def names(file: Path) -> tuple[str, ...]:
    """The names in the header. Raise BadData if the file is no CSV."""
    try:
        separator, start, text = separated(read_text(file)[0])
        return tuple(next(cells_of(text, separator, start), (1, []))[1])
    except csv.Error as error:
        raise BadData(f"not a CSV ({error})", "Check its quotes.", where=file) from error


def separated(text: str) -> tuple[str, int, str]:
    """The separator, the lines before the header, and the rest. It is the one that gives the most known columns, then
    the most columns. It is a blank only if no other one gives as many known columns: names and paths have blanks.
    """
    text = text.removesuffix("\x1a")
    if said := _EXCEL.match(text):
        return said[1], 1, text[said.end() :]

    def columns_of(separator: str) -> tuple[int, bool, int]:
        header = next(cells_of(text, separator), (1, []))[1]
        return columns.known(header), separator != " ", len(header)

    return max(SEPARATORS, key=columns_of), 0, text


def _headed(text: str, file: Path, exists: Callable[[str], bool], is_split: Callable[[str], bool]) -> _Table:
    separator, before, text = separated(text)
    rows = cells_of(text, separator, before)
    line, header = next(rows, (1 + before, []))
    try:
        return _Table(separator, columns.find(header, where=f"{file}, line {line}"), rows)
    except BadData:
        if found := _one_hot(separator, header, list(rows), file):
            return found
        for other in SEPARATORS:
            _, first = next(cells_of(text, other, before), (1, []))
            if _is_row(first, exists, is_split):
                unnamed = Columns(0, 1, 2 if len(first) > 2 else None, ())
                return _Table(other, unnamed, cells_of(text, other, before))
        raise


def _one_hot(separator: str, header: list[str], rows: list[_Cells], file: Path) -> _Table | None:
    """The table with a label in each row, if it has a column for each class, which are all 0 or 1; or else None.

    Raise BadData if a row has not exactly one 1.
    """
    found, classes = columns.one_hot(header, where=file) or (None, ())
    width = len(header)
    if found is None or not all(
        len(cells) >= width and {cells[place] for place in classes} <= {*_ZERO, *_ONE} for _, cells in rows
    ):
        return None
    labelled = []
    for line, cells in rows:
        labels = [found.names[place] for place in classes if cells[place] in _ONE]
        if len(labels) != 1:
            reason = f"{' and '.join(labels)} are 1" if labels else "no class is 1"
            raise BadData(reason, "Each image needs exactly one label.", where=f"{file}, line {line}")
        labelled.append((line, [*cells[:width], *labels, *cells[width:]]))
    return _Table(separator, found, iter(labelled))


def _is_row(cells: list[str], exists: Callable[[str], bool], is_split: Callable[[str], bool]) -> bool:
    """Whether the first row is one of data: path, label, and at most a split."""
    while cells and not cells[-1]:
        cells = cells[:-1]
    return len(cells) in (2, 3) and bool(cells[1]) and exists(cells[0]) and all(map(is_split, cells[2:]))


def cells_of(text: str | Iterable[str], separator: str, before: int = 0) -> Iterator[_Cells]:
    """The rows that are not blank, of a text or of its lines; ``before`` lines are above it. Raise csv.Error."""
    lines = io.StringIO(text, newline="") if isinstance(text, str) else text
    reader = csv.reader(lines, delimiter=separator, skipinitialspace=separator != "\t")
    line = 1 + before
    for row in reader:
        cells = [cell.strip() for cell in row]
        if any(cells):
            yield line, cells
        line = reader.line_num + 1 + before


def _row(numbered: _Cells, found: Columns, file: Path) -> Row:
    line, cells = numbered
    where = f"{file}, line {line}"
    width = len(found.names) or max(found.label, found.split or 0) + 1
    if any(cells[width:]):
        reason = f"{len(cells)} cells, but {width} columns"
        raise BadData(reason, "Quote a value that has the separator in it.", where=where)
    path, label, split = (
        cells[place] if place is not None and place < len(cells) else ""
        for place in (found.path, found.label, found.split)
    )
    if "\n" in path or "\r" in path:
        raise BadData("a line break in a path", "Close the quote before it.", where=where)
    if not path or not label:
        raise incomplete("label" if path else "path", where=where)
    check_label(label, where=where)
    return Row(line, path, label, split)
