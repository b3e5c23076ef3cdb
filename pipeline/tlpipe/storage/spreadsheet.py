"""Text from outside in a CSV that a spreadsheet may open."""

from tlpipe_edge.console.text import printable

_FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠", "\t", "\r", "|", "%")
"""The first characters of a formula in spreadsheets (OWASP, "CSV Injection"); some accept full-width forms."""


def cell(text: str) -> str:
    """The text of a cell, which is never a formula: with an apostrophe before one, as spreadsheets mark text."""
    shown = printable(text)
    return f"'{shown}" if shown.lstrip().startswith(_FORMULA) else shown
