"""The report as a page: one HTML file without external resources and without scripts."""

import functools
import re
from collections.abc import Sequence
from importlib.resources import files

import jinja2
from markupsafe import Markup, escape

from tlpipe.evaluation import worst
from tlpipe.reporting import invalid_reasons, rounding
from tlpipe.reporting.charts import curves, noise, scatter, svg
from tlpipe.reporting.comparison import Comparison
from tlpipe.reporting.derive import latency_changes, mistakes
from tlpipe.reporting.derive.disagreements import MAX_CARDS
from tlpipe.reporting.document import Report
from tlpipe.reporting.render import selection
from tlpipe.reporting.sentences import Part, Sentence
from tlpipe_edge.console.text import most_points, printable
from tlpipe_edge.contract.conditions import Span, Temperatures
from tlpipe_edge.contract.explanation import READING

NO_BREAK = "\u00a0"
MATRIX_LABEL, MATRIX_FONT = 128.0, 13.0
"""The width of a label of a confusion matrix, and the size of its font, in CSS pixels."""
TOP_1 = Markup('<span class="kept">top-1</span>')
_BEFORE_A_UNIT = re.compile(r"(?:(?<=\d)|^) (?=(?:%(?!})|m?s|dB|MB|MHz|°C|points?|percentage|threads?|cores?)(?!\w))")
"""A space between a number, which may be a part of its own, and its unit; but not before the end of a Jinja tag."""


def render(report: Report) -> str:
    """The page. Text from outside is made printable and escaped."""
    return _template("report.html.j2").render(report=report)


def compared(comparison: Comparison) -> str:
    """The page of a comparison."""
    return _template("comparison.html.j2").render(comparison=comparison)


@functools.cache
def _template(name: str) -> jinja2.Template:
    """Compiled once: that takes longer than to render it."""
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(lambda name: unbroken(_asset(name))),
        autoescape=True,
        finalize=lambda value: printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters.update(unbroken=unbroken, moment=moment)
    environment.globals.update(
        number=number,
        bound=bound,
        most_points=most_points,
        span=span,
        said=said,
        top_1=TOP_1,
        words=words,
        listed=listed,
        curves=curves,
        noise=noise,
        reading=READING,
        fastest=latency_changes.fastest,
        invalid_reasons=invalid_reasons,
        scatter=scatter,
        selection=selection,
        max_cards=MAX_CARDS,
        max_mistakes=mistakes.MAX_CARDS,
        max_rates=worst.WORST,
        short=short,
        style=Markup(_asset("report.css")),  # ours, and it has no "<"
    )
    return environment.get_template(name)


def number(value: float | None, unit: str, *, bare: bool = False) -> Markup:
    """A measured number: rounded, and exact in an attribute. ``bare``: without its unit, for a column that has it."""
    if value is None:
        nothing = Markup('<span class="none" aria-hidden="true">{}</span><span class="unseen">{}</span>')
        return nothing.format(rounding.NOTHING, rounding.UNKNOWN)
    text = rounding.rounded(value, unit) if bare else rounding.shown(value, unit)
    return Markup('<data value="{}" data-unit="{}">{}</data>').format(repr(value), unit, text.replace(" ", NO_BREAK, 1))


def bound(drop: float) -> Markup:
    """An upper bound of a drop, without its unit; if it is negative, the lower bound of a gain."""
    better = most_points(drop) < 0
    return Markup(("≥" if better else "≤") + NO_BREAK) + number(
        drop, f"at {'least' if better else 'most'} points", bare=True
    )


def span(pair: Span | Temperatures, unit: str) -> Markup:
    """A reading before and after the run."""
    if pair.before is None and pair.after is None:
        return Markup(rounding.UNKNOWN)
    before, after = (rounding.UNKNOWN if each is None else number(each, unit) for each in (pair.before, pair.after))
    return Markup("{} before, {} after").format(before, after)


def said(text: str) -> Markup:
    """Text from outside, isolated in its writing direction."""
    return Markup('<bdi class="said">{}</bdi>').format(printable(text))


def short(label: str) -> str:
    """A label of a confusion matrix, without its middle if it is long: many differ only at their end."""
    return svg.fitted(label, MATRIX_LABEL, MATRIX_FONT)


def listed(texts: Sequence[str], between: str = ", ") -> Markup:
    """Several texts from outside."""
    return escape(between).join(map(said, texts))


def words(sentence: Sentence) -> Markup:
    """A sentence with its numbers and names."""
    return Markup("").join(map(_part, sentence))


def _part(part: Part) -> Markup:
    if part.unit is not None:
        return number(part.value, part.unit)
    text = said(part.text) if part.outside else _kept(part.text)
    return Markup("<b>{}</b>").format(text) if part.strong else text


def _kept(text: str) -> Markup:
    """Our own words, without line breaks in "top-1", after "p = ", and between a number and its unit."""
    text = unbroken(text).replace("p = ", f"p{NO_BREAK}={NO_BREAK}")
    return TOP_1.join(map(escape, text.split("top-1")))


def moment(date: str) -> str:
    """A time in ISO 8601 as people write it; that of a damaged document stays as it is."""
    return re.sub(r"^(\d{4}-\d\d-\d\d)T(\d\d:\d\d):\d\d\+00:00$", r"\1 \2 UTC", date)


def unbroken(text: str) -> str:
    """``text`` with no-break spaces between numbers and units."""
    return _BEFORE_A_UNIT.sub(NO_BREAK, text)


def _asset(name: str) -> str:
    return (files("tlpipe.reporting.render") / name).read_text("utf-8")
