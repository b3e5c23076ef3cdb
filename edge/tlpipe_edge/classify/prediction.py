"""The prediction of a model for one image."""

from dataclasses import dataclass

import numpy as np

from tlpipe_edge.console import notebook

SHOWN = 5
"""Number of labels that a notebook shows."""


@dataclass(frozen=True)
class Score:
    """A label with its probability, 0..1."""

    label: str
    score: float


@dataclass(frozen=True)
class Prediction:
    """The prediction for one image: ``scores`` (classes,) float32 in the order of ``labels``.

    ``timings_ms`` has ``decode`` (for an array only the conversion from BGR, if any), ``resize``, ``invoke`` (with the
    copies in and out) and ``total``.
    """

    labels: tuple[str, ...]
    scores: np.ndarray
    timings_ms: dict[str, float]

    def top_k(self, k: int) -> tuple[Score, ...]:
        """The ``k`` best labels, best first, the lower index first where scores tie."""
        order = np.argsort(-self.scores, kind="stable")[:k]
        return tuple(Score(self.labels[index], float(self.scores[index])) for index in order)

    @property
    def label(self) -> str:
        """The best label."""
        return self.top_k(1)[0].label

    @property
    def score(self) -> float:
        """The best label's probability, 0..1."""
        return self.top_k(1)[0].score

    def _repr_html_(self) -> str:
        """The best labels as a table, for a notebook."""
        return notebook.table("", ("label", "score"), ((each.label, f"{each.score:.3f}") for each in self.top_k(SHOWN)))
