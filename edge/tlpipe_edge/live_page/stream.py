"""Encodes an answer for the clients of the live page: once for all of them."""

import json
from dataclasses import dataclass

import cv2
import numpy as np

from tlpipe_edge.camera.answer import Answer
from tlpipe_edge.console.text import printable

MAX_SIDE = 640
"""Maximum side of the image on the page, in pixels."""
JPEG_QUALITY = 80
LABELS = 5
"""Number of labels on the page."""
BOUNDARY = "picture"
"""The boundary between the parts of the stream."""


@dataclass(frozen=True)
class Shown:
    """``event`` is a server-sent event for the text of the page; ``part`` a part of the MJPEG stream, or empty."""

    event: bytes
    part: bytes


def prepare(newest: Answer | str | None) -> Shown:
    """The bytes for an answer, for the reason of an outage, or for None, before the first of them."""
    if not isinstance(newest, Answer):
        reason = None if newest is None else printable(newest)
        return Shown(_as_event({"outage": reason, "answer": None}), b"")
    best = np.argsort(-newest.scores, kind="stable")[:LABELS]
    answer = {
        "label": printable(newest.label),
        "score": newest.score,
        "best": [{"label": printable(newest.labels[index]), "score": float(newest.scores[index])} for index in best],
        "frames_per_second": newest.frames_per_second,
        "timings_ms": newest.timings_ms,
        "dropped": newest.dropped,
    }
    jpeg = _as_jpeg(newest.frame)
    # The boundary follows the image, not the other way round: Chromium shows a part only when it sees its end.
    before, after = f"Content-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n", f"\r\n--{BOUNDARY}\r\n"
    return Shown(_as_event({"outage": None, "answer": answer}), before.encode() + jpeg + after.encode())


def _as_event(state: dict[str, object]) -> bytes:
    """A server-sent event (WHATWG HTML, 9.2) with the state as one line of ASCII JSON."""
    return f"data: {json.dumps(state)}\n\n".encode("ascii")


def _as_jpeg(frame: np.ndarray) -> bytes:
    """RGB uint8 (H, W, 3) as a JPEG with sides of at most ``MAX_SIDE`` pixels."""
    height, width = frame.shape[:2]
    scale = min(1.0, MAX_SIDE / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.cvtColor(cv2.resize(frame, size, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2BGR)
    return cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1].tobytes()
