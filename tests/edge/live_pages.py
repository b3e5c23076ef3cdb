"""Live pages for tests: what they offer, and answers to show."""

import numpy as np

from tlpipe_edge.camera.answer import Answer
from tlpipe_edge.camera.settings import Adjustable, Settings
from tlpipe_edge.live_page.resources import Offered
from tlpipe_edge.live_page.server import Preview
from tlpipe_edge.live_page.state import About

ABOUT = About("clothing", "int8", "5" * 64, 6, 224, "center-crop", "Raspberry Pi 4")


def preview(address: str = "0", *, token: str | None = None, **offered: object) -> Preview:
    """A live page on the loopback address; ``offered`` replaces what it offers."""
    default = {"about": ABOUT, "adjustable": Adjustable(Settings(0.5, 0.7))}
    return Preview(address, token=token, offered=Offered(**default | offered))


def answer(labels: tuple[str, ...], scores: np.ndarray, frame: np.ndarray, *, threshold: float = 0.0) -> Answer:
    """The answer of a camera loop; ``scores`` (classes,) float32, ``frame`` RGB uint8 (H, W, 3)."""
    best, score = labels[int(np.argmax(scores))], float(scores.max())
    timings = {"resize": 0.54, "invoke": 2.46, "total": 3.0}
    label = best if score >= threshold else "unknown"
    return Answer(label, best, score, labels, scores, frame, timings, dropped=1234, frames_per_second=19.96)
