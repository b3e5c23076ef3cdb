"""Score Keras and every artifact on the same test images, by the code that runs on the device; and the gate."""

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

import numpy as np

from tlpipe.data.dataset import Example, label_indices
from tlpipe.data.reading import FROM_DATA, Reading
from tlpipe.engine.choice import engine
from tlpipe.evaluation import model_card, per_image
from tlpipe.evaluation.original import ScoredImages, images_of
from tlpipe.evaluation.per_image import Predictions
from tlpipe.evaluation.significance import drop_bound, mcnemar, only_one
from tlpipe.features.chunks import scored_chunks
from tlpipe.features.work import ComputeScores
from tlpipe.network.predict import keras_probabilities
from tlpipe.runs.exported import original
from tlpipe.runs.unfinished import basis, reading_key, sha256_of_text
from tlpipe.storage import atomic, checkpoint, locks
from tlpipe.storage.checkpoint import Checkpoint
from tlpipe.storage.resume import RESUME, Resume
from tlpipe_edge.classify.accuracy import Accuracy, accuracy, agreement, best_scores, predictions
from tlpipe_edge.classify.classifier import Classifier
from tlpipe_edge.console import progress
from tlpipe_edge.console.interrupted import kept
from tlpipe_edge.contract import codec
from tlpipe_edge.contract.bundle import EVALUATION, MANIFEST, Bundle
from tlpipe_edge.contract.evaluation import ArtifactScores, Evaluation, Gate, Scores
from tlpipe_edge.contract.limits import NO_LIMITS, Limits
from tlpipe_edge.contract.manifest import Artifact
from tlpipe_edge.contract.scores import ClassCount, Failed
from tlpipe_edge.errors import BadData, Busy, WrongUsage

if TYPE_CHECKING:
    import keras

_SCORES = "scores"


class _Rates(TypedDict):
    """The fields of ``Scores``, which those of ``ArtifactScores`` begin with."""

    top1: float
    top1_interval: tuple[float, float]
    top5: float
    ties: int
    balanced_accuracy: float | None
    per_class: dict[str, ClassCount]


@kept("The evaluation was not written.")
def evaluate(
    bundle: Bundle,
    *,
    data: Path | None = None,
    reading: Reading = FROM_DATA,
    keras_file: Path | None = None,
    limits: Limits = NO_LIMITS,
    resume: Resume = RESUME,
) -> Evaluation:
    """Score the bundle, and write evaluation.json, the predictions for each image and the model card into it.

    ``data`` are any labelled images, with ``reading`` as for ``loading.load``; without it, the test split of the run is
    scored, or validation if there is no test split. ``gate`` of the result is whether every artifact is within the
    ``limits``. The same evaluation that was stopped is continued, unless ``resume`` says otherwise. Raise MissingInput
    if the Keras model cannot be found, BadData if it is not the exported one, or if no image can be read, Busy if
    another process evaluates or replaces the bundle.
    """
    if data is None and reading != FROM_DATA:
        raise WrongUsage("--format and --images say how --data is read", "Add --data DATA, or leave them out.")
    atomic.check_writable(bundle.path)
    locks.check_free(bundle.path)
    with atomic.together(bundle.path / EVALUATION) as written:
        manifest = (bundle.path / MANIFEST).read_bytes()
        for artifact in bundle.manifest.artifacts:
            bundle.read(artifact)
        keras_model = original(bundle, keras_file)
        images = images_of(bundle, keras_model, data, reading)
        engine().check(example.file for example in images.examples)
        from tlpipe.network import build

        saved = Checkpoint(bundle.path / EVALUATION, _key(data, reading, keras_file, resume.within))
        listed = [(each.sha256, str(each.file), each.label) for each in images.examples]
        hashes = {"images": sha256_of_text(json.dumps(listed)), "manifest": hashlib.sha256(manifest).hexdigest()}
        saved.open(basis(**hashes, model=bundle.manifest.provenance.keras_sha256), restart=resume.restart)
        with kept(saved.outlook):
            scores, failed = _score(bundle, build.load(keras_model), images.examples, saved)
        if len(failed) == len(images.examples):
            first = f"{failed[0].file}: {failed[0].reason}"
            raise BadData(f"none of the {len(failed)} images can be read; the first: {first}", "Name other images.")
        evaluation = _evaluation(bundle, images, scores, failed)
        if limits:
            evaluation = replace(evaluation, gate=_gate(evaluation, limits))
        if (bundle.path / MANIFEST).read_bytes() != manifest:
            raise Busy("replaced while it was evaluated", "Evaluate it again.", where=bundle.path)
        _write(written, bundle, evaluation, _predictions(bundle, images.examples, scores))
        saved.finish(written / EVALUATION)
    saved.delete()
    return evaluation


def _key(data: Path | None, reading: Reading, keras_file: Path | None, within: str) -> str:
    arguments = {
        "data": None if data is None else data.resolve(),
        "reading": reading_key(reading),
        "keras": None if keras_file is None else keras_file.resolve(),
        "within": within,
    }
    return checkpoint.key("evaluate", arguments)


def _write(folder: Path, bundle: Bundle, evaluation: Evaluation, predictions: Predictions) -> None:
    """Write into ``folder`` what replaces the evaluation of the bundle."""
    text, card = evaluation.to_json() + "\n", model_card.render(bundle, evaluation)
    there = (bundle.path / EVALUATION).exists()
    progress.say(f"{'replacing' if there else 'writing'} the evaluation in {bundle.path}")
    per_image.write(folder, predictions, evaluation=text)
    (folder / EVALUATION).write_text(text, "utf-8")
    (folder / "MODEL_CARD.md").write_text(card, "utf-8")


def _score(
    bundle: Bundle, model: "keras.Model", examples: Sequence[Example], saved: Checkpoint
) -> tuple[dict[str, np.ndarray], list[Failed]]:
    """(N, classes) float32 for "keras" and each recipe, NaN for images that cannot be read; and those, with reasons."""
    manifest = bundle.manifest
    for artifact in manifest.artifacts:
        Classifier.open(bundle.path, recipe=artifact.recipe)  # checks that the model is sound
    work = ComputeScores(tuple(bundle.read(artifact) for artifact in manifest.artifacts), manifest.image)
    recipes = [artifact.recipe for artifact in manifest.artifacts]
    shape = len(examples), len(manifest.labels)
    scores = {name: np.full(shape, np.nan, np.float32) for name in ("keras", *recipes)}
    start, failed = _continued(saved, scores)
    if start == len(examples):
        return scores, failed
    done = start
    for chunk in scored_chunks(work, examples[start:], what="scoring by Keras and every file"):
        failed += chunk.failed
        if chunk.places:
            places = start + np.array(chunk.places)
            scores["keras"][places] = keras_probabilities(model, chunk.pixels)
            for number, recipe in enumerate(recipes):
                scores[recipe][places] = chunk.scores[:, number]
        done += len(chunk.places) + len(chunk.failed)
        if saved.due() or done == len(examples):
            record = {"done": done, "failed": [dataclasses.asdict(each) for each in failed]}
            saved.save(_SCORES, record, scores, reached=f"after {done:,} of {len(examples):,} images")
    return scores, failed


def _continued(saved: Checkpoint, scores: dict[str, np.ndarray]) -> tuple[int, list[Failed]]:
    """How many images were scored before, whose ``scores`` are filled in, and those of them that cannot be read."""
    part = saved.load(_SCORES)
    if part is None:
        return 0, []
    images = len(scores["keras"])
    try:
        done = codec.read(int, part.record["done"], _SCORES)
        failed = codec.read(tuple[Failed, ...], part.record["failed"], _SCORES)
        found = {name: part.arrays[name] for name in scores}
        fits = 0 <= done <= images and all(found[name].shape == blank.shape for name, blank in scores.items())
    except (KeyError, BadData):
        fits = False
    if not fits:
        saved.discard(_SCORES)
        return 0, []
    scores.update(found)
    saved.say_continuing(f"after {done:,} of {images:,} images", part)
    return done, [*failed]


def _evaluation(
    bundle: Bundle, images: ScoredImages, scores: dict[str, np.ndarray], failed: Sequence[Failed]
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
    )


def _artifact(
    artifact: Artifact, scores: Mapping[str, np.ndarray], true_labels: np.ndarray, labels: Sequence[str]
) -> ArtifactScores:
    ours, original = scores[artifact.recipe], scores["keras"]
    difference = np.abs(ours - original)
    only = only_one(predictions(original) == true_labels, predictions(ours) == true_labels)
    return ArtifactScores(
        recipe=artifact.recipe,
        file=artifact.file,
        sha256=artifact.sha256,
        bytes=artifact.bytes,
        **_rates(accuracy(ours, true_labels, labels=labels)),
        agreement=agreement(ours, original),
        max_probability_difference=float(np.nanmax(difference)),
        mean_probability_difference=float(np.nanmean(difference)),
        mcnemar_p=mcnemar(*only),
        drop_bound=drop_bound(*only, len(true_labels)),
    )


def _predictions(bundle: Bundle, examples: Sequence[Example], scores: Mapping[str, np.ndarray]) -> Predictions:
    return Predictions(
        images=per_image.of_hashes([example.sha256 for example in examples]),
        true_labels=label_indices(examples),
        keras=predictions(scores["keras"]),
        artifacts={each.sha256: predictions(scores[each.recipe]) for each in bundle.manifest.artifacts},
        keras_scores=best_scores(scores["keras"]),
        scores={each.sha256: best_scores(scores[each.recipe]) for each in bundle.manifest.artifacts},
    )


def _rates(result: Accuracy) -> _Rates:
    return {
        "top1": result.top1,
        "top1_interval": result.top1_interval,
        "top5": result.top5,
        "ties": result.ties,
        "balanced_accuracy": result.balanced,
        "per_class": result.counts,
    }


def _gate(evaluation: Evaluation, limits: Limits) -> Gate:
    keras_top1 = evaluation.keras.top1
    failures = tuple(
        f"{each.recipe}: {failure}"
        for each in evaluation.artifacts
        for failure in limits.exceeded(top1=each.top1, keras_top1=keras_top1, agreement=each.agreement)
    )
    return Gate(limits.max_drop, passed=not failures, failures=failures, min_agreement=limits.min_agreement)
