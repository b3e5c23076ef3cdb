"""The document of ``evaluate`` as it is read: checked before anything relies on it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tlpipe_edge.contract import plausible
from tlpipe_edge.contract.documents import checked, require_schema, typed_as
from tlpipe_edge.contract.plausible import require
from tlpipe_edge.contract.scores import ClassCount, Failed, check_rates
from tlpipe_edge.errors import BadData


@dataclass(frozen=True)
class Scores:
    """What ``evaluate`` found of Keras, or of an artifact, which has ``recipe``, ``sha256`` and the rest besides."""

    top1: float
    top1_interval: tuple[float, ...]
    top5: float
    per_class: dict[str, ClassCount]
    recipe: str = ""
    file: str = ""
    sha256: str = ""
    bytes: int = 0
    agreement: float | None = None
    mcnemar_p: float | None = None


@dataclass(frozen=True)
class Evaluation:
    """What ``evaluate --json`` says."""

    images: int
    split: str
    keras: Scores
    artifacts: tuple[Scores, ...]
    failed_images: tuple[Failed, ...]


def evaluation(document: Any, labels: Sequence[str], where: str) -> Evaluation:
    """An evaluation of a model with these labels. Raises BadData, which begins with ``where``."""
    advice = "Run tlpipe evaluate again."
    if not isinstance(document, dict):
        raise BadData(f"{where}: not an evaluation", advice)
    require_schema(document, where)
    found = typed_as(Evaluation, document, where, advice)

    def check() -> None:
        plausible.counts("images", found.images, minimum=1)
        for scores in (found.keras, *found.artifacts):
            check_rates(scores, labels)
            plausible.shares("agreement or mcnemar_p", scores.agreement, scores.mcnemar_p)
            require(set(scores.per_class) == set(labels), "per_class: its classes are not the model's")

    checked(check, where, advice)
    return found
