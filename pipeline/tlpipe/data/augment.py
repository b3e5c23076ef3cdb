"""The seeded augmented views of an image. Each is computed once, so that its features can be cached.

View 0 is the image without augmentation, as on the device. The others are random crops of 75 to 100 % of its side, half
of them mirrored, with small changes of brightness and contrast.
"""

from dataclasses import dataclass

import numpy as np

from tlpipe_edge.contract.manifest import Crop, ImageSpec
from tlpipe_edge.images import decode

MIN_CROP = 0.75
COLOUR = 0.15
VERSION = 1
"""Incremented when the views change, so that cached features of the old views are not used."""


@dataclass(frozen=True)
class View:
    """One view: ``number`` 0 has no augmentation; ``seed`` is for the random ones."""

    number: int = 0
    seed: int = 0

    def pixels(self, content: bytes, spec: ImageSpec, *, sha256: str) -> np.ndarray:
        """The bytes of an image file -> (size, size, 3) uint8. Raise UnreadableImage.

        The random values depend only on the seed, the number and the hash of the file, not on the order of files.
        """
        if self.number == 0:
            return decode.load(content, spec)
        random = np.random.default_rng([self.seed, self.number, int(sha256[:16], 16)])
        short, long = decode.needed(spec)
        decoded = decode.decode(content, min_side=(round(short / MIN_CROP), round(long / MIN_CROP)))
        pixels = decode.resize(_random_crop(decoded, spec.crop, random), spec)
        if random.random() < 0.5:
            pixels = np.ascontiguousarray(pixels[:, ::-1])
        contrast, brightness = 1 + random.uniform(-COLOUR, COLOUR), 127 * random.uniform(-COLOUR, COLOUR)
        mean = pixels.mean()
        return np.clip((pixels - mean) * contrast + mean + brightness, 0, 255).astype(np.uint8)


def _random_crop(image: np.ndarray, crop: Crop, random: np.random.Generator) -> np.ndarray:
    """A part of the image: a square for the centre crop, otherwise of the image's aspect ratio."""
    share = random.uniform(MIN_CROP, 1)
    height, width = image.shape[:2]
    if crop is Crop.CENTER:
        rows = columns = max(1, round(share * min(height, width)))
    else:
        rows, columns = max(1, round(share * height)), max(1, round(share * width))
    top, left = random.integers(height - rows + 1), random.integers(width - columns + 1)
    return image[top : top + rows, left : left + columns]
