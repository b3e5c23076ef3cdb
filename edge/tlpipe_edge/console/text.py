"""Text from outside made safe for a terminal, accuracies as text, and plain text tables."""

import io
import math
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
