"""Converts the model by each recipe; what was converted before the same export was stopped is read from its parts."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tlpipe.conversion import convert
from tlpipe.conversion.calibration import Representative
from tlpipe.conversion.recipes import Recipe
from tlpipe.exporting.ladder import Original, climbed
from tlpipe.storage.checkpoint import Checkpoint, Part
from tlpipe_edge.console import progress
from tlpipe_edge.contract import codec
from tlpipe_edge.contract.limits import Limits
from tlpipe_edge.contract.quantization import Quantization

CONVERSION_SECONDS = 3.0
"""About how long a conversion without calibration takes."""


@dataclass(frozen=True)
class Converted:
    """The content of a .tflite file, without metadata; if it was calibrated, on how many images, and how."""

    recipe: Recipe
    content: bytes
    images: int = 0
    quantization: Quantization | None = None


def converted(
    original: Original,
    recipes: Sequence[Recipe],
    representative: Representative | None,
    limits: Limits,
    saved: Checkpoint,
) -> list[Converted]:
    """The model in each number format; each is saved when it is converted. The ``limits`` are for calibrated ones."""
    traced = functools.cache(lambda: convert.traced(original.model))
    found = []
    for recipe in recipes:
        part = saved.load(recipe.name)
        if part is not None:
            found.append(_converted_before(recipe, part))
            progress.say(f"{recipe.name} was converted before")
            continue
        if representative is not None and recipe.calibrated:
            result = climbed(original, recipe, representative, limits, saved)
            latest = Converted(recipe, result.content, result.images, result.quantization)
        else:
            with progress.waiting(f"converting to {recipe.name}", seconds=CONVERSION_SECONDS):
                latest = Converted(recipe, convert.to_tflite(traced(), recipe))
        record = {"images": latest.images, "quantization": codec.as_json(latest.quantization)}
        content = np.frombuffer(latest.content, np.uint8)
        saved.save(recipe.name, record, {"content": content}, reached=f"after the conversion to {recipe.name}")
        found.append(latest)
    return found


def _converted_before(recipe: Recipe, part: Part) -> Converted:
    record, content = part.record, part.arrays["content"].tobytes()
    if record["quantization"] is None:
        return Converted(recipe, content)
    quantization = codec.read(Quantization, record["quantization"], recipe.name)
    return Converted(recipe, content, int(str(record["images"])), quantization)
