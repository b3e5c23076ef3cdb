"""What a list of images says, whatever it is written in: rows of path, label and split."""

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from tlpipe.data import content
from tlpipe.data.location import Location
from tlpipe_edge.errors import BadData

MAX_BYTES = 200_000_000
"""Limit of a list: 1.3 million rows of ImageNet have 80 million bytes."""

_HEAD = 4096
_PIECE = 1 << 20
_BOMS = (
    (b"\xef\xbb\xbf", "utf-8-sig", "UTF-8"),
    (b"\xff\xfe\0\0", "utf-32", "UTF-32"),
    (b"\0\0\xfe\xff", "utf-32", "UTF-32"),
    (b"\xff\xfe", "utf-16", "UTF-16"),
    (b"\xfe\xff", "utf-16", "UTF-16"),
)
_TABLES = {
    b"PAR1": "a Parquet file",
    b"ARROW1": "an Arrow file",
    b"FEA1": "a Feather file",
    b"\x89HDF\r\n\x1a\n": "an HDF5 file",
    b"SQLite format 3\0": "an SQLite database",
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": "an old Excel file",
}
"""The first bytes of binary files that hold tables."""
_CONTROL = frozenset(map(chr, range(32))) - frozenset("\t\n\v\f\r\x1a")
"""What no text has. \x1a ends some files of DOS."""


@dataclass(frozen=True, slots=True)
class Row:
    """One image. ``path`` and ``split`` are as they are written, but for blanks around them; "" is no split."""

    line: int
    path: str
    label: str
    split: str = ""


@dataclass(frozen=True)
class LabelList:
    """The rows of a list. ``description`` says how the file was read."""

    file: Path
    description: str
    rows: tuple[Row, ...]


def read_text(file: Path) -> tuple[str, str]:
    """The text of a file and the name of its encoding: as its byte order mark says, UTF-8, cp1252 or Latin-1.

    Raise BadData if it is no text, has more than ``MAX_BYTES`` or cannot be read.
    """
    try:
        with file.open("rb") as stream:
            read = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise BadData(f"cannot be read ({error.strerror})", "Check the file.", where=file) from error
    if len(read) > MAX_BYTES:
        raise BadData(f"more than {MAX_BYTES // 10**6} MB", "Name a list of images.", where=file)
    _refuse_tables(read, file)
    text, encoding = _decoded(read, file)
    if "\0" in text or not _CONTROL.isdisjoint(text[:_HEAD]):
        raise _binary(file)
    return text, encoding


@dataclass(frozen=True)
class Scanned:
    """The ``codec`` of a text file, and how many lines it has."""

    codec: str
    lines: int


def scan(file: Location) -> Scanned:
    """How a text file is read, told as by ``read_text``, piece by piece: it may have any size.

    Raise BadData if it is no text or cannot be read.
    """
    try:
        head = content.head(file, _HEAD)
        _refuse_tables(head, file)
        marked = [codec for mark, codec, _ in _BOMS if head.startswith(mark)]
        for codec in marked[:1] or ("utf-8", "cp1252", "latin-1"):
            with contextlib.suppress(UnicodeDecodeError), content.text(file, codec) as text:
                return Scanned(codec, _lines(text, file))
    except OSError as error:
        raise BadData(f"cannot be read ({error.strerror})", "Check the file.", where=file) from error
    raise BadData("a damaged text", "Save it as UTF-8.", where=file)


def _lines(text: TextIO, file: Location) -> int:
    lines, last = 0, "\n"
    while piece := text.read(_PIECE):
        if "\0" in piece or (not lines and not _CONTROL.isdisjoint(piece[:_HEAD])):
            raise _binary(file)
        lines, last = lines + piece.count("\n"), piece[-1]
    return lines + (last != "\n")


def _binary(file: Location) -> BadData:
    return BadData("a binary file, not a list of images in UTF-8", "Save it as text in UTF-8.", where=file)


def _refuse_tables(head: bytes, file: Location) -> None:
    """Raise BadData for a table in a binary format, which no editor saves as text."""
    name = next((name for mark, name in _TABLES.items() if head.startswith(mark)), None)
    if name is not None:
        advice = "Export it as CSV or JSON Lines, with a path and a label for each image file."
        raise BadData(f"{name}, not a list of images in text", advice, where=file)


def _decoded(written: bytes, file: Path) -> tuple[str, str]:
    for mark, codec, name in _BOMS:
        if written.startswith(mark):
            try:
                return written.decode(codec), name
            except UnicodeDecodeError as error:
                raise BadData(f"damaged {name} ({error.reason})", "Save it as UTF-8.", where=file) from error
    for codec in ("UTF-8", "cp1252"):
        try:
            return written.decode(codec), codec
        except UnicodeDecodeError:
            continue
    return written.decode("latin-1"), "Latin-1"


def named(description: str, encoding: str) -> str:
    """The description with the encoding, where that is a guess."""
    guessed = encoding in ("cp1252", "Latin-1")
    return f"{description}, not UTF-8 and so read as {encoding}" if guessed else description


def incomplete(what: str, *, where: object) -> BadData:
    """The error about a row without its path or its label; ``what`` is missing."""
    return BadData(f"no {what}", f"Write the {what}, or remove the line.", where=where)


def check_label(label: str, *, where: object) -> None:
    """Raise BadData if the text of a label is a list or an object."""
    if label[:1] + label[-1:] in ("[]", "{}"):
        raise BadData(
            f"the label is {'a list' if label[0] == '[' else 'an object'}: {label[:40]}",
            "Each image needs exactly one label, a text or a number.",
            where=where,
        )
