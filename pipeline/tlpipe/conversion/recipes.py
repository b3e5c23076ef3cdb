"""The number formats: one entry each, for the converter, options, help texts, tables and manifests.

This module does not import TensorFlow: the command line reads the entries before TensorFlow is loaded.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tlpipe_edge.errors import WrongUsage, listed

if TYPE_CHECKING:
    import numpy as np

ALIASES = {"none": "float32"}


@dataclass(frozen=True)
class Recipe:
    """A number format. ``operators``, ``weights`` and ``ends`` are names of members of TensorFlow.

    name: its name in options, file names, tables and manifests.
    rank: if no format is named, a device uses the artifact with the lowest rank: the fastest first (CPU, XNNPACK). It
        only orders the artifacts of one bundle, so a new entry may shift the others.
    help: a description. cost: size, speed and accuracy in comparison.
    operators: the member of tf.lite.OpsSet that the converter may use.
    optimized: whether the converter quantizes at all. weights: the type of the weights, if not the converter's choice.
    ends: the type of the input and the output tensor, if not float32.
    calibrated: whether the ranges of activations are measured on images of the train split.
    remedied: whether the remedies against the rounding errors of int8 can be used (conversion/remedies.py).
    """

    name: str
    rank: int
    help: str
    cost: str
    operators: str = "TFLITE_BUILTINS"
    optimized: bool = True
    weights: str | None = None
    ends: str | None = None
    calibrated: bool = False
    remedied: bool = False

    def configure(
        self, converter: Any, tf: Any, representative: Callable[[], Iterable[list["np.ndarray"]]] | None
    ) -> None:
        """Configure a tf.lite.TFLiteConverter. If calibrated, ``representative`` yields [(1, size, size, 3) float32]
        of 0..255."""
        converter.target_spec.supported_ops = [getattr(tf.lite.OpsSet, self.operators)]
        if self.optimized:
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if self.weights is not None:
            converter.target_spec.supported_types = [getattr(tf, self.weights)]
        if self.ends is not None:
            converter.inference_input_type = converter.inference_output_type = getattr(tf, self.ends)
        if self.calibrated:
            converter.representative_dataset = representative


_ENTRIES = (
    Recipe(
        "float32",
        rank=2,
        help="the Keras weights as they are",
        cost="the largest file, equal predictions",
        optimized=False,
    ),
    Recipe(
        "float16",
        rank=1,
        help="weights as half floats",
        cost="half the size of float32, scores equal to about three digits",
        weights="float16",
    ),
    Recipe(
        "dynamic",
        rank=3,
        help="int8 weights, activations quantized on the fly",
        cost="about a third of the size of float32; not for tflite-runtime",
    ),
    Recipe(
        "int8",
        rank=0,
        help="int8 weights per channel, int8 activations with ranges from training images; uint8 pixels in, uint8 "
        "scores out",
        cost="about a third of the size of float32, and usually the fastest on a CPU",
        operators="TFLITE_BUILTINS_INT8",
        ends="uint8",
        calibrated=True,
        remedied=True,
    ),
)
RECIPES = {recipe.name: recipe for recipe in _ENTRIES}
"""The recipes by name, in the order of tables."""


def choices(*, costs: bool = False) -> str:
    """The names of all recipes for a reader: "float32, float16, dynamic or int8"; with ``costs``, each with its
    cost."""
    return listed(f"{name} ({each.cost})" if costs else name for name, each in RECIPES.items())


def parse(names: Iterable[str]) -> tuple[Recipe, ...]:
    """The recipes of these names, each once, in the order of tables. Raise WrongUsage if a name is unknown or there is
    no name."""
    wanted = [ALIASES.get(name, name) for name in names]
    if not wanted:
        raise WrongUsage("no number format was named", f"Choose {choices()}.")
    for name in wanted:
        if name not in RECIPES:
            raise WrongUsage(f"unknown number format {name}", f"Choose {choices()}.")
    return tuple(recipe for name, recipe in RECIPES.items() if name in wanted)


def table_order(name: str) -> int:
    """The position of a format in tables: after all others if it is unknown here, as in a newer bundle."""
    return list(RECIPES).index(name) if name in RECIPES else len(RECIPES)


def preference(name: str) -> int:
    """The rank of a format: after all others if it is unknown here."""
    return RECIPES[name].rank if name in RECIPES else max(recipe.rank for recipe in _ENTRIES) + 1
