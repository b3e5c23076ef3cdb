"""A program that keeps images is killed at each step, and at random moments: no image is ever half there."""

import random
import subprocess
import sys
from pathlib import Path

import collected

STEPS = 60
"""Those of the first images, from the folders and the lock on, until one is deleted for the next, and more."""


def test_whatever_the_moment_each_image_has_its_description(tmp_path: Path) -> None:
    moments = random.Random(5)
    pauses = [f"{moments.uniform(0.005, 0.06):.4f}" for _ in range(25)]
    command = [sys.executable, collected.__file__, str(tmp_path / "kept"), str(STEPS), *pauses]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)

    assert done.returncode == 0, done.stderr
    lines = [line.split() for line in done.stdout.splitlines()]
    assert len(lines) == STEPS + len(pauses)
    left = [name for line in lines for name in line[1:]]
    assert any(name.endswith(".jpg.partial") for name in left), "no kill between the two files of an image"
    assert any(name.endswith(".review.json") for name in left), "no kill with a description alone"
    assert max(int(line[0]) for line in lines) >= 3
