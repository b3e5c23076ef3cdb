"""Selects and orders the content of the report for the page and the text; nothing is measured or derived here."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from tlpipe.conversion.recipes import table_order
from tlpipe.evaluation import worst
from tlpipe.evaluation.worst import Listed
from tlpipe.pictures import confusions
from tlpipe.reporting import rounding
from tlpipe.reporting.charts import scatter
from tlpipe.reporting.comparison import ClassChange, LatencyChange
from tlpipe.reporting.document import AccuracyFigures, ClassRate, ConfusedPair, Group, KerasRow, Mistakes, Report, Row
from tlpipe_edge.contract.latency import LatencyFigures
from tlpipe_edge.contract.quantization import Quantization
from tlpipe_edge.contract.scores import ClassCount

CONFUSIONS, CONFUSIONS_OF_MANY = 6, 20
"""Maximum number of confusions in words; of many classes they say more than the matrix."""
MAX_CHANGED = 12
"""Maximum number of classes in a comparison."""
SHADES = 9
STRIP = ("p50", "p90", "p99", "max")
"""The numbers beside a distribution of latency."""
MAX_AXIS = 1.5
"""Maximum end of a latency axis, as a multiple of the 90th percentile of the slowest row."""
STAGE_NAMES = {
    "decode": "decode",
    "resize": "resize",
    "set_input": "set input",
    "invoke": "invoke",
    "read_output": "read output",
}
STARTS = {"process": "process", "import": "import", "load": "load", "first_invoke": "first invoke", "total": "total"}


def climbed(report: Report) -> list[tuple[str, Quantization]]:
    """The formats for which limits were set, or that had to do without remedies, and what was tried."""
    made = {} if report.origin is None else report.origin.quantization
    return [(recipe, each) for recipe, each in made.items() if each.limits or each.left_out]


@dataclass(frozen=True)
class ScoredRow:
    """An artifact and its accuracy, which does not depend on the number of threads."""

    recipe: str
    accuracy: AccuracyFigures
    chosen: bool


@dataclass(frozen=True)
class Comparison:
    """Artifacts and Keras on the same images; ``names`` are the groups with these results."""

    names: tuple[str, ...]
    images: str
    count: int
    keras: KerasRow | None
    scored: tuple[ScoredRow, ...]

    @cached_property
    def listed(self) -> Listed:
        """The classes of a table: all that have images, of many the worst first, and of very many only these."""
        models = [
            {rate.label: ClassCount(rate.images, rate.correct) for rate in accuracy.per_class}
            for accuracy in (self._first, *(each.accuracy for each in self.scored))
        ]
        return worst.listed(models[0], models)

    @property
    def rates(self) -> tuple[ClassRate, ...]:
        """The listed classes, with the accuracy of Keras or of the first artifact."""
        rates = {rate.label: rate for rate in self._first.per_class}
        return tuple(rates[label] for label in self.listed.labels)

    @property
    def _first(self) -> AccuracyFigures:
        return self.keras.accuracy if self.keras and self.keras.accuracy else self.scored[0].accuracy

    def rate(self, accuracy: AccuracyFigures, label: str) -> ClassRate | None:
        """The accuracy of a class."""
        return next((rate for rate in accuracy.per_class if rate.label == label), None)


def comparisons(report: Report) -> tuple[Comparison, ...]:
    """The comparisons with Keras by class; devices with the same predictions share one."""
    found: list[Comparison] = []
    for index, group in enumerate(report.groups):
        mine = _comparison(group, chosen(report, index))
        if mine is None:
            continue
        for place, other in enumerate(found):
            if _same(mine, other):
                found[place] = Comparison(
                    (*other.names, group.name), other.images, other.count, other.keras or mine.keras, other.scored
                )
                break
        else:
            found.append(mine)
    return tuple(found)


def _comparison(group: Group, row: int | None) -> Comparison | None:
    scored: dict[str, ScoredRow] = {}
    taken = None if row is None else group.rows[row].recipe
    for each in group.rows:
        if each.accuracy and each.accuracy.per_class:
            scored.setdefault(each.recipe, ScoredRow(each.recipe, each.accuracy, each.recipe == taken))
    if not scored or group.images is None:
        return None
    order = sorted(scored.values(), key=lambda each: table_order(each.recipe))
    return Comparison((group.name,), group.images.name, group.images.scored, group.keras, tuple(order))


def _same(one: Comparison, other: Comparison) -> bool:
    mine = [(each.recipe, each.accuracy.per_class, each.accuracy.cells) for each in one.scored]
    theirs = [(each.recipe, each.accuracy.per_class, each.accuracy.cells) for each in other.scored]
    return mine == theirs and (one.images, one.count) == (other.images, other.count)


def chosen(report: Report, group: int) -> int | None:
    """The row of a group that the verdict recommends; None if the model is hardly better than a guess."""
    return next((each.row for each in report.verdict.choices if each.group == group and not each.hardly_better), None)


def plotted(report: Report) -> tuple[tuple[Group, int | None], ...]:
    """The groups with points of accuracy against latency, and their recommended rows."""
    found = ((group, chosen(report, place)) for place, group in enumerate(report.groups))
    return tuple((group, taken) for group, taken in found if scatter.points(group, taken))


@dataclass(frozen=True)
class Columns:
    """Which columns of the table of files and devices are not empty."""

    latency: bool
    frames: bool
    ratio: bool
    speedup: bool
    agreement: bool

    @property
    def of_latency(self) -> int:
        """The number of columns about latency."""
        return self.latency + self.frames + self.speedup

    @property
    def count(self) -> int:
        """The number of all columns."""
        return 4 + self.of_latency + self.ratio + self.agreement


def columns(report: Report) -> Columns:
    """The columns of the table of files and devices."""
    rows = [row for group in report.groups for row in group.rows]
    return Columns(
        latency=any(row.invoke_ms for row in rows),
        frames=any(row.frames_per_s is not None for row in rows),
        ratio=any(row.size_ratio is not None for row in rows),
        speedup=any(row.speedup is not None for row in rows),
        agreement=any(row.accuracy and row.accuracy.agreement is not None for row in rows),
    )


def confused(accuracy: AccuracyFigures, labels: Sequence[str]) -> list[tuple[int, int | None, str, str]]:
    """The most frequent confusions: count, number of images of the class, true label, predicted label."""
    images = {rate.label: rate.images for rate in accuracy.per_class}
    found = [
        (count, images.get(labels[truth]), labels[truth], labels[answer])
        for truth, answer, count in confusions.pairs(_cells(accuracy)).tolist()
    ]
    room = CONFUSIONS if len(labels) <= confusions.MAX_CLASSES else CONFUSIONS_OF_MANY
    return sorted(found, key=lambda each: (-each[0], each[1] or 0))[:room]


def _cells(accuracy: AccuracyFigures) -> confusions.Cells:
    return np.array(accuracy.cells or (), np.int64).reshape(-1, 3)


def repeated(mistakes: Mistakes) -> tuple[ConfusedPair, ...]:
    """The most frequent confusions, without those that occurred once."""
    return tuple(pair for pair in mistakes.pairs if pair.count > 1)[:CONFUSIONS]


def has_confusions(compared: Sequence[Comparison], recipe: str) -> bool:
    """Whether the most frequent confusions of a format are below "Class by class"."""
    return any(row.recipe == recipe and row.accuracy.cells is not None for each in compared for row in each.scored)


@dataclass(frozen=True)
class Matrix:
    """A confusion matrix, or (``partial``) of many classes the most confused: ``rows`` have the true label, and for
    each predicted label the count and its shade. With ``partial``, the last count is that of all other classes."""

    labels: tuple[str, ...]
    rows: tuple[tuple[str, tuple[tuple[int, int], ...]], ...]
    partial: bool


def many_classes(report: Report) -> bool:
    """Whether a table of all classes is too long for a pull request."""
    return len(report.model.labels) > confusions.MAX_CLASSES


def matrix(accuracy: AccuracyFigures, labels: Sequence[str]) -> Matrix:
    """The matrix of an accuracy with confusions."""
    shown = confusions.shown(_cells(accuracy), len(labels))
    names = tuple(labels[index] for index in shown.classes)
    partial = len(names) < len(labels)
    cells = np.column_stack([shown.counts, shown.others]) if partial else shown.counts
    rows = (
        (name, tuple((count, shade(count, sum(row))) for count in row))
        for name, row in zip(names, cells.tolist(), strict=True)
    )
    return Matrix(names, tuple(rows), partial)


def several_timed(report: Report) -> bool:
    """Whether a recommended file can be the fastest: there are valid latencies of other files on its device."""
    return any(len({row.sha256 for row in rows}) > 1 for rows in _timed(report))


def several_threads(report: Report) -> bool:
    """Whether there are valid latencies of several rows on a device: of several files, or numbers of threads."""
    return any(len(rows) > 1 for rows in _timed(report))


def _timed(report: Report) -> list[list[Row]]:
    return [[row for row in group.rows if row.valid and row.invoke_ms is not None] for group in report.groups]


def shade(count: int, images: int) -> int:
    """The shade of a cell of a confusion matrix, 0 to 9, by its share of the class; at least 1 if it is not empty."""
    share = count / max(images, 1)
    return max(round(SHADES * share), 1 if count else 0)


def longest(group: Group) -> float:
    """The sum of the mean times of all stages, for the slowest row, in milliseconds."""
    return max((sum(each.mean for each in row.stages_ms.values()) for row in group.rows), default=0.0)


def axis_end(group: Group, series: str) -> float:
    """The end of the latency axis that the rows of a group share, in milliseconds.

    It is a little above the largest 99th percentile, unless a few slow runs would compress all others.
    """
    shown = [row.quantiles_ms[series] for row in group.rows if series in row.quantiles_ms]
    return max((min(1.06 * quantiles[99], MAX_AXIS * quantiles[90]) for quantiles in shown), default=0.0)


def beyond(latency: LatencyFigures, end: float) -> tuple[str, ...]:
    """The percentiles of a row that are beyond the end of the axis."""
    return tuple(each for each in STRIP if getattr(latency, each) > end)


def with_series(group: Group, series: str) -> tuple[Row, ...]:
    """The rows with samples of a series."""
    return tuple(row for row in group.rows if series in row.quantiles_ms)


def kinds(group: Group, taken: int | None) -> set[str]:
    """The kinds of marks that the group's scatter shows."""
    return {point.kind for point in scatter.points(group, taken)}


def runtimes(group: Group) -> list[str]:
    """Each runtime with its version and delegate, once."""
    found = (
        " ".join(filter(None, (row.runtime, row.runtime_version))) + (f" ({row.delegate})" if row.delegate else "")
        for row in group.rows
    )
    return [runtime for runtime in dict.fromkeys(found) if runtime] or [rounding.UNKNOWN]


def threads(group: Group) -> int | None:
    """The number of threads, if it is the same for all rows; otherwise None."""
    counts = {row.threads for row in group.rows}
    return counts.pop() if len(counts) == 1 else None


def runs(group: Group) -> int | None:
    """The minimum number of timed runs of a row."""
    return min((row.invoke_ms.runs for row in group.rows if row.invoke_ms), default=None)


def started(group: Group) -> list[Row]:
    """The rows with a cold start or a peak memory."""
    return [row for row in group.rows if row.cold_start_ms or row.peak_memory_mb is not None]


def artifacts(report: Report) -> list[tuple[str, str, str]]:
    """Recipe, file and sha256 of each file, once."""
    return list(dict.fromkeys((row.recipe, row.file, row.sha256) for group in report.groups for row in group.rows))


def changed(classes: Sequence[ClassChange]) -> list[ClassChange]:
    """The classes that changed most, without those that did not change."""
    return [each for each in classes if each.gained or each.lost or (each.gained is None and each.difference)][
        :MAX_CHANGED
    ]


def reasons(latencies: Sequence[LatencyChange]) -> list[str]:
    """Why latencies are for orientation only, each reason once."""
    return list(dict.fromkeys(reason for each in latencies for reason in each.reasons))
