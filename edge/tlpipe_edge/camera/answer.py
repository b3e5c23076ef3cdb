"""The prediction for one camera frame: the values that the command prints and the live page shows."""

from dataclasses import dataclass

import numpy as np

UNKNOWN = "unknown"
"""The label if the best score is below the threshold."""


@dataclass(frozen=True)
class Answer:
    """The prediction for one camera frame.

    ``best`` is the one of ``labels`` with the highest of ``scores``, and ``score`` its probability, 0..1. ``label``
    is ``best``, or ``UNKNOWN`` if ``score`` is below the threshold. ``scores`` (classes,) float32 are smoothed over
    time. ``frame`` is RGB uint8 (H, W, 3). ``timings_ms`` has resize, invoke and total. ``dropped`` counts the frames
    since the start that were not classified, because a newer one came; ``frames_per_second`` counts the classified
    ones.
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
