"""The curves of the report as SVG: classes only, which the style sheet colours for light, dark and paper."""

import math
from collections.abc import Iterator, Sequence

import numpy as np
from markupsafe import Markup

from tlpipe.pictures.epochs import accuracy_range
from tlpipe.reporting.charts.axes import Box, Scale, clipped, figure, grid_x, grid_y, ticks
from tlpipe.reporting.charts.svg import element
from tlpipe.reporting.document import CurvePoint, Stage


def density(quantiles: Sequence[float], high: float) -> str:
    """The path of a distribution, mirrored at the horizontal axis, in a box of 1000 x 100 that ends at ``high`` ms.

    It is a sum of Gaussians at the percentiles 1 to 99; their width is by Silverman's rule, from the quartiles.
    """
    middle = quantiles[1:100]
    spread = max((quantiles[75] - quantiles[25]) / 1.35, 1e-9)
    bandwidth = max(0.9 * spread * len(middle) ** -0.2, 0.0015 * high)
    start, end = max(0.0, middle[0] - 2.5 * bandwidth), min(high, middle[-1] + 2.5 * bandwidth)
    places = np.linspace(start, end, 120)
    heights = np.exp(-0.5 * ((places[:, None] - np.array(middle)) / bandwidth) ** 2).sum(axis=1)
    curve = list(zip(1000 * places / high, 46 * heights / heights.max(), strict=True))
    upper = " L".join(f"{at:.1f} {50 - height:.1f}" for at, height in curve)
    lower = " L".join(f"{at:.1f} {50 + height:.1f}" for at, height in reversed(curve))
    return f"M{upper} L{lower} Z"


def percent_ticks(high: float, *, count: int = 6) -> list[tuple[float, str]]:
    """Positions (percent of the axis) and texts of the ticks of an axis from 0 to ``high``."""
    return [(100 * tick / high, f"{tick:g}") for tick in ticks(0, high, count=count)]


def learning_curve(stages: Sequence[Stage], metric: str) -> Markup:
    """One metric ("loss" or "accuracy") over the epochs of all stages, one after the other.

    The axis has room for all epochs but that before the first stage, which may lie outside.
    """
    plot = Box(46, 20, 344, 240)
    splits = {"train": metric, "validation": f"val_{metric}"}
    begins = [stage.epochs_before for stage in stages]
    last = begins[-1] + stages[-1].epochs[-1].number

    def value(epoch: CurvePoint, split: str) -> float:
        return float(getattr(epoch, splits[split]))

    first, *later = stages
    trained = [epoch for epoch in first.epochs if epoch.number or epoch.number == first.best]
    trained += [epoch for stage in later for epoch in stage.epochs]
    values = [value(epoch, split) for epoch in trained for split in splits]
    low, high = accuracy_range(values) if metric == "accuracy" else (0.0, max(values) * 1.04 or 1.0)

    def x(epoch: float) -> float:
        return plot.left + epoch / max(last, 1) * (plot.right - plot.left)

    def y(each: float) -> float:
        return plot.bottom - (each - low) / (high - low) * (plot.bottom - plot.top)

    parts = [*_axes(plot, low, high, last, metric, x, y)]
    for start in begins[1:]:
        parts.append(element("line", x1=x(start), x2=x(start), y1=plot.top, y2=plot.bottom, class_="stage"))
    if len(stages) > 1:  # above the plot, where no curve is
        at = max(plot.left + 45, min(x(begins[-1]), plot.right - 45))
        parts.append(element("text", "fine-tuning", x=at, y=plot.top - 6, class_="axis middle"))
    lines = []
    for split in splits:
        for stage, start in zip(stages, begins, strict=True):
            path = " L".join(f"{x(start + epoch.number):.1f} {y(value(epoch, split)):.1f}" for epoch in stage.epochs)
            lines.append(element("path", d=f"M{path}", class_=f"curve {split}"))
    parts.append(clipped(lines, Box(plot.left - 2, plot.top - 2, plot.right + 2, plot.bottom)))
    ends = {split: y(value(stages[-1].epochs[-1], split)) for split in splits}
    for split, height in _apart(ends, 15, (plot.top + 6, plot.bottom)).items():
        parts.append(element("text", split, x=plot.right + 7, y=height + 4, class_=f"label {split}"))
    for stage in stages:
        best = next(epoch for epoch in stage.epochs if epoch.number == stage.best)
        parts.append(element("circle", cx=x(stage.kept), cy=y(value(best, "validation")), r=5, class_="best"))
    description = f"{metric.capitalize()} of training and validation over the epochs"
    return figure(parts, (430, 284), description, "both")


def _axes(plot: Box, low: float, high: float, last: int, metric: str, x: Scale, y: Scale) -> Iterator[Markup]:
    """The grid with its numbers, and the names of the axes; one of accuracy that does not start at 0 says so."""
    shares = metric == "accuracy"
    rows = [(y(tick), f"{100 * tick:g} %" if shares else f"{tick:g}") for tick in ticks(low, high, count=5)]
    columns = [(x(tick), f"{tick:g}") for tick in ticks(0, last, count=6) if tick == int(tick)] if last else []
    yield from grid_y(plot, rows)
    yield from grid_x(plot, columns)
    yield element("text", "epoch (0: before training)", x=plot.right, y=plot.bottom + 38, class_="axis end")
    if shares and low:
        yield element("text", f"axis from {100 * low:g} %", x=0, y=plot.bottom + 38, class_="tick")


def _apart(places: dict[str, float], distance: float, limits: tuple[float, float]) -> dict[str, float]:
    """The positions, moved to have at least this ``distance``, in their order and within the limits."""
    order = sorted(places, key=lambda each: places[each])
    moved: dict[str, float] = {}
    for each in order:
        nearest = max(moved.values(), default=-math.inf) + distance
        moved[each] = max(places[each], nearest, limits[0])
    over = max(0.0, max(moved.values()) - limits[1])
    return {each: height - over for each, height in moved.items()}
