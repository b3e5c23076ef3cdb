"""Score Keras and every artifact on the same test images, by the code that runs on the device; and the gate."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tlpipe.data.dataset import Example, label_indices
from tlpipe.evaluation import model_card
from tlpipe.evaluation.original import ScoredImages, images_of, original
from tlpipe.evaluation.significance import mcnemar_p
from tlpipe.features.chunks import scored_chunks
from tlpipe.features.work import ComputeScores
from tlpipe.network import build
from tlpipe.network.predict import keras_probabilities
from tlpipe.storage import atomic
from tlpipe_edge.classify.accuracy import Accuracy, accuracy, agreement, predictions
from tlpipe_edge.classify.classifier import Classifier
from tlpipe_edge.contract.bundle import EVALUATION, Bundle
from tlpipe_edge.contract.evaluation import ArtifactScores, Evaluation, Gate, Scores
from tlpipe_edge.contract.manifest import Artifact
from tlpipe_edge.contract.scores import Failed
from tlpipe_edge.errors import BadData, WrongUsage

if TYPE_CHECKING:
    import keras


def evaluate(
    bundle: Bundle, *, data: Path | None = None, keras_file: Path | None = None, max_drop: float | None = None
) -> Evaluation:
    """Score the bundle, and write evaluation.json and the model card into it.

    ``data`` is any labelled folder; without it, the test split of the run is scored, or validation if there is no test
    split. ``gate`` of the result is whether the top-1 of every artifact is at most ``max_drop`` below that of Keras.
    Raise MissingInput if the Keras model cannot be found, BadData if it is not the exported one, or if no image can
    be read.
    """
    keras_model = original(bundle, keras_file)
    if max_drop is not None and not 0 <= max_drop <= 1:
        raise WrongUsage(f"invalid maximum drop: {max_drop:g}", "Give a share from 0 to 1.")
    model = build.load(keras_model)
    images = images_of(bundle, keras_model, data)
    scores, failed = _score(bundle, model, images.examples)
    if len(failed) == len(images.examples):
        first = f"{failed[0].file}: {failed[0].reason}"
        raise BadData(f"none of the {len(failed)} images can be read; the first: {first}", "Name other images.")
    evaluation = _evaluation(bundle, images, scores, failed, max_drop)
    with atomic.locked(bundle.path / EVALUATION):
        atomic.write_text(bundle.path / EVALUATION, evaluation.to_json() + "\n")
        atomic.write_text(bundle.path / "MODEL_CARD.md", model_card.render(bundle, evaluation))
    return evaluation


def _score(
    bundle: Bundle, model: "keras.Model", examples: Sequence[Example]
) -> tuple[dict[str, np.ndarray], list[Failed]]:
    """(N, classes) float32 for "keras" and each recipe, NaN for images that cannot be read; and those, with reasons."""
    manifest = bundle.manifest
    for artifact in manifest.artifacts:
        Classifier.open(bundle.path, recipe=artifact.recipe)  # checks that the model is sound
    work = ComputeScores(tuple(bundle.read(artifact) for artifact in manifest.artifacts), manifest.image)
    recipes = [artifact.recipe for artifact in manifest.artifacts]
    scores = {name: np.full((len(examples), len(manifest.labels)), np.nan, np.float32) for name in ("keras", *recipes)}
    failed: list[Failed] = []
    for chunk in scored_chunks(work, examples, what="scoring by Keras and every file"):
        failed += chunk.failed
        if not chunk.places:
            continue
        scores["keras"][chunk.places] = keras_probabilities(model, chunk.pixels)
        for number, recipe in enumerate(recipes):
            scores[recipe][chunk.places] = chunk.scores[:, number]
    return scores, failed


def _evaluation(
    bundle: Bundle,
    images: ScoredImages,
    scores: dict[str, np.ndarray],
    failed: Sequence[Failed],
    max_drop: float | None,
) -> Evaluation:
    labels, true_labels = bundle.manifest.labels, label_indices(images.examples)
    keras = accuracy(scores["keras"], true_labels, labels=labels)
    artifacts = tuple(_artifact(each, scores, true_labels, labels) for each in bundle.manifest.artifacts)
    return Evaluation(
        images=len(true_labels),
        split=images.name,
        keras=Scores(**_rates(keras)),
        artifacts=artifacts,
        failed_images=tuple(failed),
        trained_on=images.trained_on,
        gate=None if max_drop is None else _gate(keras.top1, artifacts, max_drop),
    )


def _artifact(
    artifact: Artifact, scores: Mapping[str, np.ndarray], true_labels: np.ndarray, labels: Sequence[str]
) -> ArtifactScores:
    ours, original = scores[artifact.recipe], scores["keras"]
    difference = np.abs(ours - original)
    return ArtifactScores(
        recipe=artifact.recipe,
        file=artifact.file,
        sha256=artifact.sha256,
        bytes=artifact.bytes,
        **_rates(accuracy(ours, true_labels, labels=labels)),
        agreement=agreement(ours, original),
        max_probability_difference=float(np.nanmax(difference)),
        mean_probability_difference=float(np.nanmean(difference)),
        mcnemar_p=mcnemar_p(predictions(original) == true_labels, predictions(ours) == true_labels),
    )


def _rates(result: Accuracy) -> dict[str, Any]:
    return {
        "top1": result.top1,
        "top1_interval": result.top1_interval,
        "top5": result.top5,
        "ties": result.ties,
        "per_class": result.counts,
    }


def _gate(keras_top1: float, artifacts: Sequence[ArtifactScores], max_drop: float) -> Gate:
    failures = tuple(
        f"{each.recipe}: top-1 {each.top1:.4f} is {keras_top1 - each.top1:.4f} below Keras"
        for each in artifacts
        if keras_top1 - each.top1 > max_drop + 1e-12  # the rates are quotients of whole numbers: only rounding
    )
    return Gate(max_drop, passed=not failures, failures=failures)
