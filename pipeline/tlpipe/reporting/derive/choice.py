"""The choice: which file to use on a device, by accuracy first, and then by latency or by the rank of its format."""

from collections.abc import Callable, Mapping, Sequence

from tlpipe.conversion.recipes import preference
from tlpipe.reporting.document import AccuracyFigures, Group, Row

MAX_DROP = 0.01
"""Maximum drop of top-1 below Keras: a file with a larger drop is recommended only if there is no other."""
MIN_AGREEMENT = 0.98
"""Minimum agreement with Keras: a file with a lower one is recommended only if there is no other."""
MIN_IMAGES = 100
"""Minimum number of images for an accuracy, if there is another accuracy on more images."""
AS_NEAR = 0.01
"""If no file is near enough to Keras, one whose agreement, and then whose top-1, is this much below the best of them is
not recommended."""
AS_FAST = 1.05
"""Among rows whose median is within this factor of the fastest, the smallest file is recommended, with the fewest
threads: a thread that gains less costs throughput and heat."""

Ranks = Mapping[str, int]
"""The sha256 of a file -> its rank in the manifest."""
_ROUNDING = 1e-12
"""The rates are quotients of whole numbers, which differ by more than this."""


def choose(rows: Sequence[Row], groups: Sequence[Group], ranks: Ranks) -> int:
    """The index of the recommended row: of the rows that are near enough to Keras the fastest valid one; if none of
    them has a valid latency, by the rank of the formats, which is the order in which devices take them."""
    near = _near(list(rows), groups)
    timed = [row for row in near if row.valid and row.invoke_ms]
    if not timed:
        ranked = all(row.sha256 in ranks for row in near)  # ranks order only the files of one bundle
        return rows.index(min(near, key=lambda row: ranks[row.sha256] if ranked else preference(row.recipe)))
    fastest = min(map(_p50, timed))
    as_fast = [row for row in timed if _p50(row) <= AS_FAST * fastest]
    return rows.index(min(as_fast, key=lambda row: (row.bytes, row.threads or 0, _p50(row))))


def known(row: Row, groups: Sequence[Group], group: Group | None = None) -> tuple[AccuracyFigures | None, int | None]:
    """The accuracy of a row's file for the choice: if possible with a difference to Keras, and on enough images.

    The accuracy of the row itself comes first. A benchmark without --data has scored only the few golden images.
    """
    places = ([(group, row)] if group else []) + [(g, r) for g in groups for r in g.rows if r.sha256 == row.sha256]
    found = [(r.accuracy, g.images.scored) for g, r in places if r.accuracy and g.images]
    return max(found, key=lambda each: (each[0].difference is not None, min(each[1], MIN_IMAGES)), default=(None, None))


def _p50(row: Row) -> float:
    return row.invoke_ms.p50 if row.invoke_ms else float("inf")


def _near(rows: list[Row], groups: Sequence[Group]) -> list[Row]:
    """The rows that are near enough to Keras, in top-1 and in agreement; or else the nearest, in agreement before
    top-1. A row of unknown accuracy counts as near."""
    accuracies = {row.sha256: known(row, groups)[0] for row in rows}
    near = [row for row in rows if (found := accuracies[row.sha256]) is None or _is_near(found)]
    if near:
        return near
    agreeing = _best(rows, lambda row: _agreement(accuracies[row.sha256]))
    return _best(agreeing, lambda row: _top1(accuracies[row.sha256]))


def _is_near(accuracy: AccuracyFigures) -> bool:
    difference, agreement = accuracy.difference, accuracy.agreement
    as_right = difference is None or difference >= -MAX_DROP - _ROUNDING
    return as_right and (agreement is None or agreement >= MIN_AGREEMENT - _ROUNDING)


def _best(rows: list[Row], figure: Callable[[Row], float]) -> list[Row]:
    best = max(map(figure, rows))
    return [row for row in rows if figure(row) >= best - AS_NEAR - _ROUNDING]


def _agreement(accuracy: AccuracyFigures | None) -> float:
    return 0.0 if accuracy is None or accuracy.agreement is None else accuracy.agreement


def _top1(accuracy: AccuracyFigures | None) -> float:
    return 0.0 if accuracy is None else accuracy.top1
