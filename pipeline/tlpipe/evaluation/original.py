"""The Keras model of a bundle, and the images on which both are compared."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tlpipe.data import loading
from tlpipe.data.dataset import Dataset, Example
from tlpipe.data.reading import FROM_DATA, Reading
from tlpipe.runs import run_folder
from tlpipe_edge.console import progress
from tlpipe_edge.contract import kinds
from tlpipe_edge.contract.bundle import Bundle
from tlpipe_edge.contract.files import sha256_of
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


def original(bundle: Bundle, file: Path | None = None) -> Path:
    """The Keras model that was exported: ``file``, or the one that the manifest names.

    Raise MissingInput if there is none, BadData if it is not the model that was exported.
    """
    origin = bundle.manifest.provenance
    advice = "Check the path." if file else "Name it with --keras FILE."
    file = file or Path(os.path.normpath(bundle.path.absolute() / origin.keras_file))
    run_folder.check_model(file, advice)
    if sha256_of(file) != origin.keras_sha256:
        raise BadData("not the model that was exported (another sha256)", "Export the run again.", where=file)
    return file


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
    splits = _splits_of(keras_model)
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


def _splits_of(keras_model: Path) -> Path | None:
    """The splits file next to a Keras model; None if there is none, as outside of a run. Raise BadData if the run lists
    it and it is missing or changed."""
    stage = keras_model.parent
    if kinds.RUN.is_at(stage.parent) or (stage / run_folder.SPLITS).is_file():
        run_folder.checked(stage, run_folder.SPLITS)
    splits = stage / run_folder.SPLITS
    return splits if splits.is_file() else None


def _trained_on(keras_model: Path, examples: Sequence[Example]) -> int | None:
    """The number of these images that were used for training, with a warning; None without a splits file."""
    splits = _splits_of(keras_model)
    if splits is None:
        return None
    train = {each.sha256 for each in Dataset.read(splits).splits["train"]}
    seen = sum(example.sha256 in train for example in examples)
    if seen:
        progress.warn(f"{seen} of these {len(examples)} images were used for training: the accuracy is too high")
    return seen
