"""The predictions for each image of an evaluation: a file of the bundle, to compare two bundles image by image."""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tlpipe_edge.classify import accuracy
from tlpipe_edge.contract import arrays
from tlpipe_edge.contract.bundle import EVALUATION, REFERENCE, Bundle
from tlpipe_edge.contract.files import sha256_of
from tlpipe_edge.errors import BadData, MissingInput

PREDICTIONS = "predictions.npz"
AGAIN = "Run tlpipe evaluate again."
SHA256_BYTES = hashlib.sha256().digest_size


@dataclass(frozen=True)
class Predictions:
    """The predictions of Keras and every file for N images, as label indices; -1 for an image that cannot be read.

    ``images`` are (N, 32) uint8, the sha256 of each file (all 0 if it could not be read). ``true_labels`` and ``keras``
    are (N,) int32; ``artifacts`` maps the sha256 of a .tflite file to its (N,) int32. ``keras_scores`` and ``scores``
    are likewise the scores of these predictions, (N,) float32, NaN for an image that cannot be read; an evaluation of
    an earlier version has none.
    """

    images: np.ndarray
    true_labels: np.ndarray
    keras: np.ndarray
    artifacts: dict[str, np.ndarray]
    keras_scores: np.ndarray | None = None
    scores: dict[str, np.ndarray] = field(default_factory=dict)


def of_hashes(hashes: list[str]) -> np.ndarray:
    """Hexadecimal sha256 sums, or "" for an unreadable file -> (N, 32) uint8."""
    digests = b"".join(bytes.fromhex(each) or bytes(SHA256_BYTES) for each in hashes)
    return np.frombuffer(digests, np.uint8).reshape(len(hashes), SHA256_BYTES)


def write(folder: Path, predictions: Predictions, *, evaluation: str) -> None:
    """Write the file, with the sha256 of ``evaluation``, the text of the evaluation.json that it belongs to."""
    scores = {}
    if predictions.keras_scores is not None:
        scores["keras_scores"] = predictions.keras_scores.astype(np.float32)
        scores["scores"] = np.stack([predictions.scores[each].astype(np.float32) for each in predictions.artifacts])
    np.savez_compressed(
        folder / PREDICTIONS,
        evaluation=np.array(hashlib.sha256(evaluation.encode()).hexdigest()),
        images=predictions.images,
        true_labels=predictions.true_labels.astype(np.int32),
        keras=predictions.keras.astype(np.int32),
        artifacts=np.array(list(predictions.artifacts)),
        predicted=np.stack([each.astype(np.int32) for each in predictions.artifacts.values()]),
        **scores,  # type: ignore[arg-type, unused-ignore]  # NumPy 2's stub
    )


def read(bundle: Bundle) -> Predictions:
    """The predictions of the evaluation in the bundle.

    Raise MissingInput if there are none, or if they belong to another evaluation, and BadData if they are damaged.
    """
    file = bundle.path / PREDICTIONS
    if not file.is_file():
        raise MissingInput("no per-image predictions", AGAIN, where=bundle.path)
    found = arrays.load(file, AGAIN)
    try:
        names = [str(sha256) for sha256 in found["artifacts"].ravel()]
        stored = Predictions(
            found["images"],
            found["true_labels"],
            found["keras"],
            dict(zip(names, found["predicted"], strict=True)),
            found.get("keras_scores"),
            dict(zip(names, found["scores"], strict=True)) if "keras_scores" in found else {},
        )
        evaluation = str(found["evaluation"])
    except (KeyError, ValueError, TypeError) as error:
        raise BadData(f"damaged ({error})", AGAIN, where=file) from error
    if not (bundle.path / EVALUATION).is_file() or sha256_of(bundle.path / EVALUATION) != evaluation:
        raise MissingInput("per-image predictions of another evaluation", AGAIN, where=bundle.path)
    if reason := _misfit(stored, classes=len(bundle.manifest.labels)):
        raise BadData(f"damaged ({reason})", AGAIN, where=file)
    return stored


def of_export(bundle: Bundle) -> Predictions:
    """The predictions of Keras alone, from the scores that were exported. Raise the errors of ``Bundle.reference``."""
    reference = bundle.reference()
    try:
        images = of_hashes(list(reference.images))
    except ValueError as error:
        where = bundle.path / REFERENCE
        raise BadData("damaged (images: not a sha256)", "Export the run again.", where=where) from error
    return Predictions(
        images=images,
        true_labels=reference.true_labels,
        keras=accuracy.predictions(reference.probabilities),
        artifacts={},
        keras_scores=accuracy.best_scores(reference.probabilities),
    )


def _misfit(predictions: Predictions, *, classes: int) -> str | None:
    """What does not fit in the shapes, types or values of arrays; None if all does."""
    images = predictions.images
    if images.dtype != np.uint8 or images.ndim != 2 or images.shape[1] != SHA256_BYTES or not len(images):
        return f"images: {images.dtype}, shape {images.shape}"
    indices = {"true_labels": (predictions.true_labels, 0), "keras": (predictions.keras, -1)}
    indices |= {f"predicted by {sha256[:8]}": (each, -1) for sha256, each in predictions.artifacts.items()}
    for name, (found, lowest) in indices.items():
        if found.dtype != np.int32 or found.shape != (len(images),):
            return f"{name}: {found.dtype}, shape {found.shape}, for {len(images)} images"
        if found.min() < lowest or found.max() >= classes:
            return f"{name}: not a label index"
    scores = {} if predictions.keras_scores is None else {"keras_scores": predictions.keras_scores}
    scores |= {f"scores of {sha256[:8]}": each for sha256, each in predictions.scores.items()}
    for name, found in scores.items():
        if found.dtype != np.float32 or found.shape != (len(images),):
            return f"{name}: {found.dtype}, shape {found.shape}, for {len(images)} images"
        if (found < 0).any() or (found > 1).any():
            return f"{name}: not from 0 to 1"
    return None
