"""Names of classes compared: two names that differ in their Unicode form only are one class."""

import unicodedata
from collections.abc import Mapping, Sequence

from tlpipe_edge.errors import BadData, listed

MAX_NAMES = 5
"""Maximum number of names that a message lists."""


def composed(name: str) -> str:
    """The name in Unicode NFC, in which labels are stored. Linux and Windows write it so, and macOS decomposed."""
    return unicodedata.normalize("NFC", name)


def indices(labels: Sequence[str]) -> dict[str, int]:
    """Label -> index, also by the composed name; look up names with ``find``."""
    exact = {label: number for number, label in enumerate(labels)}
    return {composed(label): number for label, number in reversed(exact.items())} | exact


def find(index: Mapping[str, int], name: str) -> int | None:
    """The index of the label that is this name in any Unicode form; None if there is none."""
    exact = index.get(name)
    return index.get(composed(name)) if exact is None else exact


def numbered(name: str, labels: Sequence[str]) -> list[str]:
    """The labels that ``contract.labels`` has made of a repeated ``name``: "crane (134)" and "crane (517)"."""
    ends = [(label, f" ({number})") for number, label in enumerate(labels)]
    found = [
        label for label, end in ends if label.endswith(end) and composed(label.removesuffix(end)) == composed(name)
    ]
    return found if len(found) > 1 else []


def near(name: str, labels: Sequence[str]) -> str:
    """A question with the label that differs from ``name`` in case or blanks only, or with those of a repeated
    ``name``; empty if there is none."""
    repeated = numbered(name, labels)
    if repeated:
        return f"the label of {len(repeated)} outputs: did you mean {listed(map(repr, repeated))}?"
    for label in labels:
        difference = _difference(name, label)
        if difference:
            return f"did you mean {label!r}? They differ in {difference}"
    return ""


def alike(labels: Sequence[str]) -> list[str]:
    """Warnings about labels that differ from an earlier one in case or blanks only."""
    first: dict[str, str] = {}
    found = [(first.setdefault(_folded(label), label), label) for label in labels]
    pairs = [(one, other) for one, other in found if one != other]
    more = len(pairs) - MAX_NAMES
    return [
        *(
            f"classes {one!r} and {other!r} differ in {_difference(one, other)} only. Are they one class?"
            for one, other in pairs[:MAX_NAMES]
        ),
        *([f"{more} more classes differ from another one in case or blanks only"] if more > 0 else []),
    ]


def foreign(images: Mapping[str, int], labels: Sequence[str]) -> str:
    """Names that are no class of the model, with how many images each has, for a message."""
    named = []
    for name, count in list(images.items())[:MAX_NAMES]:
        question = near(name, labels)
        named.append(f"{name!r} ({_counted(count)}{'; ' if question else ''}{question})")
    more = len(images) - MAX_NAMES
    return ", ".join(named) + (f" and {more} more" if more > 0 else "")


def left_out(images: Mapping[str, int], labels: Sequence[str]) -> str:
    """The warning of images that do not count, because the names of their classes are none of the model's."""
    return f"not a class of the model, so it does not count for accuracy: {foreign(images, labels)}"


def none_known(images: Mapping[str, int], labels: Sequence[str], advice: str, *, where: object) -> BadData:
    """The error if no image is of a class of the model."""
    more = len(labels) - MAX_NAMES
    shown = ", ".join(labels[:MAX_NAMES]) + (f" and {more} more" if more > 0 else "")
    reason = f"no image is of a class of the model: {foreign(images, labels)}"
    return BadData(reason, advice or f"Its classes are {shown}.", where=where)


def _counted(images: int) -> str:
    return "1 image" if images == 1 else f"{images} images"


def _folded(name: str) -> str:
    return composed("".join(name.split()).casefold())


def _difference(one: str, other: str) -> str:
    """In what two names differ that are else the same; empty if they are one class, or differ otherwise."""
    one, other = composed(one), composed(other)
    if one == other or _folded(one) != _folded(other):
        return ""
    if one.casefold() == other.casefold():
        return "case"
    return "blanks" if "".join(one.split()) == "".join(other.split()) else "case and blanks"
