"""The images on which a bundle and its Keras model are compared."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tlpipe.data import loading
from tlpipe.data.dataset import Dataset, Example
from tlpipe.data.reading import FROM_DATA, Reading
from tlpipe.runs.exported import splits_beside
from tlpipe_edge.console import progress
from tlpipe_edge.contract.bundle import Bundle
from tlpipe_edge.errors import BadData, WrongUsage

UNKNOWN = "whether the model was trained on them is not known"
"""Of the images for a model that was trained elsewhere."""


@dataclass(frozen=True)
class ScoredImages:
    """The images to score. ``name`` describes them; ``trained_on`` of them were training images of the model (None:
    unknown, as always for a model that was trained elsewhere)."""

    name: str
    examples: tuple[Example, ...]
    trained_on: int | None = None


def images_of(
    bundle: Bundle,
    keras_model: Path,
    data: Path | None = None,
    reading: Reading = FROM_DATA,
) -> ScoredImages:
    """The labelled images ``data``, or the test split (validation, if there is no test) of the run of the Keras model.

    Raise WrongUsage if there is no splits file next to the Keras model, BadData if its labels are not those of the
    bundle, and the errors of ``Dataset.with_images``.
    """
    labels, adopted = bundle.manifest.labels, bundle.manifest.provenance.adopted
    if data is not None:
        name, examples = loading.labelled(data, labels, reading)
        if adopted:
            return ScoredImages(f"{name}; {UNKNOWN}", examples)
        return ScoredImages(name, examples, _trained_on(keras_model, examples))
    splits = splits_beside(keras_model)
    if splits is None:
        raise WrongUsage("no splits file next to it", "Name labelled images with --data DIR.", where=keras_model)
    stored = Dataset.read(splits)
    if stored.labels != labels:
        raise BadData("its labels are not those of the bundle", "Name the model that was exported.", where=keras_model)
    stored = stored.with_images()
    split = stored.evaluation_split
    name = split + (" (there is no test split)" if split == "validation" else "")
    if adopted:
        return ScoredImages(f"{name}; {UNKNOWN}", stored.splits[split])
    return ScoredImages(name + (", held out from train" if split in stored.cut else ""), stored.splits[split], 0)


def _trained_on(keras_model: Path, examples: Sequence[Example]) -> int | None:
    """The number of these images that were used for training, with a warning; None without a splits file."""
    splits = splits_beside(keras_model)
    if splits is None:
        return None
    train = {each.sha256 for each in Dataset.read(splits).splits["train"]}
    seen = sum(example.sha256 in train for example in examples)
    if seen:
        progress.warn(f"{seen} of these {len(examples)} images were used for training: the accuracy is too high")
    return seen
