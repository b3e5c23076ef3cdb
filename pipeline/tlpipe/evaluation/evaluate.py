"""Keras and every artifact on one list of test images, through the code that runs on the device; and the gate."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tlpipe.data.dataset import Example, label_indices
from tlpipe.data.pixels import chunks
from tlpipe.evaluation import model_card
from tlpipe.evaluation.original import ScoredImages, images_of, original
from tlpipe.evaluation.significance import mcnemar_p
from tlpipe.network import build
from tlpipe.network.predict import keras_probabilities
from tlpipe.storage import atomic
from tlpipe_edge.classify.accuracy import Accuracy, accuracy, agreement, predictions
from tlpipe_edge.classify.classifier import Classifier
from tlpipe_edge.contract.bundle import EVALUATION, Bundle
from tlpipe_edge.errors import BadData


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
    model = build.load(keras_model)
    images = images_of(bundle, keras_model, data)
    scores, failed = _score(bundle, model, images.examples)
    if len(failed) == len(images.examples):
        first = failed[0]["reason"]
        raise BadData(f"none of the {len(failed)} images can be read; the first: {first}", "Name other photographs.")
    document = _document(bundle, images, scores, failed, max_drop)
    with atomic.locked(bundle.path / EVALUATION):
        atomic.write_text(bundle.path / EVALUATION, json.dumps(document, indent=2, allow_nan=False) + "\n")
        atomic.write_text(bundle.path / "MODEL_CARD.md", model_card.render(bundle, document))
    return document


def _score(
    bundle: Bundle, model: Any, examples: Sequence[Example]
) -> tuple[dict[str, np.ndarray], list[dict[str, str]]]:
    """(N, classes) float32 for "keras" and each recipe, NaN for images that cannot be read; and those, with reasons."""
    labels = bundle.manifest.labels
    classifiers = {a.recipe: Classifier.open(bundle.path, recipe=a.recipe) for a in bundle.manifest.artifacts}
    scores = {name: np.full((len(examples), len(labels)), np.nan, np.float32) for name in ("keras", *classifiers)}
    failed = []
    for index, pictures, bad in chunks(examples, bundle.manifest.image):
        failed += bad
        if not len(pictures):
            continue
        scores["keras"][index] = keras_probabilities(model, pictures)
        for recipe, classifier in classifiers.items():
            scores[recipe][index] = [classifier.scores(picture) for picture in pictures]
    return scores, failed


def _document(
    bundle: Bundle,
    images: ScoredImages,
    scores: dict[str, np.ndarray],
    failed: list[dict[str, str]],
    max_drop: float | None,
) -> dict[str, Any]:
    truth = label_indices(images.examples)
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
