"""Text from outside made inert, and tables of it, for a person at a terminal."""

import unicodedata
from collections.abc import Iterable


def printable(text: str) -> str:
    """``text`` from outside (a label, a file name) with control and bidirectional characters shown as escapes.

    Terminal escapes and right-to-left overrides stay inert; letters of every script pass.
    """
    return "".join(
        character if unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Zl", "Zp") else ascii(character)[1:-1]
        for character in text
    )


def table(header: Iterable[str], rows: Iterable[Iterable[str]], *, names: int = 1) -> str:
    """A plain text table: the first columns, ``names``, left-aligned, the others right-aligned, two spaces between."""
    cells = [[printable(cell) for cell in row] for row in [header, *rows]]
    widths = [max(len(row[column]) for row in cells) for column in range(len(cells[0]))]
    lines = (
        "  ".join(
            cell.ljust(width) if column < names else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in cells
    )
    return "\n".join(line.rstrip() for line in lines)
