"""The report as Markdown, for a pull request or a wiki: the verdict, the tables, and the disagreements with Keras."""

from collections.abc import Iterable
from importlib.resources import files

from markupsafe import Markup

from tlpipe.reporting import invalid_reasons, rounding
from tlpipe.reporting.derive.disagreements import MAX_CARDS
from tlpipe.reporting.document import AccuracyFigures, KerasRow, Report
from tlpipe.reporting.invalid_reasons import Timed
from tlpipe.reporting.render import selection
from tlpipe.reporting.sentences import Sentence
from tlpipe.storage.escaping import environment, inert
from tlpipe_edge.contract.conditions import Span


def render(report: Report) -> str:
    """The report as text. Text from outside is escaped, so that it is never markup."""
    markdown = environment()
    markdown.globals.update(number=number, timed=timed, invalid=invalid, interval=interval, words=words, listed=listed)
    markdown.globals.update(span=span, selection=selection, invalid_reasons=invalid_reasons, max_cards=MAX_CARDS)
    template = markdown.from_string((files("tlpipe.reporting.render") / "report.md.j2").read_text("utf-8"))
    return template.render(report=report).rstrip("\n") + "\n"


def number(value: float | None, unit: str, *, bare: bool = False) -> Markup:
    """A measured number, rounded."""
    return Markup(rounding.rounded(value, unit) if bare else rounding.shown(value, unit))


def span(pair: Span, unit: str) -> Markup:
    """A reading before and after the run."""
    if pair == Span():
        return Markup(rounding.UNKNOWN)
    before, after = (rounding.UNKNOWN if each is None else number(each, unit) for each in (pair.before, pair.after))
    return Markup(f"{before} before, {after} after")


def interval(accuracy: AccuracyFigures | None) -> Markup:
    """The 95 % interval of top-1 in parentheses, in percent."""
    if accuracy is None:
        return Markup()
    low, high = (rounding.rounded(end, "percent") for end in accuracy.top1_interval)
    return Markup(f" ({low} – {high})")


def timed(value: float | None, unit: str, row: Timed, keras: KerasRow | None = None) -> Markup:
    """A number from the latencies of ``row``, or, if ``keras`` is given, of both; marked if they are invalid."""
    if value is None:
        return number(value, unit)
    return number(value, unit) + (invalid(row) or (invalid(keras, "Keras ") if keras else Markup()))


def invalid(timed: Timed, what: str = "") -> Markup:
    """The reasons in short, for an invalid latency."""
    return Markup() if timed.valid else Markup(f" ({what}invalid: {listed(invalid_reasons.kinds(timed.reasons))})")


def words(sentence: Sentence) -> Markup:
    """A sentence; text from outside is escaped."""
    return Markup("".join(inert(part.text) if part.outside else part.text for part in sentence))


def listed(texts: Iterable[str], between: str = ", ") -> Markup:
    """Several texts from outside."""
    return Markup(between.join(map(inert, texts)))
