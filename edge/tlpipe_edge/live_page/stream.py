"""Encodes what the clients of the live page get: once for all of them."""

import json
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from tlpipe_edge.images.encode import as_jpeg

MAX_SIDE = 640
"""Maximum side of the image on the page, in pixels."""
JPEG_QUALITY = 80
BOUNDARY = "picture"
"""The boundary between the parts of the stream."""
FIRST_PART = f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\n\r\n".encode()
NEXT_PART = b"\r\n" + FIRST_PART
"""It follows each image: Chromium shows a part when it has the headers of the next one. So no part has its length."""


@dataclass(frozen=True)
class Shown:
    """``event`` is a server-sent event for the text of the page; ``part`` a part of the MJPEG stream, or empty."""

    event: bytes
    part: bytes


def prepare(document: dict[str, Any], frame: np.ndarray | None) -> Shown:
    """The bytes for a state and its frame, RGB uint8 (H, W, 3), if it has one."""
    # A server-sent event (WHATWG HTML, 9.2) is one line of ASCII.
    event = f"data: {json.dumps(document)}\n\n".encode("ascii")
    if frame is None:
        return Shown(event, b"")
    jpeg = as_jpeg(_small(frame), JPEG_QUALITY)
    return Shown(event, jpeg + NEXT_PART)


def _small(frame: np.ndarray) -> np.ndarray:
    """The frame with sides of at most ``MAX_SIDE`` pixels."""
    height, width = frame.shape[:2]
    scale = min(1.0, MAX_SIDE / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return cv2.resize(frame, size, interpolation=cv2.INTER_AREA)
