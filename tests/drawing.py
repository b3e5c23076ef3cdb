"""Drawn photographs: a figure of coloured lines on dark tiles, a figure and a colour for each class.

The backbone that comes with tlpipe was trained on the shapes of lines, and tells these apart. Same seed, same files.
"""

import colorsys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw


def picture(kind: int, kinds: int, random: np.random.Generator) -> Image.Image:
    """One picture of class ``kind`` of ``kinds``, 100 to 130 pixels a side: rings, bars and crosses in turn."""
    width, height = (int(length) for length in random.integers(100, 130, 2))
    tiles = Image.fromarray(random.integers(0, 70, (4, 4, 3), dtype=np.uint8))
    drawn = tiles.resize((width, height), Image.Resampling.NEAREST)
    colour = tuple(round(255 * part) for part in colorsys.hsv_to_rgb(kind / kinds, 0.6, 1.0))
    side = int(random.integers(55, 70))
    left, top = (int(random.integers(15, length - side - 14)) for length in (width, height))
    right, bottom, thick = left + side, top + side, int(random.integers(7, 12))
    pen = ImageDraw.Draw(drawn)
    if kind % 3 == 0:
        pen.ellipse((left, top, right, bottom), outline=colour, width=thick)
    elif kind % 3 == 1:
        for x in (left, (left + right) // 2, right):
            pen.line((x, top, x, bottom), colour, thick)
    else:
        pen.line((left, top, right, bottom), colour, thick)
        pen.line((left, bottom, right, top), colour, thick)
    return drawn


def photographs(folder: Path, labels: Sequence[str], *, count: int, seed: int = 0) -> Path:
    """``folder`` with a folder of ``count`` pictures for each label, JPEG and PNG in turn."""
    random = np.random.default_rng(seed)
    for kind, label in enumerate(labels):
        (folder / label).mkdir(parents=True)
        for number in range(count):
            suffix = ".png" if number % 2 else ".jpg"
            picture(kind, len(labels), random).save(folder / label / f"{number:02}{suffix}")
    return folder
