"""What the first stage refuses or notes before any image is read."""

from tlpipe.network import backbones, weights
from tlpipe.runs.config import Stage, Training
from tlpipe_edge.console import progress
from tlpipe_edge.errors import WrongUsage

STRIDE = 32
"""Pixels of the image to one of the last feature map: the backbone halves its input five times, rounding up."""


def check(training: Training, *, crop_auto: bool) -> None:
    """Raise WrongUsage if the crop cannot be chosen, and as ``weights.check``."""
    check_top_layers(training, training.head)
    weights.check(backbones.find(training.backbone), training.alpha, training.weights)
    if crop_auto and training.from_scratch:
        raise WrongUsage("--crop auto needs a pre-trained backbone", "Name a crop.")


def check_top_layers(training: Training, stage: Stage) -> None:
    """Raise WrongUsage if the backbone has fewer layers than the stage trains."""
    backbones.check_top_layers(stage.top_layers, backbones.find(training.backbone).layers)


def note_size(training: Training) -> None:
    """Say so if the backbone pads images of this size."""
    size = training.image_size
    if size % STRIDE:
        smallest, largest = backbones.find(training.backbone).sizes
        near = [each for each in (size // STRIDE * STRIDE, -(-size // STRIDE) * STRIDE) if smallest <= each <= largest]
        progress.say(
            f"image size {size} is no multiple of {STRIDE}, so the network pads; better: {' or '.join(map(str, near))}"
        )
