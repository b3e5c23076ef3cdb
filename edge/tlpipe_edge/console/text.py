"""Text from outside made safe for a terminal, accuracies as text, and plain text tables."""

import io
import math
import shutil
import sys
import unicodedata
from collections.abc import Iterable, Sequence

MAX_WIDTH = 10_000
"""Maximum columns of a table: it is not cut for a narrow terminal, nor in a file."""
_JOINERS = "\u200c\u200d"
"""Words of Persian and Hindi, and some emoji, are made with them."""
GAP = 2
"""Spaces between two columns."""


def printable(text: str) -> str:
    """``text`` from outside (a label, a file name) with control and bidirectional characters shown as escapes.

    Terminal escapes and right-to-left overrides have no effect; letters of every script are kept.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        character
        if character in _JOINERS or unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Zl", "Zp")
        else ascii(character)[1:-1]
        for character in text
    )


def percent(share: float | None) -> str:
    """A share (0..1) in per cent with one digit, as every accuracy is printed; a dash for None."""
    return "-" if share is None else f"{100 * share:.1f} %"


def most_points(drop: float) -> float:
    """An upper bound of a drop (-1..1) in percentage points with one digit: rounded up, so that it remains a bound."""
    return math.ceil(1000 * drop - 1e-6) / 10 + 0.0


def at_most_worse(drop: float) -> str:
    """An upper bound of a drop (-1..1) in words; if it is negative, it is a lower bound of a gain."""
    points = most_points(drop)
    if points == 0:
        return "not worse"
    return f"at most {points:.1f} points worse" if points > 0 else f"at least {-points:.1f} points better"


def terminal_width() -> int | None:
    """The columns of the terminal that stdout is; None if it is none: what is piped is neither folded nor wrapped."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def wrapped(sentence: str, width: int | None) -> str:
    """Lines of at most ``width`` columns that end between words, indented from the second one on; None: as it is.

    It is not for lines with paths, which are copied.
    """
    if width is None:
        return sentence
    from rich.cells import cell_len  # textwrap counts characters

    first, *words = sentence.split(" ")
    lines = [first]
    for word in words:
        longer = f"{lines[-1]} {word}"
        if cell_len(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(f"  {word}")
    return "\n".join(lines)


def size(count: float) -> str:
    """Bytes as people read them, such as 1.5 MB."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"


def table(
    header: Iterable[str],
    rows: Iterable[Iterable[str]],
    *,
    names: int = 1,
    keys: int | None = None,
    width: int | None = None,
) -> str:
    """A plain text table: the first ``names`` columns are left-aligned, the others right-aligned.

    If it is wider than ``width``, it is folded: tables below each other, with the first ``keys`` columns (those of
    ``names`` if None) in each, without the rows that are empty there.
    """
    from rich.cells import cell_len  # here, because most commands print no table

    cells = [[printable(cell) for cell in row] for row in (header, *rows)]
    keys = names if keys is None else keys
    widths = [max(map(cell_len, column)) for column in zip(*cells, strict=True)]
    blocks = _blocks(widths, keys, width)
    if len(blocks) == 1:
        return _drawn(cells, names)
    drawn: list[str] = []
    for block in blocks:
        shown = [
            row
            for number, row in enumerate(cells)
            if number == 0 or any(row[column] for column in block[keys:]) or not (drawn or any(row[keys:]))
        ]
        drawn.append(_drawn([[row[column] for column in block] for row in shown], names))
    return "\n\n".join(drawn)


def _blocks(widths: Sequence[int], keys: int, width: int | None) -> list[list[int]]:
    """The columns of each table of a folded one: as few tables as fit ``width``, as equally wide as possible."""

    def within(limit: float) -> list[list[int]]:
        blocks = [[*range(keys)]]
        room = start = limit - sum(widths[:keys]) - GAP * (keys - 1)
        for column in range(keys, len(widths)):
            if room < GAP + widths[column] and len(blocks[-1]) > keys:
                blocks.append([*range(keys)])
                room = start
            blocks[-1].append(column)
            room -= GAP + widths[column]
        return blocks

    fewest = within(math.inf if width is None else width)
    limits = range(width or 0)
    return next((blocks for blocks in map(within, limits) if len(blocks) == len(fewest)), fewest)


def _drawn(cells: Sequence[Sequence[str]], names: int) -> str:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0), header_style="")
    header, *rows = cells
    for number, title in enumerate(header):
        drawn.add_column(Text(title), justify="left" if number < names else "right", no_wrap=True)
    for row in rows:
        drawn.add_row(*map(Text, row))
    # Not a terminal, also where the environment forces one: a dumb one would have 80 columns.
    page = Console(width=MAX_WIDTH, file=io.StringIO(), color_system=None, force_terminal=False)
    with page.capture() as captured:
        page.print(drawn)
    return "\n".join(line.rstrip() for line in captured.get().splitlines())
