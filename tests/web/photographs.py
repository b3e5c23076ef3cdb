"""Photographs as phones and cameras write them, small enough that the device decodes them whole; and real ones."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

SIZES = ((64, 64), (63, 91), (200, 120), (333, 77), (127, 256), (31, 40))
ORIENTATION = 0x0112
_REAL = Path(__file__).parents[3] / "shared" / "data" / "clothing" / "validation"
needs_real = pytest.mark.skipif(not _REAL.is_dir(), reason="no photographs in shared/data beside the checkout")


def photographs(folder: Path) -> list[Path]:
    """Files in each format that phones write: turned by EXIF, grey, with alpha, and of each of ``SIZES``."""
    chance = np.random.default_rng(0)
    files = []
    for number, (width, height) in enumerate(SIZES):
        noise = cv2.GaussianBlur(chance.integers(0, 256, (height, width, 4), np.uint8), (0, 0), 3)
        image = Image.fromarray(noise[..., :3])
        exif = Image.Exif()
        exif[ORIENTATION] = 1 + number
        drawn = {".jpg": image, ".png": Image.fromarray(noise), ".webp": image, "-grey.jpg": image.convert("L")}
        for suffix, each in drawn.items():
            files.append(folder / f"{number}{suffix}")
            each.save(files[-1], exif=exif)
    return files


def real(count: int) -> list[Path]:
    """JPEGs that people took, of all classes of the folder."""
    files = sorted(_REAL.rglob("*.jpg"))
    return [files[at] for at in np.linspace(0, len(files) - 1, count).astype(int)]
