"""The curves of the report as SVG: classes only, which the style sheet colours for light, dark and paper."""

import math
from collections.abc import Sequence

import numpy as np
from markupsafe import Markup

from tlpipe.reporting.charts.axes import Box, figure, grid_x, grid_y, ticks
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
    """One metric ("loss" or "accuracy") over the epochs of all stages, one after the other."""
    plot = Box(46, 16, 344, 236)
    unit = "percent" if metric == "accuracy" else "nats"
    splits = {"train": metric, "validation": f"val_{metric}"}
    starts = [sum(stage.epochs[-1].number for stage in stages[:place]) for place in range(len(stages))]
    last = starts[-1] + stages[-1].epochs[-1].number

    def value(epoch: CurvePoint, split: str) -> float:
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
        *grid_y(plot, rows),
        *grid_x(plot, columns),
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
    description = f"{metric.capitalize()} of training and validation over the epochs"
    return figure(parts, (430, 280), description, "both")


def _apart(places: dict[str, float], distance: float, limits: tuple[float, float]) -> dict[str, float]:
    """The positions, moved to have at least this ``distance``, in their order and within the limits."""
    order = sorted(places, key=lambda each: places[each])
    moved: dict[str, float] = {}
    for each in order:
        nearest = max(moved.values(), default=-math.inf) + distance
        moved[each] = max(places[each], nearest, limits[0])
    over = max(0.0, max(moved.values()) - limits[1])
    return {each: height - over for each, height in moved.items()}
