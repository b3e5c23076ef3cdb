"""Months in little: 12,000 frames, and neither memory nor threads nor open files grow with them."""

import itertools
import json
import subprocess
import sys
from pathlib import Path

import pytest

CHILD = """
import itertools, json, os, sys, threading
from pathlib import Path
from tlpipe_edge import Answer, Classifier, watch

def held():
    resident = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return resident, threading.active_count(), len(list(Path("/proc/self/fd").iterdir()))

classifier = Classifier.open(sys.argv[1])
events = watch(classifier, "0", reader="cameras:hurried", smoothing=0.7, threshold=0.5)
for window in range(4):
    assert all(isinstance(event, Answer) for event in itertools.islice(events, 3_000))
    print(json.dumps(held()))
events.close()
"""
"""A process of its own: beside TensorFlow, which other tests leave in this one, megabytes come and go."""
MAX_BYTES = 50
"""A frame; what is measured comes to 1. One answer kept for each frame would be several thousand."""


@pytest.mark.usefixtures("importable_cameras")
def test_nothing_grows_with_the_frames(copied: Path) -> None:
    command = [sys.executable, "-c", CHILD, copied]
    child = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
    memory, *others = zip(*map(json.loads, child.stdout.splitlines()), strict=True)

    growth = [(after - before) / 3_000 for before, after in itertools.pairwise(memory)]
    assert min(growth) < MAX_BYTES, growth  # a leak grows in each third; what is allocated once, in one
    assert all(len(set(counts)) == 1 for counts in others), others
