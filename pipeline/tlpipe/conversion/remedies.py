"""The remedies against the rounding errors of int8, from none to the one that is nearest to Keras on unseen images.

benchmarks/int8_fidelity.py measures them; docs/quantization.md has the figures, and those of what is not here.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tlpipe.conversion import convert
from tlpipe.conversion.arithmetic import computed
from tlpipe.conversion.calibration import CORRECTED_IMAGES, MAX_IMAGES, Representative
from tlpipe.conversion.correction import corrected
from tlpipe.conversion.folded import fold
from tlpipe.conversion.layer_rules import NoRule
from tlpipe.conversion.recipes import Recipe
from tlpipe.conversion.tensor import Tensor
from tlpipe.network.backend import keras
from tlpipe_edge.console import progress

if TYPE_CHECKING:
    from tensorflow.types.experimental import ConcreteFunction

CONVERSION_SECONDS = 6.0
"""About how long a calibrated conversion takes."""
COMPARED = 16
"""Images on which the folded network is compared with the model."""
SAME, SAME_SHARE = 1e-4, 0.01
"""How far its scores may be from those of the model: this much, or this share of what they differ among the images."""


@dataclass(frozen=True)
class Remedy:
    """A way to make a calibrated file; ``name`` is that in tables and manifests.

    ``graph`` makes what the converter gets, of a model and pixels (N, size, size, 3) uint8, of which there are at most
    ``images``. ``measured``: the converter finds the ranges of tensors itself, with all of these images.
    """

    name: str
    images: int
    graph: Callable[[keras.Model, np.ndarray], "ConcreteFunction"]
    measured: bool = False

    def convert(self, model: keras.Model, recipe: Recipe, representative: Representative) -> bytes:
        """The content of a .tflite file. Raise NoRule if the model has a layer that is unknown to the remedy."""
        chosen = representative.first(self.images)
        function = self.graph(model, chosen.pixels)
        given = chosen if self.measured else chosen.first(1)  # all ranges are in the graph
        with progress.waiting(f"converting to {recipe.name}", seconds=CONVERSION_SECONDS):
            return convert.to_tflite(function, recipe, representative=given.tensors())


def folded(model: keras.Model, pixels: np.ndarray) -> tuple[Tensor, ...]:
    """``fold``, compared with the model on the first of the pixels (N, size, size, 3) uint8. Raise NoRule."""
    tensors = fold(model)
    few = pixels[:COMPARED].astype(np.float32)
    values = {tensors[0].name: few}
    for tensor in tensors[1:]:
        values[tensor.name] = computed(tensor, [values[name] for name in tensor.inputs])
    expected = np.asarray(model(few, training=False))
    difference = float(np.abs(np.asarray(values[tensors[-1].name]) - expected).max())
    if not difference < max(SAME, SAME_SHARE * float(np.ptp(expected, axis=0).max())):
        raise NoRule(f"it computes other scores than its layers say (difference {difference:.2g})")
    return tensors


def why_not(model: keras.Model, recipe: Recipe, pixels: np.ndarray) -> str | None:
    """Why the remedies cannot be used for a model, which is also said; None if they can."""
    try:
        folded(model, pixels)
    except NoRule as reason:
        progress.warn(f"{recipe.name}: without remedies against rounding errors: {reason}")
        return str(reason)
    return None


def _corrected(*, kernels: bool) -> Callable[[keras.Model, np.ndarray], "ConcreteFunction"]:
    def graph(model: keras.Model, pixels: np.ndarray) -> "ConcreteFunction":
        network = corrected(folded(model, pixels), pixels, for_outputs=kernels)
        return convert.traced_with_ranges(network, pixels.shape[1])

    return graph


CONVERTER = Remedy("converter alone", MAX_IMAGES, lambda model, _: convert.traced(model), measured=True)
CORRECTED = Remedy("corrected biases", CORRECTED_IMAGES, _corrected(kernels=False))
ROUNDED = Remedy("rounded kernels", CORRECTED_IMAGES, _corrected(kernels=True))
REMEDIES = (ROUNDED, CORRECTED)
"""In the order in which they are tried. The first one is used if no limit is set."""
