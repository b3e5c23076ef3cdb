"""What the camera loop says of one frame: the values that the command prints and the live page shows."""

from dataclasses import dataclass

import numpy as np

UNKNOWN = "unknown"
"""The label of an answer whose best score is below the threshold."""


@dataclass(frozen=True)
class Answer:
    """The answer for one camera frame.

    ``label`` is the best of ``labels`` by ``scores``, or ``UNKNOWN``; ``score`` its probability, 0..1. ``scores``
    (classes,) float32 are smoothed over time. ``frame`` is what the camera gave, RGB uint8 (H, W, 3). ``timings_ms``
    has resize, invoke and total. ``dropped`` counts the frames since the start that a newer one replaced before they
    were classified; ``frames_per_second`` is of those that were.
    """

    label: str
    score: float
    labels: tuple[str, ...]
    scores: np.ndarray
    frame: np.ndarray
    timings_ms: dict[str, float]
    dropped: int
    frames_per_second: float
