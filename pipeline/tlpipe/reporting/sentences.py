"""Sentences of the report: in them, numbers keep what they measure, and words from outside are known as such."""

from dataclasses import dataclass

from tlpipe.reporting import rounding


@dataclass(frozen=True)
class Part:
    """A piece of a sentence: words of ours, words from ``outside``, or a number with what it is (``rounding``).

    ``strong``: what a reader looks for.
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
    """What a bench says, as a part of a sentence."""
    return Part(text, outside=True)


def sentence(*parts: "str | Part") -> Sentence:
    """Words and other parts as a sentence."""
    return tuple(Part(part) if isinstance(part, str) else part for part in parts)


def text(parts: Sentence) -> str:
    """A sentence as text, rounded."""
    return "".join(part.text for part in parts)
