"""What a person says of a report: its title, its purpose, its author, and of which date the data are."""

import re
from dataclasses import dataclass
from datetime import date

from tlpipe_edge.errors import WrongUsage

MAX_LINE = 120
"""Maximum number of characters of a title and of an author."""
MAX_PURPOSE = 600
"""Maximum number of characters of a purpose: a few sentences."""


@dataclass(frozen=True)
class About:
    """The head of a report; None is left out. ``data_date`` is a date in ISO 8601, "2026-05-31".

    White space, such as a line break, becomes one space. Raise WrongUsage if a text is empty or too long, or if the
    date is none.
    """

    title: str | None = None
    purpose: str | None = None
    author: str | None = None
    data_date: str | None = None

    def __post_init__(self) -> None:
        for name, limit in (("title", MAX_LINE), ("purpose", MAX_PURPOSE), ("author", MAX_LINE)):
            text = getattr(self, name)
            if text is not None:
                object.__setattr__(self, name, _line(text, limit, what=name))
        if self.data_date is not None and not _is_date(self.data_date):
            raise WrongUsage(f"not a date: {self.data_date[:MAX_LINE]}", "Write YEAR-MONTH-DAY, as 2026-05-31.")


def _line(text: str, limit: int, *, what: str) -> str:
    line = " ".join(text.split())
    if not line:
        raise WrongUsage(f"an empty {what}", "Give one, or leave it out.")
    if len(line) > limit:
        raise WrongUsage(f"the {what} has {len(line)} characters", f"Give one of at most {limit}.")
    return line


def _is_date(text: str) -> bool:
    try:
        return re.fullmatch(r"\d{4}-\d\d-\d\d", text, re.ASCII) is not None and bool(date.fromisoformat(text))
    except ValueError:
        return False


NOTHING_SAID = About()
