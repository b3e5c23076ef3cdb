"""The only encoder: a camera frame -> JPEG, for a page, a snapshot or the images that are kept."""

import cv2

from tlpipe_edge.images.decode import Pixels

QUALITY = 92
"""Of a JPEG, 1 to 100: a frame of 1920 x 1080 has 0.5 MB, and no blocks that training could learn."""


def as_jpeg(frame: Pixels, quality: int = QUALITY) -> bytes:
    """RGB uint8 (H, W, 3) as a JPEG; ``quality`` is 1 to 100."""
    bgr = cv2.cvtColor(frame, cv2.COLOR_RGB2BGR)
    return cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()
