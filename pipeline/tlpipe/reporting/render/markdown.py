"""The report as Markdown, for a pull request or a wiki: the verdict, the tables, the mistakes, the disagreements."""

from collections.abc import Iterable
from importlib.resources import files

from markupsafe import Markup

from tlpipe.reporting import invalid_reasons, rounding
from tlpipe.reporting.comparison import Comparison, LatencyChange, Top1
from tlpipe.reporting.derive.disagreements import MAX_CARDS
from tlpipe.reporting.document import AccuracyFigures, KerasRow, Report
from tlpipe.reporting.invalid_reasons import Timed
from tlpipe.reporting.render import selection
from tlpipe.reporting.sentences import Sentence
from tlpipe.storage.escaping import environment, inert
from tlpipe_edge.console.text import most_points
from tlpipe_edge.contract.conditions import Span, Temperatures
from tlpipe_edge.contract.explanation import READING

MAX_MISTAKES = 10
"""Maximum number of mistakes in the text; the page shows more."""


def render(report: Report) -> str:
    """The report as text. Text from outside is escaped, so that it is never markup."""
    return _rendered("report.md.j2", report=report)


def compared(comparison: Comparison) -> str:
    """A comparison as text."""
    return _rendered("comparison.md.j2", comparison=comparison)


def star(change: LatencyChange) -> Markup:
    """A mark for latencies of which one is invalid."""
    return Markup("\\*" if change.ratio is None else "")


def _rendered(name: str, **values: Report | Comparison) -> str:
    markdown = environment()
    markdown.globals.update(
        number=number, bound=bound, timed=timed, invalid=invalid, interval=interval, words=words, listed=listed
    )
    markdown.globals.update(
        star=star,
        top1=top1,
        span=span,
        selection=selection,
        invalid_reasons=invalid_reasons,
        max_cards=MAX_CARDS,
        max_mistakes=MAX_MISTAKES,
        reading=READING,
    )
    template = markdown.from_string((files("tlpipe.reporting.render") / name).read_text("utf-8"))
    return template.render(values).rstrip("\n") + "\n"


def number(value: float | None, unit: str, *, bare: bool = False) -> Markup:
    """A measured number, rounded."""
    return Markup(rounding.rounded(value, unit) if bare else rounding.shown(value, unit))


def bound(drop: float | None) -> Markup:
    """A cell below "worse by at most": if the bound is negative, that of a gain."""
    if drop is None or most_points(drop) >= 0:
        return number(drop, "at most points", bare=True)
    return Markup("at least {} better").format(number(drop, "at least points", bare=True))


def span(pair: Span | Temperatures, unit: str) -> Markup:
    """A reading before and after the run."""
    if pair.before is None and pair.after is None:
        return Markup(rounding.UNKNOWN)
    before, after = (rounding.UNKNOWN if each is None else number(each, unit) for each in (pair.before, pair.after))
    return Markup(f"{before} before, {after} after")


def interval(accuracy: AccuracyFigures | None) -> Markup:
    """The 95 % interval of top-1 in parentheses, in percent."""
    if accuracy is None:
        return Markup()
    low, high = (rounding.rounded(end, "percent") for end in accuracy.top1_interval)
    return Markup(f" ({low} – {high})")


def top1(found: Top1) -> Markup:
    """Top-1 with its 95 % interval."""
    low, high = (rounding.rounded(end, "percent") for end in found.interval)
    return Markup(f"{rounding.shown(found.top1, 'percent')} ({low} – {high})")


def timed(value: float | None, unit: str, row: Timed, keras: KerasRow | None = None) -> Markup:
    """A number from the latencies of ``row``, or, if ``keras`` is given, of both; marked if they are invalid."""
    if value is None:
        return number(value, unit)
    return number(value, unit) + (invalid(row) or (invalid(keras) if keras else Markup()))


def invalid(timed: Timed) -> Markup:
    """A mark for an invalid latency, which a line below the table explains."""
    return Markup() if timed.valid else Markup("\\*")


def words(sentence: Sentence) -> Markup:
    """A sentence; text from outside is escaped."""
    return Markup("".join(inert(part.text) if part.outside else part.text for part in sentence))


def listed(texts: Iterable[str], between: str = ", ") -> Markup:
    """Several texts from outside."""
    return Markup(between.join(map(inert, texts)))
