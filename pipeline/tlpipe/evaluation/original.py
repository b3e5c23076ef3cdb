"""The Keras original of a bundle, and the images on which both are compared."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tlpipe.data import dataset
from tlpipe.data.dataset import Dataset, Example
from tlpipe.runs import run_folder
from tlpipe_edge.console import progress
from tlpipe_edge.contract.bundle import Bundle
from tlpipe_edge.contract.files import sha256_of
from tlpipe_edge.errors import BadData, MissingInput, WrongUsage


@dataclass(frozen=True)
class ScoredImages:
    """What is scored: ``name`` says which images these are. The model was ``trained_on`` so many of them."""

    name: str
    examples: tuple[Example, ...]
    trained_on: int | None = None


def original(bundle: Bundle, file: Path | None = None) -> Path:
    """The Keras model that was exported: ``file``, or where the manifest says.

    Raises MissingInput where there is none, BadData where it is another: the bundle's reference is of that very model.
    """
    origin = bundle.manifest.provenance
    file = file or Path(os.path.normpath(bundle.path.absolute() / origin.keras_file))
    if not file.is_file():
        raise MissingInput("the Keras original is not here", "Say with --keras FILE where it is now.", where=file)
    if sha256_of(file) != origin.keras_sha256:
        raise BadData("not the model that was exported (another sha256)", "Export the run again.", where=file)
    return file


def images_of(bundle: Bundle, keras_model: Path, data: Path | None = None) -> ScoredImages:
    """The labelled folder ``data``, or the test split (validation, where there is no test) of the run of the original.

    Raises WrongUsage where the splits are not beside the original, BadData where they are of other classes.
    """
    labels = bundle.manifest.labels
    if data is not None:
        name, examples = dataset.labelled(data, labels)
        return ScoredImages(name, examples, _trained_on(keras_model, examples))
    splits = keras_model.parent / run_folder.SPLITS
    if not splits.is_file():
        raise WrongUsage("no splits beside this model", "Name labelled photographs with --data DIR.", where=keras_model)
    photographs = Dataset.read(splits)
    if photographs.labels != labels:
        raise BadData("its labels are not those of the bundle", "Name the model that was exported.", where=keras_model)
    split = photographs.evaluation_split
    name = split + (" (there is no test split)" if split == "validation" else "")
    return ScoredImages(name + (", cut from train" if split in photographs.cut else ""), photographs.splits[split], 0)


def _trained_on(keras_model: Path, examples: Sequence[Example]) -> int | None:
    """How many of these images were trained on, with a warning; None where the splits are not beside the original."""
    splits = keras_model.parent / run_folder.SPLITS
    if not splits.is_file():
        return None
    train = {each.sha256 for each in Dataset.read(splits).splits["train"]}
    seen = sum(example.sha256 in train for example in examples)
    if seen:
        progress.warn(f"{seen} of these {len(examples)} images were trained on: the figures are too good")
    return seen
