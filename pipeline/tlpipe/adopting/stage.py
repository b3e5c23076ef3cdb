"""Adopts a Keras classifier that was trained elsewhere: a run with one stage, from which export and evaluate go on."""

import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tlpipe.adopting import loading as keras_loading
from tlpipe.adopting import model_file
from tlpipe.adopting.job import AdoptJob
from tlpipe.adopting.pixels import normalization_of
from tlpipe.data import loading
from tlpipe.data.augment import View
from tlpipe.data.dataset import Dataset, Example
from tlpipe.features.chunks import scored_chunks
from tlpipe.features.extractor import Extractor
from tlpipe.features.work import ComputeScores
from tlpipe.runs import run_folder
from tlpipe.runs.adopted import Adopted
from tlpipe.runs.config import PACKAGES
from tlpipe.runs.run_folder import ADOPTED, Run
from tlpipe.storage import atomic
from tlpipe.training.inputs import warn_of_problems
from tlpipe_edge.console import progress
from tlpipe_edge.console.interrupted import kept
from tlpipe_edge.console.text import percent, printable
from tlpipe_edge.contract import labels as labels_file
from tlpipe_edge.contract.manifest import AdoptedFrom, ImageSpec
from tlpipe_edge.errors import BadData, TlpipeError
from tlpipe_edge.machine.versions import versions

if TYPE_CHECKING:
    import keras
    import numpy as np

UNKNOWN = "it is not known whether the model was trained on these images: its accuracy on new ones may be lower"


@kept("Nothing was written.")
def adopt(job: AdoptJob, out: Path, *, overwrite: bool = False) -> Run:
    """Make the run ``out`` of a model: check and complete it, split the images, and score it on them.

    Nothing in the model file is executed: it may have only built-in layers. The run folder appears when it is complete.
    Raise BadData for a model that is no classifier of square images by softmax or logits, or for data or labels that do
    not fit it; WrongUsage if its normalization or size has to be named; and the errors of ``loading.load``,
    ``labels.read`` and ``atomic.directory``.
    """
    atomic.refuse_existing(out, overwrite=overwrite, marker=run_folder.RUN_FILE)
    with model_file.unpacked(job.model) as unpacked:
        given, source = keras_loading.load(unpacked), AdoptedFrom(job.model.name, unpacked.sha256)
    model, config = _completed(given, source, job)
    labels = labels_file.read(job.labels, classes=model.output_shape[1])
    dataset = loading.load(
        job.data,
        validation_fraction=job.validation_fraction,
        test_fraction=job.test_fraction,
        seed=job.seed,
        labels=labels.labels,
        reading=job.reading,
    )
    for note in (*labels.notes, *dataset.warnings, UNKNOWN):
        progress.warn(note)
    with atomic.directory(out, overwrite=overwrite, marker=run_folder.RUN_FILE) as folder:
        _write(folder / ADOPTED, model, config, dataset)
        run_folder.write(folder, best=ADOPTED)
    doubtful = "the order of the labels"
    if config.normalization is not None:
        doubtful += ", and --mean and --std"
    _say_accuracy(run_folder.validation_top1(out / ADOPTED), dataset.splits["validation"], doubtful)
    return Run.open(out)


def _say_accuracy(top1: float, examples: tuple[Example, ...], doubtful: str) -> None:
    """Say the top-1 on these images; with a warning if a guess of their largest class is as good, and what is
    ``doubtful`` then."""
    guess = max(Counter(example.label for example in examples).values()) / len(examples)
    images = f"{len(examples)} validation image{'s' * (len(examples) != 1)}"
    progress.say(f"adopted: top-1 of Keras {percent(top1)} on {images}; a guess of the largest class: {percent(guess)}")
    if top1 <= guess:
        progress.warn(f"the model is no better than a guess. Check {doubtful}")


def _completed(given: "keras.Model", source: AdoptedFrom, job: AdoptJob) -> "tuple[keras.Model, Adopted]":
    """The model from images of 0..255 to probabilities, and its configuration; says what was found."""
    from tlpipe.adopting import composing, reading

    try:
        found = reading.read(given, image_size=job.image_size)
        normalization = normalization_of(found.normalization, job.normalization)
        model = composing.compose(given, found, normalization)
    except TlpipeError as error:
        raise (error if error.where else error.at(job.model)) from error
    progress.say(f"{printable(source.file)}: {found}")
    added = "as the model has it" if normalization is None else f"{normalization}, in front of the model"
    progress.say(f"normalization: {added}; images are resized by {job.crop}")
    config = Adopted(
        source=source,
        network=model.name,
        image_size=found.size,
        crop=job.crop,
        normalization=normalization,
        softmax_added=found.end is reading.End.LOGITS,
        seed=job.seed,
    )
    return model, config


def _write(folder: Path, model: "keras.Model", config: Adopted, dataset: Dataset) -> None:
    """Write the stage: the model, its configuration, and how it scores the images."""
    from tlpipe.network import build
    from tlpipe.training import artifacts

    folder.mkdir()
    model.save(folder / run_folder.MODEL)
    stored = build.load(folder / run_folder.MODEL)
    start = time.perf_counter()
    dataset = _checked(dataset, config.spec)
    scores = {
        split: _scores(stored, examples, config.spec, split)
        for split, examples in dataset.splits.items()
        if split != "train" and examples
    }
    seconds = {"scoring": time.perf_counter() - start}
    sample = artifacts.sample(dataset, config.spec, scores[dataset.evaluation_split])
    with progress.waiting("writing the plots", seconds=5):
        artifacts.write_scored(folder, stored, artifacts.Scored(dataset, scores, seconds, sample))
    run_folder.write_config(folder, config.document(versions(PACKAGES)))


def _checked(dataset: Dataset, spec: ImageSpec) -> Dataset:
    """The data set with the problems of images that cannot be read, each after a warning."""
    images = Extractor(None, spec, "float32")
    splits = {
        split: images.extract(examples, View(), what=f"reading {split} images").examples
        for split, examples in dataset.splits.items()
    }
    warn_of_problems(splits, strict=False, in_train="not used for calibration")
    checked = replace(dataset, splits=splits)
    checked.check_usable()
    return checked


def _scores(model: "keras.Model", examples: tuple[Example, ...], spec: ImageSpec, split: str) -> "np.ndarray":
    """(N, classes) float32 probabilities, NaN for an image that cannot be read."""
    import numpy as np

    from tlpipe.network.predict import keras_probabilities

    rows = np.flatnonzero([example.problem is None for example in examples])
    scores = np.full((len(examples), model.output_shape[1]), np.nan, np.float32)
    readable = [examples[row] for row in rows]
    for chunk in scored_chunks(ComputeScores((), spec), readable, what=f"scoring {split} images", strict=True):
        scores[rows[chunk.places]] = keras_probabilities(model, chunk.pixels)
    if not np.isfinite(scores[rows]).all():
        raise BadData("the model gives scores that are not numbers", "Check its weights and its normalization.")
    return scores
