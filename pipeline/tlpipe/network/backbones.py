"""The backbones: one entry each, from which flags, help and checks take what they need.

No TensorFlow here until one is built: the command line reads the entries before it is loaded.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tlpipe_edge.errors import WrongUsage, listed

if TYPE_CHECKING:
    import keras

IMAGENET, NONE = "imagenet", "none"
"""Weights that are not a file: those that Keras publishes, and random ones."""
IMAGE, POOLING = "image", "pooling"
"""The layers at which every network can be cut: its input, and the pooled features, which are the input of the head."""
SCALING, HEAD = "input_scaling", "head"
"""The layers of the normalization and of the scores."""
VERSION = 1
"""Increased when the same weights give a different network, so that cached features of the old one are not used."""
ONE_WIDTH = 1.0
"""What stands for the width of a backbone that comes in one alone: manifests state a number, and devices require it."""


def load_keras_weights(model: "keras.Model", file: Path) -> None:
    """Read what ``save_weights`` of the same network wrote."""
    model.load_weights(file)


@dataclass(frozen=True)
class Backbone:
    """A network without its top, from images to a feature map (N, height, width, channels).

    name: in configurations and manifests.
    builder: called as those of keras.applications: ``input_tensor`` or ``input_shape``, ``include_top=False``,
        ``weights`` ("imagenet" or None), and ``alpha`` if there are ``widths``. The model's input is the source of
        ``input_tensor`` (``keras.utils.get_source_inputs``).
    sizes: the smallest and the largest image that it is offered for, in pixels of a side.
    scale, offset: its normalization, ``scale * pixel + offset`` of pixels 0..255.
    top_layers: how many layers fine-tuning trains if nothing else is said, counted from the top of the builder's
        ``layers``. top_begins: the layer that is the first of them.
    weights_file: what a file of weights must be. load_weights: reads one into the backbone; any exception means that it
        does not fit.
    widths: the values of alpha that it supports; none if it has no width multiplier.
    parameters: the number of parameters of each width, which tells whose weights a file holds; empty if unknown.
    layers: the number of its layers, from which fine-tuning can choose.
    published: the URL of ``weights="imagenet"``, which the builder downloads, with ``{alpha}``; empty if there is none.
    """

    name: str
    builder: Callable[..., "keras.Model"]
    sizes: tuple[int, int]
    scale: float
    offset: float
    top_layers: int
    top_begins: str
    layers: int
    weights_file: str
    load_weights: Callable[["keras.Model", Path], None] = load_keras_weights
    widths: tuple[float, ...] = ()
    parameters: Mapping[float, int] = field(default_factory=dict)
    published: str = ""

    def check(self, *, alpha: float, size: int, weights: str) -> None:
        """Raise WrongUsage if the backbone does not support the width, the image size or the weights."""
        self.check_width(alpha)
        self.check_size(size)
        if weights == IMAGENET and not self.published:
            raise WrongUsage(
                f"weights imagenet: there are none of {self.name} to download",
                f"Name a file ({self.weights_file}), or pass none.",
            )

    def check_width(self, alpha: float) -> None:
        """Raise WrongUsage if the backbone does not have this width multiplier."""
        if alpha not in (self.widths or (ONE_WIDTH,)):
            advice = f"Choose {listed(self.widths)}." if self.widths else "Leave alpha out."
            raise WrongUsage(f"alpha {alpha:g} is not a width multiplier of {self.name}", advice)

    def check_size(self, size: int) -> None:
        """Raise WrongUsage if the backbone does not take images of this size."""
        smallest, largest = self.sizes
        if not smallest <= size <= largest:
            raise WrongUsage(
                f"invalid image size: {size}", f"Choose a size from {smallest} to {largest}; multiples of 32 fit best."
            )

    def build(self, *, alpha: float, weights: str | None, **shape: Any) -> "keras.Model":
        """The bare backbone; ``shape`` is ``input_tensor`` or ``input_shape``."""
        options = {"alpha": alpha} if self.widths else {}
        return self.builder(include_top=False, weights=weights, **shape, **options)

    def described(self, alpha: float) -> str:
        """What an error about a weights file calls it."""
        return f"{self.name} at width {alpha:g}" if self.widths else self.name


def _mobilenet_v2(**options: Any) -> "keras.Model":
    from tlpipe.network.backend import keras

    return keras.applications.MobileNetV2(**options)


MOBILENET_V2 = Backbone(
    name="mobilenet_v2",
    builder=_mobilenet_v2,
    sizes=(64, 224),
    scale=1 / 127.5,
    offset=-1.0,
    top_layers=50,
    top_begins="block_11_project",
    layers=154,
    weights_file="a .weights.h5 of the MobileNetV2 of Keras without its top, of the same --alpha",
    widths=(0.35, 0.5, 0.75, 1.0, 1.3, 1.4),
    parameters={0.35: 410_208, 0.5: 706_224, 0.75: 1_382_064, 1.0: 2_257_984, 1.3: 3_766_048, 1.4: 4_363_712},
    published="https://storage.googleapis.com/tensorflow/keras-applications/mobilenet_v2/"
    "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_{alpha}_224_no_top.h5",
)


def _efficientnet_lite0(**options: Any) -> "keras.Model":
    from tlpipe.network import efficientnet_lite

    return efficientnet_lite.build(**options)


def _load_efficientnet_lite0(model: "keras.Model", file: Path) -> None:
    from tlpipe.network import efficientnet_lite

    efficientnet_lite.load_weights(model, file)


EFFICIENTNET_LITE0 = Backbone(
    name="efficientnet_lite0",
    builder=_efficientnet_lite0,
    sizes=(64, 224),
    scale=1 / 128,
    offset=-127 / 128,
    top_layers=50,
    top_begins="block5c_depthwise_relu",
    layers=141,
    weights_file="a .npz of scripts/convert_efficientnet_lite.py",
    load_weights=_load_efficientnet_lite0,
    parameters={ONE_WIDTH: 3_413_024},
)
BACKBONES = {entry.name: entry for entry in (MOBILENET_V2, EFFICIENTNET_LITE0)}
"""By name. The first is the default."""
DEFAULT = next(iter(BACKBONES.values()))


def check_top_layers(number: int, layers: int) -> None:
    """Raise WrongUsage if a backbone of so many layers cannot train this number of them."""
    if not 0 <= number <= layers:
        raise WrongUsage(
            f"the number of top layers is {number}, but the backbone has {layers}", f"Use a number from 0 to {layers}."
        )


def check_any(check: Callable[[Backbone], None]) -> None:
    """Raise what ``check`` raises for the first backbone, if it raises something for each of them."""
    first = None
    for entry in BACKBONES.values():
        try:
            check(entry)
        except WrongUsage as error:
            first = first or error
        else:
            return
    if first is not None:
        raise first


def find(name: str) -> Backbone:
    """The entry of this name. Raise WrongUsage if there is none."""
    if name not in BACKBONES:
        raise WrongUsage(f"no backbone {name}", f"Choose {listed(BACKBONES)}.")
    return BACKBONES[name]
