"""Months in little: 10,000 frames, and neither memory nor threads nor open files grow with them."""

import itertools
import os
import threading
from pathlib import Path

import pytest

from tlpipe_edge import Answer, Classifier, watch

WARM, FRAMES = 2_000, 10_000
MAX_BYTES = 50
"""A frame; what is measured comes to 1. One answer kept for each frame would be several thousand."""


def resident() -> int:
    """Bytes of this process in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.usefixtures("importable_cameras")
def test_nothing_grows_with_the_frames(classifier: Classifier) -> None:
    events = watch(classifier, "0", reader="cameras:hurried", smoothing=0.7, threshold=0.5)
    assert all(isinstance(event, Answer) for event in itertools.islice(events, WARM))
    before = resident(), threading.active_count(), len(list(Path("/proc/self/fd").iterdir()))
    assert all(isinstance(event, Answer) for event in itertools.islice(events, FRAMES))
    after = resident(), threading.active_count(), len(list(Path("/proc/self/fd").iterdir()))
    events.close()

    assert (after[0] - before[0]) / FRAMES < MAX_BYTES
    assert after[1:] == before[1:]
