"""Converts the model by each recipe; what was converted before the same export was stopped is read from its parts."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np

from tlpipe.conversion import convert
from tlpipe.conversion.calibration import Representative
from tlpipe.conversion.recipes import Recipe
from tlpipe.data.dataset import Dataset, label_indices
from tlpipe.exporting import head_refit
from tlpipe.features.chunks import scored_chunks
from tlpipe.features.extractor import Extractor
from tlpipe.features.work import ComputeScores
from tlpipe.network.backend import keras
from tlpipe.network.predict import keras_probabilities
from tlpipe.storage.checkpoint import Checkpoint
from tlpipe_edge.classify import accuracy
from tlpipe_edge.console import progress
from tlpipe_edge.console.text import percent
from tlpipe_edge.contract.manifest import ImageSpec

if TYPE_CHECKING:
    from tensorflow.types.experimental import ConcreteFunction

CONVERSION_SECONDS = 3.0
"""About how long a conversion takes; with calibration, twice as long."""


@dataclass(frozen=True)
class Converted:
    """The content of a .tflite file, without metadata; ``notes`` are for the manifest."""

    recipe: Recipe
    content: bytes
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Quality:
    """A quantized file compared with Keras on validation: agreement, mean probability difference, and its top-1."""

    images: int
    agreement: float
    distance: float
    top1: float

    def __str__(self) -> str:
        return f"agreement {percent(self.agreement)}, mean difference {self.distance:.5f}, top-1 {percent(self.top1)}"


@dataclass(frozen=True)
class Original:
    """The Keras model and its images; ``extractor`` gives the input of its head, None if it has none to fit again."""

    model: keras.Model
    dataset: Dataset
    spec: ImageSpec
    extractor: Extractor | None


def converted(
    original: Original, recipes: Sequence[Recipe], representative: Representative | None, saved: Checkpoint
) -> list[Converted]:
    """The model in each number format; each is saved when it is converted."""
    traced = functools.cache(lambda: convert.traced(original.model))
    found = []
    for recipe in recipes:
        part = saved.load(recipe.name)
        if part is not None:
            notes = tuple(map(str, cast("list[object]", part.record["notes"])))
            found.append(Converted(recipe, part.arrays["content"].tobytes(), notes))
            progress.say(f"{recipe.name} was converted before")
            continue
        if representative is not None and recipe.calibrated:
            latest = _convert_calibrated(original, traced(), recipe, representative)
        else:
            with progress.waiting(f"converting to {recipe.name}", seconds=CONVERSION_SECONDS):
                latest = Converted(recipe, convert.to_tflite(traced(), recipe))
        content = np.frombuffer(latest.content, np.uint8)
        done = f"after the conversion to {recipe.name}"
        saved.save(recipe.name, {"notes": latest.notes}, {"content": content}, reached=done)
        found.append(latest)
    return found


def _convert_calibrated(
    original: Original, function: "ConcreteFunction", recipe: Recipe, representative: Representative
) -> Converted:
    """Convert with the trained head and with the re-fitted head; use the one that is closer to Keras on validation."""
    seconds = 2 * CONVERSION_SECONDS
    with progress.waiting(f"converting to {recipe.name}", seconds=seconds):
        plain = convert.to_tflite(function, recipe, representative=representative.tensors())
    if original.extractor is None:
        (quality,) = _on_validation(original, recipe, [plain])
        note = f"no pooled features before a single Dense head to fit again; on validation: {quality}"
        return Converted(recipe, plain, (note,))
    model = original.model
    head = head_refit.refitted_head(model, recipe, original.dataset, original.extractor, representative)
    waiting = progress.waiting(f"converting to {recipe.name} with the re-fitted head", seconds=seconds)
    with waiting, head_refit.head_replaced(model, *head):
        refitted = convert.to_tflite(function, recipe, representative=representative.tensors())
    before, after = _on_validation(original, recipe, [plain, refitted])
    taken = (after.agreement, -after.distance) > (before.agreement, -before.distance)
    used = f"head re-fitted to {recipe.name} features" if taken else "trained head, as re-fitting did not help"
    note = f"{used}; on {after.images} validation images, trained head: {before}; re-fitted head: {after}"
    progress.say(f"{recipe.name}: {used}")
    progress.detail(note)
    return Converted(recipe, refitted if taken else plain, (note,))


def _on_validation(original: Original, recipe: Recipe, files: Sequence[bytes]) -> list[_Quality]:
    """The quality of each .tflite file."""
    validation = [example for example in original.dataset.splits["validation"] if example.problem is None]
    scores, keras_scores = [], []
    work = ComputeScores(tuple(files), original.spec)
    for chunk in scored_chunks(work, validation, what=f"comparing {recipe.name} with Keras", strict=True):
        scores.append(chunk.scores)
        keras_scores.append(keras_probabilities(original.model, chunk.pixels))
    true_labels, by_file = label_indices(validation), np.concatenate(scores)
    return [_quality(by_file[:, number], np.concatenate(keras_scores), true_labels) for number in range(len(files))]


def _quality(scores: np.ndarray, keras_scores: np.ndarray, true_labels: np.ndarray) -> _Quality:
    return _Quality(
        images=len(true_labels),
        agreement=accuracy.agreement(scores, keras_scores),
        distance=float(np.abs(scores - keras_scores).mean()),
        top1=float((accuracy.predictions(scores) == true_labels).mean()),
    )
