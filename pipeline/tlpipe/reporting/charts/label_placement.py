"""Places the labels of the points in a chart: near their marks, not over other labels or marks, and over few lines."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from markupsafe import Markup

from tlpipe.reporting.charts.axes import Box
from tlpipe.reporting.charts.svg import element, fitted, width

GAP = 12
"""Pixels from the middle of a mark to its label."""
ABOVE, BELOW = 12, 3
"""Pixels of a line of text above and below its base line."""
ROUNDS = 4

Place = tuple[float, float]


@dataclass(frozen=True)
class _Name:
    """A label at its mark, and its width in pixels."""

    mark: Place
    text: str
    kind: str
    wide: float

    def spots(self) -> Iterator[Box]:
        """The candidate boxes, from near to far: left and right of its mark, above and below it."""
        at, height = self.mark
        for rise in (0, *(sign * (14 + 16 * step) for step in range(8) for sign in (-1, 1))):
            over = (at - self.wide * share for share in (0.5, 0.25, 0.75, 0.9, 0.1)) if abs(rise) > GAP else ()
            for left in (at + GAP, at - GAP - self.wide, *over):
                base = height + rise + 4
                yield Box(left, base - ABOVE, left + self.wide, base + BELOW)


def placed_labels(
    marks: Sequence[Place],
    labels: Sequence[tuple[str, str]],
    frame: Box,
    *,
    lines: Sequence[Box],
    curves: Sequence[Box] = (),
    size: int,
) -> Iterator[Markup]:
    """The labels (text and class) of marks. A label that is far from its mark has a line to it.

    ``lines`` are the lines of the chart, which labels should not cover, and ``curves`` those that they cover only if
    there is no room elsewhere. Labels longer than half of the ``frame`` are cut.
    """
    texts = [fitted(text, (frame.right - frame.left) / 2, size) for text, _ in labels]
    placed = [
        _Name(mark, text, kind, width(text, size)) for mark, text, (_, kind) in zip(marks, texts, labels, strict=True)
    ]
    for name, box in zip(placed, _places(placed, frame, lines, curves), strict=True):
        at, height = name.mark
        if box.distance(at, height) > GAP + 4:
            near = min(max(at, box.left), box.right), box.top if box.top > height else box.bottom
            yield element("path", d=f"M{at:.1f} {height:.1f} L{near[0]:.1f} {near[1]:.1f}", class_="leader")
        yield element("text", name.text, x=box.left, y=box.bottom - BELOW, class_=f"label {name.kind}")


def _places(names: Sequence[_Name], frame: Box, lines: Sequence[Box], curves: Sequence[Box]) -> list[Box]:
    """A box for each label: in a few rounds, each one moves to the box of the lowest cost, given the others."""
    marks = [Box(name.mark[0] - 9, name.mark[1] - 9, name.mark[0] + 9, name.mark[1] + 9) for name in names]
    places: list[Box | None] = [None] * len(names)

    thick = [(_thick(line), 12) for line in lines] + [(_thick(line), 120) for line in curves]

    def cost(index: int, box: Box) -> float:
        others = [place for number, place in enumerate(places) if place is not None and number != index]
        covered = 2 * sum(map(box.overlap, marks)) + 30 * sum(map(box.overlap, others))
        over = sum(weight * (box.overlap(line) > 0) for line, weight in thick)
        return 10_000 * (not box.within(frame)) + covered + over + 2 * box.distance(*names[index].mark)

    for _ in range(ROUNDS):
        before = list(places)
        for index in sorted(range(len(names)), key=lambda number: names[number].mark):
            places[index] = min(names[index].spots(), key=partial(cost, index))
        if places == before:
            break
    return [place for place in places if place is not None]


def _thick(line: Box) -> Box:
    return Box(line.left - 1, line.top - 1, line.right + 1, line.bottom + 1)
