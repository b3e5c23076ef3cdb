"""SVG as text: elements with everything escaped, round numbers for axes, and how wide a text will be."""

import math
import unicodedata
from typing import Any

from markupsafe import Markup

from tlpipe_edge.terminal import printable


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


def ticks(low: float, high: float, *, count: int) -> list[float]:
    """About ``count`` round numbers (1, 2 or 5 times a power of ten apart) from ``low`` to ``high``."""
    rough = (high - low) / max(count, 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [number * step for number in range(first, math.floor(high / step + 1e-9) + 1)]


def log_ticks(low: float, high: float) -> list[float]:
    """1, 2 and 5 times powers of ten from ``low`` to ``high``."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    return [tick for power in powers for factor in (1, 2, 5) if low <= (tick := factor * 10.0**power) <= high]


def width(text: str, size: float) -> float:
    """The width of a text in a sans-serif font of this size, rather too wide than too narrow."""
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
    """``text`` as printable characters, its middle left out where it is wider than ``room``."""
    text = printable(text)
    if width(text, size) <= room:
        return text
    kept = next(count for count in range(len(text), -1, -1) if width(_cut(text, count), size) <= room or count == 0)
    return _cut(text, kept)


def _cut(text: str, kept: int) -> str:
    return text[: (kept + 1) // 2] + "…" + text[len(text) - kept // 2 :]
