"""A video whose container says that its frames are to be turned, as phones record them."""

import struct
from pathlib import Path

import cv2
import numpy as np
import pytest

from tlpipe_edge.camera import sources

ONE = 1 << 16
DISPLAY_MATRIX = {0: (1, 0, 0, 1), 90: (0, 1, -1, 0), 180: (-1, 0, 0, -1), 270: (0, -1, 1, 0)}
"""a, b, c, d of the matrix in a track header (ISO/IEC 14496-12, 8.3.2), by how far a player turns, clockwise."""


def matrix(degrees: int) -> bytes:
    a, b, c, d = (each * ONE for each in DISPLAY_MATRIX[degrees])
    return struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)


def stored() -> np.ndarray:
    """A BGR frame with another colour in each quarter."""
    frame = np.zeros((64, 96, 3), np.uint8)
    frame[:32, :48], frame[:32, 48:], frame[32:, :48], frame[32:, 48:] = (0, 0, 255), (0, 255, 0), (255, 0, 0), 255
    return frame


@pytest.mark.parametrize("degrees", DISPLAY_MATRIX)
@pytest.mark.parametrize("suffix", ["mp4", "mov"])
def test_the_frames_are_turned_as_the_container_says(tmp_path: Path, suffix: str, degrees: int) -> None:
    file = tmp_path / f"video.{suffix}"
    writer = cv2.VideoWriter(str(file), cv2.VideoWriter_fourcc(*"mp4v"), 100, (96, 64))  # type: ignore[attr-defined]
    for _ in range(3):
        writer.write(stored())
    writer.release()
    content = file.read_bytes()
    start = content.index(b"tkhd") + 44
    assert content[start : start + 36] == matrix(0)
    file.write_bytes(content[:start] + matrix(degrees) + content[start + 36 :])

    upright = np.rot90(stored()[..., ::-1], -degrees // 90)
    frames = list(sources.read(str(file)))
    assert len(frames) == 3
    for frame in frames:
        assert isinstance(frame, np.ndarray) and frame.shape == upright.shape and frame.flags.c_contiguous
        assert np.abs(frame.astype(int) - upright).mean() < 5  # compression; a wrong direction gives 100 or more
