"""The seeded augmented views of a photograph, each computed once so that its features can be cached.

View 0 is the plain picture, as the device sees it. The others are random crops of 75 to 100 % of it, half of them
mirrored, with light changes of brightness and contrast.
"""

from dataclasses import dataclass

import numpy as np

from tlpipe_edge.contract.manifest import Crop, ImageSpec
from tlpipe_edge.images import decode

SMALLEST_CROP = 0.75
COLOUR = 0.15
VERSION = 1
"""Counts up when the views change, so that cached features of older ones are not taken for them."""


@dataclass(frozen=True)
class View:
    """One of the views: ``number`` 0 is the plain picture; ``seed`` moves the random ones."""

    number: int = 0
    seed: int = 0

    def pixels(self, content: bytes, spec: ImageSpec, *, sha256: str) -> np.ndarray:
        """The bytes of an image file -> (size, size, 3) uint8. Raises UnreadableImage.

        The randomness depends on seed, number and the file's hash alone, not on the order in which files are read.
        """
        if self.number == 0:
            return decode.load(content, spec)
        random = np.random.default_rng([self.seed, self.number, int(sha256[:16], 16)])
        short, long = decode.needed(spec)
        decoded = decode.decode(content, at_least=(round(short / SMALLEST_CROP), round(long / SMALLEST_CROP)))
        pixels = decode.resize(_random_crop(decoded, spec.crop, random), spec)
        if random.random() < 0.5:
            pixels = np.ascontiguousarray(pixels[:, ::-1])
        contrast, brightness = 1 + random.uniform(-COLOUR, COLOUR), 127 * random.uniform(-COLOUR, COLOUR)
        mean = pixels.mean()
        return np.clip((pixels - mean) * contrast + mean + brightness, 0, 255).astype(np.uint8)


def _random_crop(picture: np.ndarray, crop: Crop, random: np.random.Generator) -> np.ndarray:
    """A part of the picture: a square for the centre crop, else of the picture's own shape."""
    share = random.uniform(SMALLEST_CROP, 1)
    height, width = picture.shape[:2]
    if crop is Crop.CENTER:
        rows = columns = max(1, round(share * min(height, width)))
    else:
        rows, columns = max(1, round(share * height)), max(1, round(share * width))
    top, left = random.integers(height - rows + 1), random.integers(width - columns + 1)
    return picture[top : top + rows, left : left + columns]
