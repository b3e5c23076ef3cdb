"""Rounds the numbers of the report by their units: no other module does."""

from collections.abc import Callable

from tlpipe_edge.console.text import most_points

NOTHING = "–"
"""The text in a table for a number that was not measured."""
UNKNOWN = "unknown"
"""The same in a sentence."""


def _milliseconds(value: float) -> str:
    return f"{value:,.2f}"


def _whole(value: float) -> str:
    return f"{value:,.0f}"


def _signed(value: float) -> str:
    rounded = f"{value * 100:+.1f}".replace("-", "−")
    return "0.0" if float(rounded[1:]) == 0 else rounded


def _bound(value: float) -> str:
    return f"{most_points(value):.1f}".replace("-", "−")


def _times(value: float) -> str:
    return f"{value:.1f}" if value < 99.95 else f"{value:,.0f}"


def _p(value: float) -> str:
    return f"{value:.2f}" if value >= 0.005 else f"{value:.1g}"


_UNITS: dict[str, tuple[Callable[[float], str], str]] = {
    "ms": (_milliseconds, " ms"),
    "percent": (lambda value: f"{value * 100:.1f}", " %"),
    "bare percent": (lambda value: f"{value * 100:.1f}", ""),
    "whole percent": (lambda value: f"{value * 100:.0f}", " %"),
    "points": (_signed, " points"),
    "points, bare": (_signed, ""),
    "fewer points": (lambda value: f"{abs(value) * 100:.1f}", " percentage points"),
    "at most points": (_bound, " percentage points"),
    "at least points": (lambda value: f"{abs(most_points(-abs(value))):.1f}", " percentage points"),
    "megabytes": (lambda value: f"{value / 1e6:,.2f}", " MB"),
    "megabytes of memory": (_whole, " MB"),
    "times": (_times, "×"),
    "ratio": (lambda value: f"{value:.2f}", "×"),
    "times as": (_times, " times"),
    "decibels": (lambda value: f"{value:.1f}".replace("-", "−"), " dB"),
    "count": (_whole, ""),
    "width": (lambda value: f"{value:g}", ""),
    "p": (_p, ""),
    "rate": (lambda value: f"{value:,.0f}", ""),
    "frames": (lambda value: f"{value:.1f}" if value < 9.95 else f"{value:,.0f}", ""),
    "degrees": (lambda value: f"{value:.1f}", " °C"),
    "megahertz": (_whole, " MHz"),
    "load": (lambda value: f"{value:.2f}", ""),
    "probability": (lambda value: f"{value:.4f}", ""),
    "seconds": (_whole, " s"),
    "nats": (lambda value: f"{value:.3f}", ""),
}
"""The kind of a number -> its rounding, and its unit as text. Shares are 0..1, sizes bytes."""


def rounded(value: float | None, unit: str) -> str:
    """The number without its unit, for a column with the unit in its head."""
    return NOTHING if value is None else _UNITS[unit][0](value)


def shown(value: float | None, unit: str) -> str:
    """The number with its unit."""
    return NOTHING if value is None else _UNITS[unit][0](value) + _UNITS[unit][1]
