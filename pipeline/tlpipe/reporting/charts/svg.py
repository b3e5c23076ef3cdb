"""Writes SVG elements with all text escaped, and estimates the width of a text."""

import unicodedata
from typing import Any

from markupsafe import Markup

from tlpipe_edge.console.text import printable


def element(tag: str, *children: object, **attributes: Any) -> Markup:
    """``<tag attribute="..">children</tag>``: strings are made printable and escaped; a "_" in a name is a "-"."""
    written = Markup("").join(
        Markup(' {}="{}"').format(name.rstrip("_").replace("_", "-"), _plain(value))
        for name, value in attributes.items()
        if value is not None
    )
    inside = Markup("").join(child if isinstance(child, Markup) else printable(str(child)) for child in children)
    return Markup("<{0}{1}>{2}</{0}>").format(Markup(tag), written, inside)


def _plain(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.1f}".removesuffix(".0")
    return printable(str(value))


def width(text: str, size: float) -> float:
    """The estimated width of a text in a sans-serif font of this size, rather too wide than too narrow."""
    return (
        sum(
            0.0
            if unicodedata.combining(character)
            else 1.0
            if unicodedata.east_asian_width(character) in "WF"
            else 0.58
            for character in text
        )
        * size
    )


def fitted(text: str, room: float, size: float) -> str:
    """``text`` as printable characters, without its middle if it is wider than ``room``."""
    text = printable(text)
    if width(text, size) <= room:
        return text
    kept = next(count for count in range(len(text), -1, -1) if width(_cut(text, count), size) <= room or count == 0)
    return _cut(text, kept)


def _cut(text: str, kept: int) -> str:
    return text[: (kept + 1) // 2] + "…" + text[len(text) - kept // 2 :]
