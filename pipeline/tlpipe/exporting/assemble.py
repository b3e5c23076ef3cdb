"""Exports the best stage of a run as a bundle: a .tflite file per number format, and data to check it on a device."""

import hashlib
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tlpipe.conversion import calibration, convert
from tlpipe.conversion.calibration import Representative
from tlpipe.conversion.recipes import Recipe
from tlpipe.data.dataset import Dataset, label_indices
from tlpipe.exporting import head_refit
from tlpipe.features.chunks import scored_chunks
from tlpipe.features.extractor import Extractor
from tlpipe.features.prefix import StoredModel, Weights
from tlpipe.features.work import ComputeScores
from tlpipe.network import build
from tlpipe.network.backend import keras, tf
from tlpipe.network.predict import keras_probabilities
from tlpipe.runs import run_folder
from tlpipe.runs.adopted import Adopted
from tlpipe.runs.config import PACKAGES, Training
from tlpipe.runs.run_folder import Run
from tlpipe.storage import atomic
from tlpipe_edge.classify import accuracy
from tlpipe_edge.console import progress
from tlpipe_edge.console.interrupted import kept
from tlpipe_edge.console.text import percent, printable
from tlpipe_edge.contract.bundle import GOLDEN, MANIFEST, REFERENCE, Bundle
from tlpipe_edge.contract.files import sha256_of
from tlpipe_edge.contract.manifest import Artifact, Calibration, ImageSpec, Manifest, Provenance
from tlpipe_edge.errors import Busy
from tlpipe_edge.images import formats
from tlpipe_edge.machine.versions import versions
from tlpipe_edge.tflite import metadata
from tlpipe_edge.tflite.interpreter import Session

if TYPE_CHECKING:
    from tensorflow.types.experimental import ConcreteFunction

GOLDEN_IMAGES = 6
CONVERSION_SECONDS = 3.0
"""About how long a conversion takes; with calibration, twice as long."""


@dataclass(frozen=True)
class _Converted:
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
class _Original:
    """The Keras model and its images; ``extractor`` gives the input of its head, None if it has none to fit again."""

    model: keras.Model
    dataset: Dataset
    spec: ImageSpec
    extractor: Extractor | None


@kept("The bundle was not written.")
def export(run: Run, recipes: Sequence[Recipe], out: Path, *, overwrite: bool = False) -> Bundle:
    """Convert the best stage of the run by each recipe and write the bundle ``out``, which appears when it is complete.

    Raise WrongUsage if ``out`` exists and ``overwrite`` is not set, BadData if an image has changed since training,
    Busy if the stage is replaced while it is read, and the errors of ``build.load``.
    """
    atomic.refuse_existing(out, overwrite=overwrite, marker=MANIFEST)
    folder = run.best_stage
    config = run.config
    dataset = Dataset.read(folder / run_folder.SPLITS).with_images()
    if config.deterministic:
        tf.config.experimental.enable_op_determinism()
    keras.utils.set_random_seed(config.seed)
    weights = run_folder.backbone_sha256(folder)
    model = build.load(folder / run_folder.MODEL)
    if run_folder.backbone_sha256(folder) != weights:
        raise Busy("another tlpipe process has replaced this stage", "Export again.", where=folder)
    with atomic.directory(out, overwrite=overwrite, marker=MANIFEST) as bundle:
        representative = None
        if any(recipe.calibrated for recipe in recipes):
            representative = calibration.choose(dataset, config.spec, seed=config.seed)
        original = _Original(model, dataset, config.spec, _extractor(config, weights, model))
        converted = _convert(original, recipes, representative)
        described = metadata.Metadata(
            # Not the bundle's name: the same run gives the same file, whatever the name of the bundle is.
            name=_network_name(config, model),
            description=f"image classifier, {len(dataset.labels)} classes",
            labels=dataset.labels,
        )
        artifacts = tuple(_write_artifact(bundle, out.name, each, described) for each in converted)
        manifest = Manifest(
            name=out.name,
            labels=dataset.labels,
            image=config.spec,
            artifacts=artifacts,
            provenance=_provenance(run, config, out),
            calibration=None if representative is None else _calibration(representative, config),
        )
        (bundle / "labels.txt").write_text("".join(f"{label}\n" for label in dataset.labels), "utf-8")
        _write_reference(bundle / REFERENCE, model, dataset, config.spec)
        _write_golden(bundle, manifest, dataset)
        _copy_training(bundle / "training", run)
        (bundle / MANIFEST).write_text(manifest.to_json(), "utf-8")
    return Bundle.open(out)


def _network_name(config: Training | Adopted, model: keras.Model) -> str:
    """The name of a network and its size. Keras calls most models "functional", so an adopted one is named as its file
    is."""
    if isinstance(config, Adopted):
        return f"{printable(Path(config.source.file).stem)}_{config.image_size}"
    return f"{model.name}_{config.alpha:g}_{config.image_size}"


def _extractor(config: Training | Adopted, weights: str, model: keras.Model) -> Extractor | None:
    """What gives the input of the head; ``weights`` is the sha256 of ``run_folder.backbone_sha256``."""
    if config.features is None:
        return None
    source: Weights | StoredModel = StoredModel(weights)
    if isinstance(config, Training):
        source = Weights(config.backbone, config.alpha, weights)
    return Extractor(source.prefix(config.features, config.image_size, lambda: model), config.spec, "float32")


def _calibration(representative: Representative, config: Training | Adopted) -> Calibration:
    return Calibration(
        images=tuple(example.sha256 for example in representative.examples),
        method="min-max, classes in turn, train split only",
        seed=config.seed,
    )


def _convert(original: _Original, recipes: Sequence[Recipe], representative: Representative | None) -> list[_Converted]:
    function = convert.traced(original.model)
    converted = []
    for recipe in recipes:
        if representative is not None and recipe.calibrated:
            converted.append(_convert_calibrated(original, function, recipe, representative))
        else:
            with progress.waiting(f"converting to {recipe.name}", seconds=CONVERSION_SECONDS):
                converted.append(_Converted(recipe, convert.to_tflite(function, recipe)))
    return converted


def _convert_calibrated(
    original: _Original, function: "ConcreteFunction", recipe: Recipe, representative: Representative
) -> _Converted:
    """Convert with the trained head and with the re-fitted head; use the one that is closer to Keras on validation."""
    seconds = 2 * CONVERSION_SECONDS
    with progress.waiting(f"converting to {recipe.name}", seconds=seconds):
        plain = convert.to_tflite(function, recipe, representative=representative.tensors())
    if original.extractor is None:
        (quality,) = _on_validation(original, recipe, [plain])
        note = f"no pooled features before a single Dense head to fit again; on validation: {quality}"
        return _Converted(recipe, plain, (note,))
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
    return _Converted(recipe, refitted if taken else plain, (note,))


def _on_validation(original: _Original, recipe: Recipe, files: Sequence[bytes]) -> list[_Quality]:
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


def _write_artifact(bundle: Path, name: str, converted: _Converted, described: metadata.Metadata) -> Artifact:
    file = f"{name}-{converted.recipe.name}.tflite"
    content = metadata.write(converted.content, described, where=file)
    (bundle / file).write_bytes(content)
    session = Session(content)
    return Artifact(
        recipe=converted.recipe.name,
        file=file,
        sha256=hashlib.sha256(content).hexdigest(),
        bytes=len(content),
        input=session.input,
        output=session.output,
        notes=converted.notes,
        rank=converted.recipe.rank,
    )


def _provenance(run: Run, config: Training | Adopted, out: Path) -> Provenance:
    file, network = run.best_stage / run_folder.MODEL, config.origin
    return Provenance(
        run=run.path.name,
        stage=run.best,
        keras_file=os.path.relpath(file, out.absolute()),
        keras_sha256=sha256_of(file),
        backbone=network.name,
        alpha=network.alpha,
        weights=network.weights,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        versions=versions(PACKAGES),
        adopted=network.adopted,
    )


def _write_reference(file: Path, model: keras.Model, dataset: Dataset, spec: ImageSpec) -> None:
    """Write the Keras scores of each image of the evaluation split: NaN for an image that cannot be read."""
    examples = dataset.splits[dataset.evaluation_split]
    rows = np.flatnonzero([example.problem is None for example in examples])
    probabilities = np.full((len(examples), len(dataset.labels)), np.nan, np.float32)
    work = ComputeScores((), spec)
    for chunk in scored_chunks(
        work, [examples[row] for row in rows], what="scoring by Keras, for the reference", strict=True
    ):
        probabilities[rows[chunk.places]] = keras_probabilities(model, chunk.pixels)
    np.savez_compressed(
        file,
        images=np.array([example.sha256 for example in examples]),
        truth=label_indices(examples),
        probabilities=probabilities,
    )


def _write_golden(bundle: Path, manifest: Manifest, dataset: Dataset) -> None:
    """Write a few of these images, with the pixels and the scores of each artifact that are expected on any machine."""
    examples = next(
        readable
        for split in (dataset.evaluation_split, "validation")
        if (readable := [example for example in dataset.splits[split] if example.problem is None])
    )
    examples = [example for example in examples if _is_read_everywhere(example.file)] or examples
    folder = bundle / GOLDEN
    folder.mkdir()
    chosen = [examples[index] for index in np.unique(np.linspace(0, len(examples) - 1, GOLDEN_IMAGES).astype(int))]
    names = [f"{number}{example.file.suffix.lower()}" for number, example in enumerate(chosen)]
    for name, example in zip(names, chosen, strict=True):
        shutil.copyfile(example.file, folder / name)
    models = tuple((bundle / artifact.file).read_bytes() for artifact in manifest.artifacts)
    work = ComputeScores(models, manifest.image)
    (chunk,) = scored_chunks(work, chosen, what="scoring the golden images", strict=True)
    scores = {artifact.recipe: chunk.scores[:, number] for number, artifact in enumerate(manifest.artifacts)}
    arrays = {"files": np.array(names), "pixels": chunk.pixels, **scores}
    np.savez_compressed(folder / "expected.npz", **arrays)  # type: ignore[arg-type, unused-ignore]  # NumPy 2's stub


def _is_read_everywhere(image: Path) -> bool:
    """Whether each device reads its format, so that the bundle can test itself there."""
    with image.open("rb") as stream:
        form = formats.recognize(stream.read(formats.HEAD_BYTES))
    return form is not None and form.everywhere


def _copy_training(folder: Path, run: Run) -> None:
    """Copy the metrics of the stages, and the histories and curves of those that were trained."""
    folder.mkdir()
    trained = () if run.adopted else (run_folder.HISTORY, "learning-curve.png")
    for source in run.stages:
        for name in (run_folder.METRICS, "confusion-matrix.png", *trained):
            shutil.copyfile(source / name, folder / f"{source.name}-{name}")
