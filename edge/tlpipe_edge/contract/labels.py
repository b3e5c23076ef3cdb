"""A labels file that comes with a model from elsewhere: the name of each output, one per line."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tlpipe_edge.errors import BadData, MissingInput

MAX_BYTES = 1 << 20
"""Maximum size of a labels file; the 1,000 labels of ImageNet have 22 thousand bytes."""
BACKGROUND = "background"
_BACKGROUNDS = (BACKGROUND, "__background__", "_background_", "???")
"""How the files of TensorFlow's models name the class of none of the others, which is always the first."""
_WITH_BACKGROUND = 1001
"""Outputs of TensorFlow's models of ImageNet. Its 1,000 labels are often published without the background class; for
any other number, a label that is missing is more likely an accident, and would move all others."""
_NUMBERED = re.compile(r"(\d{1,9})(?:\s*[:,;=|]\s*|[.)]\s+|\s+-\s+|\s+)(\S.*)")
_STRUCTURED = re.compile(r"\s*(?:[{\[]\s*[\"'{\[\d]|<(?:!doctype|html|\?xml))", re.IGNORECASE)
"""The beginning of JSON, of a dictionary or list in Python, or of a page. A label may be "<unknown>" or "[none]"."""
_MAX_REPEATED = 0.1
"""Maximum share of repeated texts behind numbers: ImageNet repeats 2 of 1,000. In "0 stars", "1 star", "2 stars", the
numbers are part of the labels."""


@dataclass(frozen=True)
class FileLabels:
    """Distinct ``labels``, in the order of the outputs; ``notes``, one sentence each, say what was changed."""

    labels: tuple[str, ...]
    notes: tuple[str, ...] = ()


def read(file: Path, *, classes: int) -> FileLabels:
    """The labels in a file for a model with ``classes`` outputs: lines of "label", or of "0 label", from 0.

    Behind a number is a blank, one of ``: , ; = |``, or one of ``. ) -`` and a blank. These lines may be in any
    order, without gaps. Other numbers are part of the label. The file is UTF-8, with or without a BOM, with any line
    ends. The 1,000 labels of ImageNet get "background" in front for 1,001 outputs; a first label "background" too many
    is left out. A repeated label gets the number of its output: "crane (134)".

    Raise MissingInput if there is no file, BadData if it is no such text, or has another number of labels.
    """
    labels, notes = _sorted_by_number(_lines(file), where=file)
    found = fitted(labels, classes=classes, where=file)
    return FileLabels(found.labels, notes + found.notes)


def fitted(labels: Sequence[str], *, classes: int, where: object) -> FileLabels:
    """Labels made to fit a model with ``classes`` outputs, as ``read`` does it, but with their numbers.

    ``where`` names their origin in notes and errors.
    Raise BadData if the numbers differ by more than a background class.
    """
    notes: tuple[str, ...] = ()
    starts_with_background = bool(labels) and labels[0].lower() in _BACKGROUNDS
    if len(labels) == classes + 1 and starts_with_background:
        notes += (f"{where}: the label {labels[0]!r} is left out, because the model has {classes} outputs",)
        labels = labels[1:]
    elif len(labels) == classes - 1 and classes == _WITH_BACKGROUND and not starts_with_background:
        notes += (f"{where}: {len(labels)} labels for {classes} outputs, so the first output is {BACKGROUND!r}",)
        labels = (BACKGROUND, *labels)
    if len(labels) != classes:
        advice = "Name the labels file of this model, with one label per line."
        if len(labels) == classes - 1:
            advice = "Add the missing label. If it is a background class, write 'background' in its line."
        counted = f"{len(labels)} label{'s' * (len(labels) != 1)}"
        raise BadData(f"{counted} for a model with {classes} outputs", advice, where=where)
    return _distinct(labels, notes, where)


def _lines(file: Path) -> tuple[str, ...]:
    """The lines without surrounding spaces, and without blank lines at the end."""
    if not file.exists():
        raise MissingInput("no such labels file", "Check the path.", where=file)
    try:
        with file.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
        text = content.decode("utf-8-sig")
    except OSError as error:
        raise BadData(f"cannot be read ({error.strerror})", "Name a labels file.", where=file) from error
    except UnicodeDecodeError as error:
        raise BadData("the labels are not UTF-8", "Save the file as UTF-8.", where=file) from error
    if len(content) > MAX_BYTES or "\0" in text:
        raise BadData("this is not a labels file", "Name a text file with one label per line.", where=file)
    if _STRUCTURED.match(text):
        advice = "Write a text file with one label per line."
        raise BadData("this is JSON, Python or HTML, not a list of labels", advice, where=file)
    lines = [line.strip() for line in re.split(r"\r\n|\n|\r", text)]
    while lines and not lines[-1]:
        lines.pop()
    if not lines:
        raise BadData("no labels in this file", "Name a text file with one label per line.", where=file)
    if "" in lines:
        raise BadData(f"line {lines.index('') + 1} is blank", "Write the label of each output in a line.", where=file)
    return tuple(lines)


def _sorted_by_number(lines: tuple[str, ...], *, where: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The texts behind the numbers, and a note if they were sorted; the lines if not all have one of 0 to n - 1."""
    found = [match for line in lines if (match := _NUMBERED.fullmatch(line))]
    numbers = [int(match[1]) for match in found]
    repeated = len(found) - len({match[2] for match in found})
    if len(found) < len(lines) or sorted(numbers) != [*range(len(lines))] or repeated > _MAX_REPEATED * len(lines):
        return lines, ()
    texts = dict(zip(numbers, (match[2] for match in found), strict=True))
    notes = () if numbers == sorted(numbers) else (f"{where}: the labels are sorted by the numbers in front of them",)
    return tuple(texts[number] for number in range(len(lines))), notes


def _distinct(labels: Sequence[str], notes: tuple[str, ...], where: object) -> FileLabels:
    repeated = {label for label, count in Counter(labels).items() if count > 1}
    distinct = tuple(f"{label} ({at})" if label in repeated else label for at, label in enumerate(labels))
    if len(set(distinct)) < len(distinct):
        raise BadData("labels are repeated", "Name each output differently.", where=where)
    if repeated:
        example = next(label for label in distinct if label not in labels)
        notes += (f"{where}: repeated labels get the number of their output, such as {example!r}",)
    return FileLabels(distinct, notes)
