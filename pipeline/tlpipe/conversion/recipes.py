"""The number formats by name: what each asks of the TFLite converter, and what it costs."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tlpipe_edge.contract.manifest import RECIPES
from tlpipe_edge.errors import WrongUsage

ALIASES = {"none": "float32"}


@dataclass(frozen=True)
class Recipe:
    """A number format. ``cost`` is for people: what it saves, and what it may lose."""

    name: str
    cost: str
    needs_calibration: bool = False

    def configure(
        self, converter: Any, tf: Any, representative: Callable[[], Iterable[list[np.ndarray]]] | None
    ) -> None:
        """Set a tf.lite.TFLiteConverter up. ``representative`` yields [(1, size, size, 3) float32], for int8 alone."""
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        if self.name == "float32":
            return
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if self.name == "float16":
            converter.target_spec.supported_types = [tf.float16]
        if self.name == "int8":
            converter.representative_dataset = representative
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
            converter.inference_input_type = converter.inference_output_type = tf.uint8


_BY_NAME = {
    "float32": Recipe("float32", "the Keras weights as they are: the largest file, equal answers"),
    "float16": Recipe("float16", "weights as half floats: half the size, answers equal to three digits"),
    "dynamic": Recipe("dynamic", "int8 weights, float activations quantized on the fly: a quarter of the size"),
    "int8": Recipe(
        "int8",
        "int8 weights per channel, int8 activations from calibration: a quarter of the size, the fastest on a CPU",
        needs_calibration=True,
    ),
}
assert tuple(_BY_NAME) == RECIPES


def parse(names: Iterable[str]) -> tuple[Recipe, ...]:
    """The recipes of these names, each once, in the order of tables. Raises WrongUsage for an unknown name."""
    wanted = [ALIASES.get(name, name) for name in names]
    for name in wanted:
        if name not in _BY_NAME:
            raise WrongUsage(f"--quantize {name}: no such number format", f"Choose {', '.join(_BY_NAME)}.")
    return tuple(recipe for name, recipe in _BY_NAME.items() if name in wanted)
