"""Sentences of the report as parts: numbers keep value and unit, and text from outside is marked."""

from dataclasses import dataclass

from tlpipe.reporting import rounding


@dataclass(frozen=True)
class Part:
    """A part of a sentence: our own words, text from ``outside``, or a number with its unit (see ``rounding``).

    ``strong``: important, shown in bold.
    """

    text: str
    outside: bool = False
    strong: bool = False
    value: float | None = None
    unit: str | None = None


Sentence = tuple[Part, ...]


def number(value: float, unit: str) -> Part:
    """A number as a part of a sentence."""
    return Part(rounding.shown(value, unit), value=value, unit=unit)


def name(text: str) -> Part:
    """A label or a device, as a part of a sentence."""
    return Part(text, outside=True, strong=True)


def quoted(text: str) -> Part:
    """Text from a benchmark, as a part of a sentence."""
    return Part(text, outside=True)


def sentence(*parts: "str | Part") -> Sentence:
    """A sentence from words and other parts."""
    return tuple(Part(part) if isinstance(part, str) else part for part in parts)


def text(parts: Sentence) -> str:
    """A sentence as text, with rounded numbers."""
    return "".join(part.text for part in parts)
