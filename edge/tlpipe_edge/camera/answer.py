"""The prediction for one camera frame: the values that the command prints and the live page shows."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np

UNKNOWN = "unknown"
"""The label if the best score is below the threshold."""


@dataclass(frozen=True)
class Answer:
    """The prediction for one camera frame.

    ``best`` is the one of ``labels`` with the highest of ``scores``, and ``score`` its probability, 0..1. ``label`` is
    ``best``, or ``UNKNOWN`` if ``score`` is below the threshold. ``scores`` (classes,) float32 are smoothed over time.
    ``frame`` is RGB uint8 (H, W, 3). ``timings_ms`` has resize, invoke and total. ``dropped`` counts the frames since
    the start that were not classified, because a newer one came; ``frames_per_second`` counts the classified ones.
    ``time`` is in UTC.
    """

    label: str
    best: str
    score: float
    labels: tuple[str, ...]
    scores: np.ndarray
    frame: np.ndarray
    timings_ms: dict[str, float]
    dropped: int
    frames_per_second: float
    time: datetime = field(default_factory=lambda: datetime.now(UTC))

    def top_k(self, k: int) -> list[tuple[str, float]]:
        """The ``k`` best labels with their scores, best first; of equal ones, the first in ``labels``."""
        best = np.argsort(-self.scores, kind="stable")[:k]
        return [(self.labels[index], float(self.scores[index])) for index in best]

    def document(self, k: int) -> dict[str, Any]:
        """The prediction as JSON, with the ``k`` best labels."""
        return {
            "time": self.time.isoformat(timespec="milliseconds"),
            "label": self.label,
            "score": self.score,
            "best": self.best,
            "top_k": [{"label": label, "score": score} for label, score in self.top_k(k)],
            "timings_ms": self.timings_ms,
            "dropped": self.dropped,
            "frames_per_second": self.frames_per_second,
        }
