"""The signal-to-noise ratio of the int8 network from its first layer to its last, with a number at the worst layers."""

from collections.abc import Iterator, Sequence

from markupsafe import Markup

from tlpipe.reporting import rounding
from tlpipe.reporting.charts.axes import TEXT, Box, figure, grid_x, grid_y, ticks
from tlpipe.reporting.charts.scatter import mark
from tlpipe.reporting.charts.svg import element
from tlpipe.reporting.document import LayerNoise


def along_the_network(noise: LayerNoise, *, wide: bool) -> Markup:
    """The ratios over the places of the layers, from 1. Layers that int8 does not change have none."""
    plot = Box(52, 30, 836, 250) if wide else Box(48, 30, 328, 250)
    ratios = {place: layer.snr_db for place, layer in enumerate(noise.layers) if layer.snr_db is not None}
    if not ratios:
        return Markup()
    pad = max(0.06 * (max(ratios.values()) - min(ratios.values())), 1.0)
    low, high = min(ratios.values()) - 3 * pad, max(ratios.values()) + pad  # with room for numbers below the marks
    last = len(noise.layers)

    def x(place: int) -> float:
        return plot.left + 10 + place / max(last - 1, 1) * (plot.right - plot.left - 20)

    def y(ratio: float) -> float:
        return plot.bottom - (ratio - low) / (high - low) * (plot.bottom - plot.top)

    points = {place: (x(place), y(ratio)) for place, ratio in ratios.items()}
    across = [tick for tick in ticks(0, last, count=10 if wide else 5) if tick == int(tick) and tick]
    path = " L".join(f"{at:.1f} {height:.1f}" for at, height in points.values())
    worst = [points[place] for place in noise.worst]
    parts = [
        *grid_y(plot, [(y(tick), f"{tick:g} dB") for tick in ticks(low, high, count=5)]),
        *grid_x(plot, [(x(int(tick) - 1), f"{tick:g}") for tick in across]),
        element("text", "signal to noise", x=0, y=14, class_="axis"),
        element("text", "layers, in the order of execution", x=plot.right, y=plot.bottom + 40, class_="axis end"),
        element("path", d=f"M{path}", class_="curve noise"),
        *(element("circle", cx=at, cy=height, r=2.0, class_="dot") for at, height in points.values()),
        *(
            element("path", d=mark("front"), transform=f"translate({at:.1f} {height:.1f})", class_="mark front")
            for at, height in worst
        ),
        *_numbers(worst),
    ]
    size = (850 if wide else 340, 296)
    return figure(parts, size, f"Signal to noise along the network. {_described(noise)}", "wide" if wide else "narrow")


def _numbers(marks: Sequence[tuple[float, float]]) -> Iterator[Markup]:
    """The number of each mark, below it, where no curve is; lower if that of a near mark is there already."""
    placed: list[tuple[float, float]] = []
    for number, (at, height) in sorted(enumerate(marks, 1), key=lambda each: each[1]):
        base = height + 7 + TEXT
        while any(abs(at - left) < TEXT and abs(base - other) < TEXT for left, other in placed):
            base += TEXT
        placed.append((at, base))
        yield element("text", str(number), x=at, y=base, class_="label chosen middle")


def _described(noise: LayerNoise) -> str:
    """The worst layers as text, for screen readers."""
    worst = (noise.layers[place] for place in noise.worst)
    return "; ".join(f"{layer.name}: {rounding.shown(layer.snr_db, 'decibels')}" for layer in worst)
