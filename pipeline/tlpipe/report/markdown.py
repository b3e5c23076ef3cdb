"""The report as Markdown, for a pull request or a wiki: the verdict, the table, and what differs from Keras."""

from importlib.resources import files

from markupsafe import Markup

from tlpipe.model_card import environment, inert
from tlpipe.report import numbers, views
from tlpipe.report.document import Accuracy, Group, Report
from tlpipe.report.sentences import Sentence


def render(report: Report) -> str:
    """The text. What comes from outside is escaped, so that Markdown and HTML do not act on it."""
    markdown = environment()
    markdown.globals.update(number=number, interval=interval, words=words, listed=listed, doubt=doubt, views=views)
    template = markdown.from_string((files("tlpipe") / "assets" / "report.md.j2").read_text("utf-8"))
    return template.render(report=report).rstrip("\n") + "\n"


def number(value: float | None, unit: str, *, bare: bool = False) -> Markup:
    """A measured number, rounded."""
    return Markup(numbers.rounded(value, unit) if bare else numbers.shown(value, unit))


def interval(accuracy: Accuracy | None) -> Markup:
    """The 95 % interval of top-1 behind it, in percent."""
    if accuracy is None:
        return Markup()
    low, high = (numbers.rounded(end, "percent") for end in accuracy.top1_interval)
    return Markup(f" ({low} – {high})")


def doubt(group: Group) -> Markup:
    """A paragraph where the latency of a group is not to be believed, or not there."""
    invalid = Markup(f"\n**Invalid**: {words(group.doubt)}.\n") if group.doubt else Markup()
    return invalid + Markup("\n**Emulated**: latency is not reported.\n" if group.emulated else "")


def words(sentence: Sentence) -> Markup:
    """A sentence, what is from outside in it escaped."""
    return Markup("".join(inert(part.text) if part.outside else part.text for part in sentence))


def listed(texts: tuple[str, ...] | list[str], between: str = ", ") -> Markup:
    """Several texts from outside."""
    return Markup(between.join(map(inert, texts)))
