"""Charts as SVG without styles of their own: classes, which the page colours for light, dark and paper."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from tlpipe.report import numbers
from tlpipe.report.document import Epoch, Group, Row, Stage
from tlpipe.report.svg import element, fitted, log_ticks, ticks, width

Scale = Callable[[float], float]

TEXT = 13
"""Pixels of a chart's text."""
LOG_FROM = 6.0
"""A latency axis is logarithmic where the slowest is this many times the fastest."""


def labelled_number(value: float, unit: str, **attributes: object) -> Markup:
    """A measured number inside SVG text, with its exact value beside the rounded one."""
    return element("tspan", numbers.shown(value, unit), data_value=repr(value), data_unit=unit, **attributes)


@dataclass(frozen=True)
class _Box:
    """The pixels from ``left`` to ``right`` and from ``top`` to ``bottom``."""

    left: float
    top: float
    right: float
    bottom: float

    def overlaps(self, other: "_Box") -> float:
        """The area that both share."""
        across = min(self.right, other.right) - max(self.left, other.left)
        down = min(self.bottom, other.bottom) - max(self.top, other.top)
        return max(0.0, across) * max(0.0, down)


@dataclass(frozen=True)
class Point:
    """What the scatter shows of a row or of Keras; ``kind`` is a class of the style sheet."""

    label: str
    kind: str
    latency: float
    top1: float
    interval: tuple[float, ...]


def scatter(group: Group, chosen: int | None, *, wide: bool) -> Markup:
    """Top-1 with its interval over the median latency of the network, and the Pareto front. Empty without points."""
    shown = points(group, chosen)
    if not shown:
        return Markup()
    plot = _Box(46, 30, 836, 330) if wide else _Box(42, 30, 328, 330)
    x, x_ticks = _latency_scale([point.latency for point in shown], plot)
    low = min(point.interval[0] for point in shown)
    high = max(point.interval[1] for point in shown)
    pad = max(0.04 * (high - low), 0.004)
    low, high = max(0.0, low - pad), min(1.0, high + pad)

    def y(share: float) -> float:
        return plot.bottom - (share - low) / (high - low) * (plot.bottom - plot.top)

    front = [row for row in group.rows if row.on_front]
    marks = [(x(point.latency), y(point.top1)) for point in shown]
    parts = [
        *_grid_y(plot, [(y(tick), f"{100 * tick:g} %") for tick in ticks(low, high, count=5)]),
        *_grid_x(plot, [(x(tick), f"{tick:g}") for tick in x_ticks]),
        element("text", "top-1, with its 95 % interval", x=0, y=14, class_="axis"),
        element("text", "median latency of the network, ms", x=plot.right, y=plot.bottom + 40, class_="axis end"),
        _front(front, x, y, plot),
        *(_whisker(place, y, point) for (place, _), point in zip(marks, shown, strict=True)),
        *(_mark(place, kind) for _, place, kind in sorted(_stacked(shown, marks))),
        *_labels(shown, marks, plot),
    ]
    told = "; ".join(
        f"{point.label}: {numbers.shown(point.latency, 'ms')}, {numbers.shown(point.top1, 'percent')}"
        for point in shown
    )
    size = (850 if wide else 340, 376)
    return _figure(parts, size, f"Accuracy against latency on {group.name}. {told}", "wide" if wide else "narrow")


def points(group: Group, chosen: int | None) -> list[Point]:
    """The marks that the scatter shows, without what was not measured."""
    found = []
    keras = group.keras
    if keras and keras.accuracy and keras.compiled_ms:
        kind = "keras" if keras.valid else "invalid"
        found.append(
            Point("Keras, compiled", kind, keras.compiled_ms.p50, keras.accuracy.top1, keras.accuracy.top1_interval)
        )
    for index, row in enumerate(group.rows):
        if row.invoke_ms and row.accuracy:
            kind = "chosen" if index == chosen else "front" if row.on_front else "beaten"
            accuracy = row.accuracy
            kind = kind if row.valid else "invalid"
            found.append(Point(row.label, kind, row.invoke_ms.p50, accuracy.top1, accuracy.top1_interval))
    return found


def _latency_scale(values: Sequence[float], plot: _Box) -> tuple[Scale, list[float]]:
    """Where a latency is on the x axis, and the axis's ticks."""
    across = plot.right - plot.left
    if max(values) >= LOG_FROM * min(values):
        low, high = min(values) / 1.5, max(values) * 1.6
        span = math.log(high / low)
        return lambda value: plot.left + math.log(value / low) / span * across, log_ticks(low, high)
    high = max(values) * 1.18
    return lambda value: plot.left + value / high * across, ticks(0, high, count=8 if across > 400 else 5)


def _grid_y(plot: _Box, rows: Sequence[tuple[float, str]]) -> Iterator[Markup]:
    for at, label in rows:
        yield element("line", x1=plot.left, x2=plot.right, y1=at, y2=at, class_="grid")
        yield element("text", label, x=plot.left - 8, y=at + 4, class_="tick end")


def _grid_x(plot: _Box, columns: Sequence[tuple[float, str]]) -> Iterator[Markup]:
    yield element("line", x1=plot.left, x2=plot.right, y1=plot.bottom, y2=plot.bottom, class_="base")
    free = -math.inf
    for at, label in columns:
        half = width(label, TEXT) / 2
        if at - half > free:
            yield element("line", x1=at, x2=at, y1=plot.bottom, y2=plot.bottom + 4, class_="base")
            yield element("text", label, x=at, y=plot.bottom + 19, class_="tick middle")
            free = at + half + 4


def _front(rows: Sequence[Row], x: Scale, y: Scale, plot: _Box) -> Markup:
    """The staircase below and right of which every other row lies."""
    places = sorted(
        {
            (row.invoke_ms.p50, row.accuracy.top1)
            for row in rows
            if row.invoke_ms is not None and row.accuracy is not None
        }
    )
    if not places:
        return Markup()
    path = f"M{x(places[0][0]):.1f} {y(places[0][1]):.1f}"
    for latency, top1 in places[1:]:
        path += f" H{x(latency):.1f} V{y(top1):.1f}"
    return element("path", d=f"{path} H{plot.right:.1f}", class_="pareto")


def _whisker(at: float, y: Scale, point: Point) -> Markup:
    low, high = y(point.interval[0]), y(point.interval[1])
    path = f"M{at:.1f} {low:.1f} V{high:.1f} M{at - 4:.1f} {low:.1f} h8 M{at - 4:.1f} {high:.1f} h8"
    return element("path", d=path, class_="whisker")


def _stacked(
    shown: Sequence[Point], marks: Sequence[tuple[float, float]]
) -> Iterator[tuple[int, tuple[float, float], str]]:
    """Marks with their layers: what matters most is drawn last."""
    layers = ("invalid", "beaten", "keras", "front", "chosen")
    for place, point in zip(marks, shown, strict=True):
        yield layers.index(point.kind), place, point.kind


def _mark(place: tuple[float, float], kind: str) -> Markup:
    return element("path", d=mark(kind), transform=f"translate({place[0]:.1f} {place[1]:.1f})", class_=f"mark {kind}")


def mark(kind: str) -> str:
    """The path of a mark around (0, 0): kinds differ by shape, not by colour alone."""
    if kind == "keras":
        return "M0 -7 L7 0 L0 7 L-7 0 Z"
    if kind == "invalid":
        return "M-5 -5 L5 5 M-5 5 L5 -5"
    radius = 8 if kind == "chosen" else 5.5
    return f"M{-radius} 0 a{radius} {radius} 0 1 0 {2 * radius} 0 a{radius} {radius} 0 1 0 {-2 * radius} 0 Z"


def _labels(points: Sequence[Point], marks: Sequence[tuple[float, float]], plot: _Box) -> Iterator[Markup]:
    """Each point's name near it, where it covers least: other names, marks, and whiskers."""
    around = [_Box(at - 9, height - 9, at + 9, height + 9) for at, height in marks]
    whiskers = [_Box(at - 1.5, plot.top, at + 1.5, plot.bottom) for at, _ in marks]
    front = [_Box(at, height - 1.5, plot.right, height + 1.5) for at, height in marks]  # or nearly
    placed: list[_Box] = []
    roomy = plot.right > 400
    size = TEXT if roomy else TEXT - 1
    for index in sorted(range(len(points)), key=lambda index: marks[index]):
        label = points[index].label + (": invalid" if points[index].kind == "invalid" and roomy else "")
        label = fitted(label, 260 if roomy else 140, size)
        wide = width(label, size)
        at, height = marks[index]

        def cost(spot: tuple[float, float], wide: float = wide) -> float:
            box = _Box(spot[0], spot[1] - 12, spot[0] + wide, spot[1] + 3)
            outside = box.left < plot.left + 2 or box.right > plot.right + 12 or box.top < plot.top - 8
            outside = outside or box.bottom > plot.bottom - 2
            covered = sum(box.overlaps(other) for other in (*placed, *around))
            crossed = sum(box.overlaps(other) > 0 for other in whiskers)
            crossed += 3 * any(box.overlaps(other) > 0 for other in front)
            far = abs(spot[1] - 4 - height) + 0.1 * abs(spot[0] - at)  # noqa: B023  (called in this turn)
            return 1000 * outside + 4 * covered + 14 * crossed + far

        rises = [4, *(sign * (14 + 17 * step) + 4 for step in range(7) for sign in (-1, 1))]
        spots = [(at + dx, height + rise) for rise in rises for dx in (12, -12 - wide)]
        left, base = min(spots, key=cost)
        placed.append(_Box(left, base - 12, left + wide, base + 3))
        if abs(base - 4 - height) > 8:
            end = left - 2 if left > at else left + wide + 2
            yield element("path", d=f"M{at:.1f} {height:.1f} L{end:.1f} {base - 4:.1f}", class_="leader")
        yield element("text", label, x=left, y=base, class_=f"label {points[index].kind}")


def density(quantiles: Sequence[float], high: float) -> str:
    """The path of a distribution, mirrored at its middle, in a box of 1000 x 100 whose right side is ``high`` ms.

    A sum of Gaussians at the percentiles 1 to 99, of a width by Silverman's rule from the middle half.
    """
    middle = quantiles[1:100]
    spread = max((quantiles[75] - quantiles[25]) / 1.35, 1e-9)
    bandwidth = max(0.9 * spread * len(middle) ** -0.2, 0.0015 * high)
    start, end = max(0.0, middle[0] - 2.5 * bandwidth), min(high, middle[-1] + 2.5 * bandwidth)
    places = [start + (end - start) * step / 119 for step in range(120)]
    heights = [sum(math.exp(-0.5 * ((place - each) / bandwidth) ** 2) for each in middle) for place in places]
    tallest = max(heights)
    curve = [(1000 * place / high, 46 * height / tallest) for place, height in zip(places, heights, strict=True)]
    upper = " L".join(f"{at:.1f} {50 - height:.1f}" for at, height in curve)
    lower = " L".join(f"{at:.1f} {50 + height:.1f}" for at, height in reversed(curve))
    return f"M{upper} L{lower} Z"


def percent_ticks(high: float, *, count: int = 6) -> list[tuple[float, str]]:
    """Places (percent of the axis) and texts of the ticks of an axis from 0 to ``high``."""
    return [(100 * tick / high, f"{tick:g}") for tick in ticks(0, high, count=count)]


def learning_curve(stages: Sequence[Stage], metric: str) -> Markup:
    """One metric ("loss" or "accuracy") over the epochs of all stages, the second one continuing the first."""
    plot = _Box(46, 16, 344, 236)
    unit = "percent" if metric == "accuracy" else "nats"
    splits = {"train": metric, "validation": f"val_{metric}"}
    starts = [sum(stage.epochs[-1].number for stage in stages[:place]) for place in range(len(stages))]
    last = starts[-1] + stages[-1].epochs[-1].number

    def value(epoch: Epoch, split: str) -> float:
        return float(getattr(epoch, splits[split]))

    values = [value(epoch, split) for stage in stages for epoch in stage.epochs for split in splits]
    high = 1.0 if metric == "accuracy" else max(values) * 1.04 or 1.0

    def x(epoch: float) -> float:
        return plot.left + epoch / max(last, 1) * (plot.right - plot.left)

    def y(each: float) -> float:
        return plot.bottom - each / high * (plot.bottom - plot.top)

    rows = [(y(tick), f"{100 * tick:g} %" if unit == "percent" else f"{tick:g}") for tick in ticks(0, high, count=5)]
    columns = [(x(tick), f"{tick:g}") for tick in ticks(0, last, count=6) if tick == int(tick)] if last else []
    parts = [
        *_grid_y(plot, rows),
        *_grid_x(plot, columns),
        element("text", "epoch (0: before training)", x=plot.right, y=plot.bottom + 38, class_="axis end"),
    ]
    for place, start in enumerate(starts[1:], 1):
        parts.append(element("line", x1=x(start), x2=x(start), y1=plot.top, y2=plot.bottom, class_="stage"))
        if place == len(starts) - 1:
            at = plot.top + 12 if metric == "loss" else plot.bottom - 10
            parts.append(element("text", "fine-tuning", x=x(start) + 6, y=at, class_="axis"))
    for split in splits:
        for stage, start in zip(stages, starts, strict=True):
            path = " L".join(f"{x(start + epoch.number):.1f} {y(value(epoch, split)):.1f}" for epoch in stage.epochs)
            parts.append(element("path", d=f"M{path}", class_=f"curve {split}"))
    ends = {split: y(value(stages[-1].epochs[-1], split)) for split in splits}
    for split, height in _apart(ends, 15, (plot.top + 6, plot.bottom)).items():
        parts.append(element("text", split, x=plot.right + 7, y=height + 4, class_=f"label {split}"))
    for stage, start in zip(stages, starts, strict=True):
        best = next(epoch for epoch in stage.epochs if epoch.number == stage.best)
        parts.append(element("circle", cx=x(start + best.number), cy=y(value(best, "validation")), r=5, class_="best"))
    told = f"{metric.capitalize()} of training and validation over the epochs"
    return _figure(parts, (430, 280), told, "both")


def _apart(places: dict[str, float], distance: float, limits: tuple[float, float]) -> dict[str, float]:
    """The same in their order, moved so far that they are this far from each other, within limits."""
    order = sorted(places, key=lambda each: places[each])
    moved: dict[str, float] = {}
    for each in order:
        nearest = max(moved.values(), default=-math.inf) + distance
        moved[each] = max(places[each], nearest, limits[0])
    over = max(0.0, max(moved.values()) - limits[1])
    return {each: height - over for each, height in moved.items()}


def _figure(parts: Sequence[Markup], size: tuple[int, int], told: str, shown: str) -> Markup:
    inside = Markup("").join(parts)
    return element(
        "svg", inside, viewBox=f"0 0 {size[0]} {size[1]}", role="img", aria_label=told, class_=f"chart {shown}"
    )
