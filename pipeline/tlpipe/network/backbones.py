"""The backbones: one entry each."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tlpipe.network.backend import keras


@dataclass(frozen=True)
class Backbone:
    """A network from keras.applications. ``scale`` and ``offset`` are its normalization of pixels 0..255."""

    build: Callable[..., Any]
    alphas: tuple[float, ...]
    scale: float
    offset: float


BACKBONES = {
    "mobilenet_v2": Backbone(keras.applications.MobileNetV2, (0.35, 0.5, 0.75, 1.0, 1.3, 1.4), 1 / 127.5, -1.0),
}
SIZES = (64, 224)
