"""Keras and every artifact on one list of test images, through the code that runs on the device; and the gate."""

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tlpipe import atomic, dataset, features, model, model_card, progress, stage
from tlpipe.dataset import Dataset, Example
from tlpipe.export import keras_probabilities
from tlpipe.significance import mcnemar_p
from tlpipe.views import View
from tlpipe_edge.accuracy import Accuracy, accuracy, agreement, predictions
from tlpipe_edge.bundle import Bundle
from tlpipe_edge.classifier import Classifier
from tlpipe_edge.errors import BadData, MissingInput, TlpipeError, WrongUsage

EVALUATION = "evaluation.json"
CHUNK = 64


@dataclass(frozen=True)
class Images:
    """What is scored: ``name`` says which images these are."""

    name: str
    examples: tuple[Example, ...]


def evaluate(
    bundle: Bundle, *, data: Path | None = None, keras_file: Path | None = None, max_drop: float | None = None
) -> dict[str, Any]:
    """Score the bundle, write evaluation.json and the model card into it, and give the document.

    ``data`` is any labelled folder; without it the run's test split is scored (validation, where there is no test). The
    document's ``gate`` tells whether every artifact's top-1 is at most ``max_drop`` below Keras's.
    Raises MissingInput where the Keras original is not to be found, BadData where it is another one, and where none of
    the images can be read.
    """
    keras_model = original(bundle, keras_file)
    whole = model.load(keras_model)
    images = images_of(bundle, keras_model, data)
    scores, failed = _score(bundle, whole, images.examples)
    if len(failed) == len(images.examples):
        first = failed[0]["reason"]
        raise BadData(f"none of the {len(failed)} images can be read; the first: {first}", "Name other photographs.")
    document = _document(bundle, images, scores, failed, max_drop)
    with atomic.locked(bundle.path / EVALUATION):
        atomic.write_text(bundle.path / EVALUATION, json.dumps(document, indent=2, allow_nan=False) + "\n")
        atomic.write_text(bundle.path / "MODEL_CARD.md", model_card.render(bundle, document))
    return document


def original(bundle: Bundle, file: Path | None = None) -> Path:
    """The Keras model that was exported: ``file``, or where the manifest says.

    Raises MissingInput where there is none, BadData where it is another: the bundle's reference is of that very model.
    """
    origin = bundle.manifest.provenance
    file = file or Path(os.path.normpath(bundle.path.absolute() / origin.keras_file))
    if not file.is_file():
        raise MissingInput(f"{file}: the Keras original is not here", "Say with --keras FILE where it is now.")
    if hashlib.sha256(file.read_bytes()).hexdigest() != origin.keras_sha256:
        raise BadData(f"{file}: not the model that was exported (another sha256)", "Export the run again.")
    return file


def images_of(bundle: Bundle, keras_model: Path, data: Path | None = None) -> Images:
    """The labelled folder ``data``, or the test split (validation, where there is no test) of the run of the original.

    Raises WrongUsage where the splits are not beside the original, BadData where they are of other classes.
    """
    labels = bundle.manifest.labels
    if data is not None:
        name, examples = dataset.labelled(data, labels)
        return Images(name + _seen(keras_model, examples), examples)
    splits = keras_model.parent / stage.SPLITS
    if not splits.is_file():
        raise WrongUsage(f"{keras_model}: no splits beside this model", "Name labelled photographs with --data DIR.")
    photographs = Dataset.read(splits)
    if photographs.labels != labels:
        raise BadData(f"{keras_model}: its labels are not those of the bundle", "Name the model that was exported.")
    split = photographs.evaluation_split
    name = split + (" (there is no test split)" if split == "validation" else "")
    return Images(name + (", cut from train" if split in photographs.cut else ""), photographs.splits[split])


def _seen(keras_model: Path, examples: Sequence[Example]) -> str:
    """A warning, also for the model card, where some of these images were trained on."""
    splits = keras_model.parent / stage.SPLITS
    train = {each.sha256 for each in Dataset.read(splits).splits["train"]} if splits.is_file() else set()
    seen = sum(example.sha256 in train for example in examples)
    if not seen:
        return ""
    progress.warn(f"{seen} of these {len(examples)} images were trained on: the figures are too good")
    return f"; {seen} of them were trained on"


def _score(
    bundle: Bundle, whole: Any, examples: Sequence[Example]
) -> tuple[dict[str, np.ndarray], list[dict[str, str]]]:
    """(N, classes) float32 for "keras" and each recipe, NaN for images that cannot be read; and those, with reasons."""
    labels = bundle.manifest.labels
    classifiers = {a.recipe: Classifier.open(bundle.path, recipe=a.recipe) for a in bundle.manifest.artifacts}
    scores = {name: np.full((len(examples), len(labels)), np.nan, np.float32) for name in ("keras", *classifiers)}
    failed = []
    for index, pictures, bad in chunks(examples, bundle):
        failed += bad
        if not len(pictures):
            continue
        scores["keras"][index] = keras_probabilities(whole, pictures)
        for recipe, classifier in classifiers.items():
            scores[recipe][index] = [classifier.scores(picture) for picture in pictures]
    return scores, failed


def chunks(examples: Sequence[Example], bundle: Bundle) -> Iterator[tuple[list[int], np.ndarray, list[dict[str, str]]]]:
    """Indices and pixels of the images that can be read, and the others with reasons, a chunk at a time."""

    def read(example: Example) -> np.ndarray | str:
        try:
            return features.pixels(example, View(), bundle.manifest.image)
        except TlpipeError as error:
            return error.what

    starts = range(0, len(examples), CHUNK)
    with ThreadPoolExecutor(features.WORKERS) as pool:
        for start in progress.track(starts, description=f"scoring {len(examples)} images, {CHUNK} a step"):
            chunk = examples[start : start + CHUNK]
            results = list(pool.map(read, chunk))
            index = [start + at for at, result in enumerate(results) if not isinstance(result, str)]
            pictures = [result for result in results if not isinstance(result, str)]
            bad = [
                {"file": str(example.file), "reason": result}
                for example, result in zip(chunk, results, strict=True)
                if isinstance(result, str)
            ]
            yield index, np.stack(pictures) if pictures else np.empty(0), bad


def _document(
    bundle: Bundle, images: Images, scores: dict[str, np.ndarray], failed: list[dict[str, str]], max_drop: float | None
) -> dict[str, Any]:
    truth = np.array([example.label for example in images.examples])
    keras_scores = scores["keras"]
    keras_accuracy = accuracy(keras_scores, truth, labels=bundle.manifest.labels)
    artifacts = []
    for artifact in bundle.manifest.artifacts:
        of_artifact = scores[artifact.recipe]
        result = accuracy(of_artifact, truth, labels=bundle.manifest.labels)
        artifacts.append(
            {"recipe": artifact.recipe, "file": artifact.file, "sha256": artifact.sha256, "bytes": artifact.bytes}
            | _rates(result)
            | {
                "agreement": agreement(of_artifact, keras_scores),
                "max_probability_difference": float(np.nanmax(np.abs(of_artifact - keras_scores))),
                "mean_probability_difference": float(np.nanmean(np.abs(of_artifact - keras_scores))),
                "mcnemar_p": mcnemar_p(predictions(keras_scores) == truth, predictions(of_artifact) == truth),
            }
        )
    return {
        "schema": 1,
        "images": len(truth),
        "split": images.name,
        "keras": _rates(keras_accuracy),
        "artifacts": artifacts,
        "failed_images": failed,
        "gate": None if max_drop is None else _gate(keras_accuracy.top1, artifacts, max_drop),
    }


def _rates(result: Accuracy) -> dict[str, Any]:
    return {
        "top1": result.top1,
        "top1_interval": list(result.top1_interval),
        "top5": result.top5,
        "ties": result.ties,
        "per_class": {
            each.label: {"images": each.images, "correct": each.correct, "top1": each.top1 if each.images else None}
            for each in result.per_class
        },
    }


def _gate(keras_top1: float, artifacts: list[dict[str, Any]], max_drop: float) -> dict[str, Any]:
    failures = [
        f"{each['recipe']}: top-1 {each['top1']:.4f} is {keras_top1 - each['top1']:.4f} below Keras"
        for each in artifacts
        if keras_top1 - each["top1"] > max_drop + 1e-12  # the rates are quotients of whole numbers: only rounding
    ]
    return {"max_drop": max_drop, "passed": not failures, "failures": failures}
