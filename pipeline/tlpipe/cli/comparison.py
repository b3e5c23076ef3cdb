"""What ``report --against`` prints: the verdict, its limits, and a line for each file."""

from tlpipe.reporting import rounding
from tlpipe.reporting.comparison import Comparison, FileChange
from tlpipe.reporting.sentences import text
from tlpipe_edge.console.text import printable, table, wrapped

HEADER = ("", "size", "top-1 of OLD", "top-1 of NEW", "points", "95 %", "gained", "lost", "p")


def render(comparison: Comparison, *, width: int | None = None) -> str:
    """The comparison as text. What is wider than ``width`` is folded or wrapped."""
    sentences = [printable(comparison.verdict.text), *(f"! {printable(text(note))}" for note in comparison.notes)]
    lines = [wrapped(each, width) for each in sentences]
    return "\n".join([*lines, "", table(HEADER, map(_row, comparison.files), width=width), ""])


def _row(file: FileChange) -> tuple[str, ...]:
    sizes = rounding.rounded(file.old_bytes, "megabytes"), rounding.shown(file.new_bytes, "megabytes")
    size = rounding.NOTHING if file.size_ratio is None else " → ".join(sizes)
    change = file.accuracy
    if change is None:
        return (file.name, size, *[rounding.NOTHING] * 7)
    rates = [rounding.shown(each.top1, "percent") for each in (change.old, change.new)]
    difference = rounding.rounded(change.difference, "points")
    if change.paired is None:
        p = rounding.rounded(change.unpaired_p, "p")
        return (file.name, size, *rates, difference, "unpaired", *[rounding.NOTHING] * 2, p)
    low, high = (rounding.rounded(end, "points, bare") for end in change.paired.interval)
    counts = (str(len(change.paired.gained)), str(len(change.paired.lost)), rounding.rounded(change.paired.p, "p"))
    return (file.name, size, *rates, difference, f"{low} to {high}", *counts)
