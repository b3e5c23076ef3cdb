"""Sets of many small images, made from few photographs: crops and mirror images, each with bytes of its own.

Near images of one photograph fall into different splits, so accuracies on such a set say nothing of other photographs.
"""

import hashlib
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

SIDES = (96, 128)
"""Minimum and maximum width and height, in pixels."""
SHARES = (0.6, 1.0)
"""Minimum and maximum side of a crop, as a share of the shorter side of the photograph."""
QUALITY = 90
THREADS = 2


def make(photographs: Path, folder: Path, counts: Sequence[int]) -> dict[int, Path]:
    """Sets of ``counts`` images of the classes of ``photographs`` (a folder per class of JPEGs), by their counts.

    A class has the same number of images in a set, and a smaller set is a part of a larger one: its files are hard
    links to those of ``folder``/all. An image is the same each time. What is there is not made again.

    Raise ValueError if a count is no multiple of the number of classes, or two images are equal.
    """
    classes = {each.name: sorted(each.glob("*.jpg")) for each in sorted(photographs.iterdir()) if each.is_dir()}
    if not classes or any(count < 1 or count % len(classes) for count in counts):
        raise ValueError(f"{list(counts)}: each must be a multiple of the {len(classes)} classes of {photographs}")
    of_each = max(counts) // len(classes)
    work = [
        (number, photograph, folder / "all" / name, range(place, of_each, len(files)))
        for number, (name, files) in enumerate(classes.items())
        for place, photograph in enumerate(files)
    ]
    for name in classes:
        (folder / "all" / name).mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(THREADS) as threads:
        for _ in threads.map(lambda piece: _cut(*piece), work):
            pass
    return {count: _linked(folder, tuple(classes), count) for count in counts}


def _cut(number: int, photograph: Path, folder: Path, images: range) -> None:
    """Write those of ``images`` of class ``number`` that are not there: crops of one photograph, no two alike."""
    if all((folder / _name(image)).exists() for image in images):
        return
    pixels = cv2.imread(str(photograph))
    if pixels is None:
        raise ValueError(f"{photograph} cannot be read")
    crops: set[_Crop] = set()
    for image in images:
        random = np.random.default_rng((number, image))
        crop = _drawn(pixels, random)
        while crop in crops:
            crop = _drawn(pixels, random)
        crops.add(crop)
        file = folder / _name(image)
        if not file.exists():
            partial = file.with_suffix(".part")
            partial.write_bytes(_encoded(pixels, crop))
            partial.replace(file)


@dataclass(frozen=True)
class _Crop:
    """A square of a photograph, mirrored or not, and its ``size`` in the image; in pixels."""

    side: int
    top: int
    left: int
    mirrored: bool
    size: int


def _drawn(pixels: np.ndarray, random: np.random.Generator) -> _Crop:
    height, width = pixels.shape[:2]
    side = int(min(height, width) * random.uniform(*SHARES))
    top, left = int(random.integers(height - side + 1)), int(random.integers(width - side + 1))
    return _Crop(side, top, left, random.random() < 0.5, int(random.integers(SIDES[0], SIDES[1] + 1)))


def _encoded(pixels: np.ndarray, crop: _Crop) -> bytes:
    """A JPEG of a part of ``pixels`` (height, width, 3; uint8)."""
    square = pixels[crop.top : crop.top + crop.side, crop.left : crop.left + crop.side]
    if crop.mirrored:
        square = square[:, ::-1]
    resized = cv2.resize(square, (crop.size, crop.size), interpolation=cv2.INTER_AREA)
    return cv2.imencode(".jpg", resized, (cv2.IMWRITE_JPEG_QUALITY, QUALITY))[1].tobytes()


def _linked(folder: Path, classes: Sequence[str], count: int) -> Path:
    """The set of ``count`` images, whose bytes are distinct."""
    checked, found = folder / f"{count}.checked", folder / str(count)
    if checked.exists():
        return found
    distinct: set[bytes] = set()
    for name in classes:
        (found / name).mkdir(parents=True, exist_ok=True)
        for image in range(count // len(classes)):
            file = found / name / _name(image)
            if not file.exists():
                os.link(folder / "all" / name / _name(image), file)
            distinct.add(hashlib.sha256(file.read_bytes()).digest())
    if len(distinct) < count:
        raise ValueError(f"only {len(distinct)} of {count} images are distinct")
    checked.touch()
    return found


def _name(image: int) -> str:
    return f"{image:06}.jpg"
