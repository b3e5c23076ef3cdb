"""The parts that charts share: the plot area in pixels, axes with round numbers, and the figure around it."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from tlpipe.reporting.charts.svg import element, width

Scale = Callable[[float], float]

TEXT = 13
"""Font size of a chart, in pixels."""


@dataclass(frozen=True)
class Box:
    """The pixels from ``left`` to ``right`` and from ``top`` to ``bottom``."""

    left: float
    top: float
    right: float
    bottom: float

    def overlap(self, other: "Box") -> float:
        """The area that both share."""
        across = min(self.right, other.right) - max(self.left, other.left)
        if across <= 0:
            return 0.0
        return across * max(0.0, min(self.bottom, other.bottom) - max(self.top, other.top))

    def distance(self, x: float, y: float) -> float:
        """The distance of a point from the box."""
        return math.hypot(max(self.left - x, 0, x - self.right), max(self.top - y, 0, y - self.bottom))

    def within(self, other: "Box") -> bool:
        """Whether no part of it is outside of the other box."""
        across = other.left <= self.left and self.right <= other.right
        return across and other.top <= self.top and self.bottom <= other.bottom


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


def grid_y(plot: Box, rows: Sequence[tuple[float, str]]) -> Iterator[Markup]:
    """Horizontal grid lines, each at a pixel and with its text."""
    for at, label in rows:
        yield element("line", x1=plot.left, x2=plot.right, y1=at, y2=at, class_="grid")
        yield element("text", label, x=plot.left - 8, y=at + 4, class_="tick end")


def grid_x(plot: Box, columns: Sequence[tuple[float, str]]) -> Iterator[Markup]:
    """The line below the plot with its ticks. Texts that would overlap are left out."""
    yield element("line", x1=plot.left, x2=plot.right, y1=plot.bottom, y2=plot.bottom, class_="base")
    free = -math.inf
    for at, label in columns:
        half = width(label, TEXT) / 2
        if at - half > free:
            yield element("line", x1=at, x2=at, y1=plot.bottom, y2=plot.bottom + 4, class_="base")
            yield element("text", label, x=at, y=plot.bottom + 19, class_="tick middle")
            free = at + half + 4


def clipped(parts: Sequence[Markup], frame: Box) -> Markup:
    """The parts, as far as they lie within the frame."""
    wide, high = frame.right - frame.left, frame.bottom - frame.top
    view = f"{frame.left:g} {frame.top:g} {wide:g} {high:g}"
    place = {"x": frame.left, "y": frame.top, "width": wide, "height": high, "viewBox": view}
    return element("svg", *parts, **place, aria_hidden="true")


def figure(parts: Sequence[Markup], size: tuple[int, int], description: str, screens: str) -> Markup:
    """A chart of this size; ``description`` is for screen readers, ``screens`` the class for the screen width."""
    inside = Markup("").join(parts)
    return element(
        "svg", inside, viewBox=f"0 0 {size[0]} {size[1]}", role="img", aria_label=description, class_=f"chart {screens}"
    )
