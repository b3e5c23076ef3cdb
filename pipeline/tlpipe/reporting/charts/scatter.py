"""Accuracy over latency: a mark for each row and for Keras, with its interval and name, and the Pareto front."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from markupsafe import Markup

from tlpipe.reporting import rounding
from tlpipe.reporting.charts import label_placement
from tlpipe.reporting.charts.axes import TEXT, Box, Scale, figure, grid_x, grid_y, log_ticks, ticks
from tlpipe.reporting.charts.svg import element
from tlpipe.reporting.document import Group

MIN_LOG_RATIO = 6.0
"""The latency axis is logarithmic if the maximum is at least this many times the minimum."""

_SPIKES = [(math.pi / 5 * spike, 4.4 if spike % 2 else 10) for spike in range(10)]
STAR = "M" + " L".join(f"{radius * math.sin(at):.1f} {-radius * math.cos(at):.1f}" for at, radius in _SPIKES) + " Z"
"""The path of a star with five points around (0, 0)."""


@dataclass(frozen=True)
class Point:
    """A point for a row or for Keras; ``kind`` is a class of the style sheet."""

    label: str
    kind: str
    latency: float
    top1: float
    interval: tuple[float, ...]
    on_front: bool = False


def scatter(group: Group, chosen: int | None, *, wide: bool) -> Markup:
    """Top-1 with its interval over the median latency of the network, and the Pareto front. Empty without points."""
    shown = points(group, chosen)
    if not shown:
        return Markup()
    plot = Box(46, 30, 836, 330) if wide else Box(42, 30, 328, 330)
    x, x_ticks = _latency_scale([point.latency for point in shown], plot)
    low = min(point.interval[0] for point in shown)
    high = max(point.interval[1] for point in shown)
    pad = max(0.04 * (high - low), 0.004)
    low, high = max(0.0, low - pad), min(1.0, high + pad)

    def y(share: float) -> float:
        return plot.bottom - (share - low) / (high - low) * (plot.bottom - plot.top)

    marks = [(x(point.latency), y(point.top1)) for point in shown]
    whiskers = [Box(x(each.latency), y(each.interval[1]), x(each.latency), y(each.interval[0])) for each in shown]
    front = _front(shown, marks, plot)
    parts = [
        *grid_y(plot, [(y(tick), f"{100 * tick:g} %") for tick in ticks(low, high, count=5)]),
        *grid_x(plot, [(x(tick), f"{tick:g}") for tick in x_ticks]),
        element("text", "top-1, with its 95 % interval", x=0, y=14, class_="axis"),
        element("text", "median latency of the network, ms", x=plot.right, y=plot.bottom + 40, class_="axis end"),
        *(element("path", d=_line(line), class_="pareto") for line in front),
        *map(_whisker, whiskers),
        *(_mark(place, kind) for _, place, kind in sorted(_stacked(shown, marks))),
        *label_placement.placed_labels(
            marks,
            [(point.label, point.kind) for point in shown],
            Box(plot.left + 2, plot.top - 20, plot.right + 12, plot.bottom - 2),
            lines=whiskers,
            curves=front,
            size=TEXT if wide else TEXT - 1,
        ),
    ]
    size = (850 if wide else 340, 376)
    return figure(
        parts, size, f"Accuracy against latency on {group.name}. {_described(shown)}", "wide" if wide else "narrow"
    )


def _described(points: Sequence[Point]) -> str:
    """The content of the chart as text, for screen readers."""
    return "; ".join(
        f"{point.label}: {rounding.shown(point.latency, 'ms')}{' (invalid)' * (point.kind == 'invalid')}, "
        f"{rounding.shown(point.top1, 'percent')}"
        for point in points
    )


def points(group: Group, chosen: int | None) -> list[Point]:
    """The points of the scatter chart: rows, and Keras, with a latency and an accuracy."""
    found = []
    keras = group.keras
    if keras and keras.accuracy and keras.compiled_ms:
        kind = "keras" if keras.valid else "invalid"
        accuracy = keras.accuracy
        found.append(Point("Keras, compiled", kind, keras.compiled_ms.p50, accuracy.top1, accuracy.top1_interval))
    for index, row in enumerate(group.rows):
        if row.invoke_ms and row.accuracy:
            kind = "chosen" if index == chosen else "front" if row.on_front else "beaten"
            accuracy = row.accuracy
            kind = kind if row.valid else "invalid"
            found.append(Point(row.label, kind, row.invoke_ms.p50, accuracy.top1, accuracy.top1_interval, row.on_front))
    return found


def _latency_scale(values: Sequence[float], plot: Box) -> tuple[Scale, list[float]]:
    """The function from a latency to its x position, and the ticks of the axis."""
    across = plot.right - plot.left
    if max(values) >= MIN_LOG_RATIO * min(values):
        low, high = min(values) / 1.5, max(values) * 1.6
        span = math.log(high / low)
        return lambda value: plot.left + math.log(value / low) / span * across, log_ticks(low, high)
    high = max(values) * 1.18
    return lambda value: plot.left + value / high * across, ticks(0, high, count=8 if across > 400 else 5)


def _front(points: Sequence[Point], marks: Sequence[tuple[float, float]], plot: Box) -> list[Box]:
    """The lines of the Pareto front, a staircase from left to right; every other row is below and right of it."""
    places = sorted({mark for mark, point in zip(marks, points, strict=True) if point.on_front})
    ends = [*(right for right, _ in places[1:]), plot.right][: len(places)]
    across = [Box(left, height, right, height) for (left, height), right in zip(places, ends, strict=True)]
    return [*across, *(Box(right, above, right, below) for (_, below), (right, above) in pairwise(places))]


def _line(line: Box) -> str:
    return f"M{line.left:.1f} {line.bottom:.1f} L{line.right:.1f} {line.top:.1f}"


def _whisker(line: Box) -> Markup:
    at, low, high = line.left, line.bottom, line.top
    path = f"M{at:.1f} {low:.1f} V{high:.1f} M{at - 4:.1f} {low:.1f} h8 M{at - 4:.1f} {high:.1f} h8"
    return element("path", d=path, class_="whisker")


def _stacked(
    shown: Sequence[Point], marks: Sequence[tuple[float, float]]
) -> Iterator[tuple[int, tuple[float, float], str]]:
    """Marks with their layers: the most important one is drawn last."""
    layers = ("invalid", "beaten", "keras", "front", "chosen")
    for place, point in zip(marks, shown, strict=True):
        yield layers.index(point.kind), place, point.kind


def _mark(place: tuple[float, float], kind: str) -> Markup:
    return element("path", d=mark(kind), transform=f"translate({place[0]:.1f} {place[1]:.1f})", class_=f"mark {kind}")


def mark(kind: str) -> str:
    """The path of a mark around (0, 0): kinds differ by shape, not only by colour."""
    if kind == "keras":
        return "M0 -7 L7 0 L0 7 L-7 0 Z"
    if kind == "invalid":
        return "M-5 -5 L5 5 M-5 5 L5 -5"
    if kind == "chosen":
        return STAR
    return "M-5.5 0 a5.5 5.5 0 1 0 11 0 a5.5 5.5 0 1 0 -11 0 Z"
