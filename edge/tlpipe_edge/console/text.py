"""Text from outside made safe for a terminal, and plain text tables."""

import io
import unicodedata
from collections.abc import Iterable

MAX_WIDTH = 10_000
"""Maximum columns of a table: it is not cut for a narrow terminal, nor in a file."""


def printable(text: str) -> str:
    """``text`` from outside (a label, a file name) with control and bidirectional characters shown as escapes.

    Terminal escapes and right-to-left overrides have no effect; letters of every script are kept.
    """
    return "".join(
        character if unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Zl", "Zp") else ascii(character)[1:-1]
        for character in text
    )


def table(header: Iterable[str], rows: Iterable[Iterable[str]], *, names: int = 1) -> str:
    """A plain text table: the first ``names`` columns are left-aligned, the others right-aligned."""
    from rich.console import Console  # here, because most commands print no table
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="")
    for number, title in enumerate(header):
        drawn.add_column(Text(printable(title)), justify="left" if number < names else "right", no_wrap=True)
    for row in rows:
        drawn.add_row(*(Text(printable(cell)) for cell in row))
    # Not a terminal, also where the environment forces one: a dumb one would have 80 columns.
    page = Console(width=MAX_WIDTH, file=io.StringIO(), color_system=None, force_terminal=False)
    with page.capture() as captured:
        page.print(drawn)
    return "\n".join(line.rstrip() for line in captured.get().splitlines())
