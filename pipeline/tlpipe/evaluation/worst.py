"""Which classes a table lists: all, of many the worst first, and of very many only the worst."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tlpipe_edge.contract.scores import ClassCount

MAX_CLASSES = 100
"""Maximum number of classes of which all are listed."""
WORST = 25
"""Maximum number of classes in the order of the labels: of more, the worst come first, and of more than
``MAX_CLASSES`` only this number is listed."""


@dataclass(frozen=True)
class Listed:
    """The ``labels`` in a table, of ``classes`` with images. ``lost`` counts those that a model never recognizes."""

    labels: tuple[str, ...]
    classes: int
    lost: int

    def which(self, document: str) -> str:
        """Which classes these are, and the name of the document that has all; empty if it is all, in their order."""
        if self.classes <= WORST:
            return ""
        if len(self.labels) == self.classes:
            return f"{self.classes} classes, those with the lowest top-1 of any file or Keras first"
        tied = f" ({self.lost:,} have 0 %)" if self.lost > len(self.labels) else ""
        which = f"{len(self.labels)} of {self.classes:,} classes with the lowest top-1 of any file or Keras"
        return f"the {which}{tied}; {document} has all"


def listed(labels: Iterable[str], models: Sequence[Mapping[str, ClassCount]]) -> Listed:
    """The classes to list, by the counts of several models on the same images.

    They are all that have images, in the order of the ``labels``; or if these are many, by the lowest top-1 of any
    model, the worst first, and in a tie the one with more images, and then with fewer correct predictions.
    """
    images = {label: models[0][label].images for label in labels if label in models[0] and models[0][label].images}
    lowest = {label: min(each[label].correct for each in models if label in each) / images[label] for label in images}
    lost = sum(rate == 0 for rate in lowest.values())
    if len(images) <= WORST:
        return Listed(tuple(images), len(images), lost)

    def rank(label: str) -> tuple[float, int, int]:
        return lowest[label], -images[label], sum(each[label].correct for each in models if label in each)

    ranked = sorted(images, key=rank)
    return Listed(tuple(ranked if len(images) <= MAX_CLASSES else ranked[:WORST]), len(images), lost)
