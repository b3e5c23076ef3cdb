"""The number formats: one entry each, from which the converter, flags, help, tables and manifests take what they need.

No TensorFlow here: the command line reads the entries before it is loaded.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tlpipe_edge.errors import WrongUsage

if TYPE_CHECKING:
    import numpy as np

ALIASES = {"none": "float32"}


@dataclass(frozen=True)
class Recipe:
    """A number format. What names a member of TensorFlow is that member's name.

    name: in flags, file names, tables and manifests.
    rank: a device takes the artifact with the lowest one when no format is named: the fastest first (CPU, XNNPACK). It
        only orders the artifacts of one bundle, so a new entry may shift the others.
    help: what it is, for people. cost: what it saves, and what it may lose.
    operators: of tf.lite.OpsSet, those that the converter may use.
    optimized: whether the converter quantizes at all. weights: the type of the weights, if not the converter's choice.
    ends: the type of the input and the output tensor, if not float32.
    calibrated: whether activations have ranges measured on images of the train split. Then the head is also fitted to
        the quantized features, and the better of both on validation is taken.
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

    def configure(
        self, converter: Any, tf: Any, representative: Callable[[], Iterable[list["np.ndarray"]]] | None
    ) -> None:
        """Set a tf.lite.TFLiteConverter up. ``representative`` yields [(1, size, size, 3) float32], if calibrated."""
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
        cost="the largest file, equal answers",
        optimized=False,
    ),
    Recipe(
        "float16",
        rank=1,
        help="weights as half floats",
        cost="half the size, answers equal to about three digits",
        weights="float16",
    ),
    Recipe(
        "dynamic",
        rank=3,
        help="int8 weights, activations quantized on the fly",
        cost="a quarter of the size; not for tflite-runtime",
    ),
    Recipe(
        "int8",
        rank=0,
        help="int8 weights per channel, int8 activations with ranges from training images; uint8 pixels in, uint8 "
        "scores out",
        cost="a quarter of the size and the fastest on a CPU",
        operators="TFLITE_BUILTINS_INT8",
        ends="uint8",
        calibrated=True,
    ),
)
RECIPES = {recipe.name: recipe for recipe in _ENTRIES}
"""By name, in the order of tables."""


def choices(*, costs: bool = False) -> str:
    """The names of all for a help text: "float32, float16, dynamic or int8"; with ``costs`` each with its own."""
    *others, last = [f"{name} ({each.cost})" if costs else name for name, each in RECIPES.items()]
    return f"{', '.join(others)} or {last}"


def parse(names: Iterable[str]) -> tuple[Recipe, ...]:
    """The recipes of these names, each once, in the order of tables. Raises WrongUsage for an unknown name or none."""
    wanted = [ALIASES.get(name, name) for name in names]
    if not wanted:
        raise WrongUsage("no number format is named", f"Choose {', '.join(RECIPES)}.")
    for name in wanted:
        if name not in RECIPES:
            raise WrongUsage(f"no number format {name}", f"Choose {', '.join(RECIPES)}.")
    return tuple(recipe for name, recipe in RECIPES.items() if name in wanted)


def table_order(name: str) -> int:
    """Where tables list a format: after all others if it is unknown here, as one of a newer bundle is."""
    return list(RECIPES).index(name) if name in RECIPES else len(RECIPES)


def preference(name: str) -> int:
    """The rank of a format by its name: after all others if it is unknown here."""
    return RECIPES[name].rank if name in RECIPES else max(recipe.rank for recipe in _ENTRIES) + 1
