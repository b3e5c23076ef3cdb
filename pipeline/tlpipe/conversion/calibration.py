"""The representative data set: training images on which the converter measures the ranges of activations."""

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from tlpipe.data.augment import View
from tlpipe.data.dataset import Dataset, Example
from tlpipe.data.pixels import read_pixels
from tlpipe_edge.console import progress
from tlpipe_edge.contract.manifest import ImageSpec

MAX_IMAGES = 200
"""Maximum number of images; more did not help in measurements with up to 1,000."""
CORRECTED_IMAGES = 64
"""Number of the first ones on which the remedies choose ranges and biases: 128 and 200 were no better."""
IN_TURN = "classes in turn, train split only"
SHUFFLED = "classes in turn, in a random order, train split only"


@dataclass(frozen=True)
class Representative:
    """The examples and their pixels, (N, size, size, 3) uint8; ``method`` says how they were chosen."""

    examples: tuple[Example, ...]
    pixels: np.ndarray
    method: str = IN_TURN

    def first(self, images: int) -> "Representative":
        """The first ones, at most so many."""
        return Representative(self.examples[:images], self.pixels[:images], self.method)

    def tensors(self) -> Callable[[], Iterable[list[np.ndarray]]]:
        """The data for a tf.lite.TFLiteConverter: a function that yields [(1, size, size, 3) float32 of 0..255]."""
        return lambda: ([image[None].astype(np.float32)] for image in self.pixels)


def choose(dataset: Dataset, spec: ImageSpec, *, seed: int) -> Representative:
    """Up to ``MAX_IMAGES`` images of the train split, the classes in turn, so that each has its share.

    If there are more classes than the remedies have images, their order is random, or the first of the alphabet would
    be the only ones that are seen.
    """
    shuffled = [example for example in dataset.splits["train"] if example.problem is None]
    generator = random.Random(seed)
    generator.shuffle(shuffled)
    by_class: dict[int, list[Example]] = {}
    for example in shuffled:
        by_class.setdefault(example.label, []).append(example)
    order = sorted(by_class)
    many = len(order) > CORRECTED_IMAGES
    if many:
        generator.shuffle(order)
    turns = sorted((turn, place) for place, label in enumerate(order) for turn in range(len(by_class[label])))
    chosen = tuple(by_class[order[place]][turn] for turn, place in turns[:MAX_IMAGES])
    tracked = progress.track(chosen, description="reading images for calibration")
    pixels = np.stack([read_pixels(example, View(), spec) for example in tracked])
    # One black and one white pixel, so that the range of the input is 0..255 even if all images are dark.
    pixels[0, 0, 0], pixels[0, 0, 1] = 0, 255
    return Representative(chosen, pixels, SHUFFLED if many else IN_TURN)
