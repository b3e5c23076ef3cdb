"""The best stage of a run becomes a bundle: one .tflite a number format, and all that a device needs to trust it."""

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
from tlpipe.data.augment import View
from tlpipe.data.dataset import Dataset, label_indices
from tlpipe.data.pixels import read_pixels
from tlpipe.exporting import head_refit
from tlpipe.network import build
from tlpipe.network.backend import keras, tf
from tlpipe.network.predict import keras_probabilities
from tlpipe.runs import run_folder
from tlpipe.runs.config import PACKAGES, Training
from tlpipe.runs.run_folder import Run
from tlpipe.storage import atomic
from tlpipe_edge.classify import accuracy
from tlpipe_edge.console import progress
from tlpipe_edge.contract.bundle import GOLDEN, MANIFEST, REFERENCE, Bundle
from tlpipe_edge.contract.files import sha256_of
from tlpipe_edge.contract.manifest import Artifact, Calibration, ImageSpec, Manifest, Provenance
from tlpipe_edge.machine.versions import versions
from tlpipe_edge.tflite import metadata
from tlpipe_edge.tflite.interpreter import Session
from tlpipe_edge.tflite.tensors import tensor_maker

if TYPE_CHECKING:
    from tensorflow.types.experimental import ConcreteFunction

GOLDEN_IMAGES = 6


@dataclass(frozen=True)
class _Converted:
    """A .tflite file's content before it has metadata; ``notes`` go into the manifest."""

    recipe: Recipe
    content: bytes
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Quality:
    """How near a quantized file is to Keras on validation: agreement, mean probability difference, and its top-1."""

    agreement: float
    distance: float
    top1: float

    def __str__(self) -> str:
        return f"agreement {self.agreement:.4f}, mean difference {self.distance:.5f}, top-1 {self.top1:.4f}"


def export(run: Run, recipes: Sequence[Recipe], out: Path, *, overwrite: bool = False) -> Bundle:
    """Convert the run's best stage by each recipe and write the bundle ``out``, which appears when all is done.

    Raises WrongUsage where ``out`` exists and is not to be overwritten, BadData where a photograph changed since
    training, and the errors of ``build.load``.
    """
    atomic.refuse_existing(out, overwrite=overwrite, marker=MANIFEST)
    folder = run.best_stage
    config = run.training
    photographs = Dataset.read(folder / run_folder.SPLITS)
    if config.deterministic:
        tf.config.experimental.enable_op_determinism()
    keras.utils.set_random_seed(config.seed)
    model = build.load(folder / run_folder.MODEL)
    with atomic.directory(out, overwrite=overwrite, marker=MANIFEST) as bundle:
        representative = None
        if any(recipe.calibrated for recipe in recipes):
            representative = calibration.choose(photographs, config.spec, seed=config.seed)
        converted = _convert(model, recipes, photographs, config.spec, representative)
        described = metadata.Metadata(
            # Not the bundle's name: the same run gives the same file, whatever it is called.
            name=f"{model.name}_{config.alpha:g}_{config.image_size}",
            description=f"image classifier, {len(photographs.labels)} classes",
            labels=photographs.labels,
        )
        artifacts = tuple(_write_artifact(bundle, out.name, each, described) for each in converted)
        manifest = Manifest(
            name=out.name,
            labels=photographs.labels,
            image=config.spec,
            artifacts=artifacts,
            provenance=_provenance(run, config, out),
            calibration=None if representative is None else _calibration(representative, config),
        )
        (bundle / "labels.txt").write_text("".join(f"{label}\n" for label in photographs.labels), "utf-8")
        _write_reference(bundle / REFERENCE, model, photographs, config.spec)
        _write_golden(bundle, manifest, photographs)
        _copy_training(bundle / "training", run)
        (bundle / MANIFEST).write_text(manifest.to_json())
    return Bundle.open(out)


def _calibration(representative: Representative, config: Training) -> Calibration:
    return Calibration(
        images=tuple(example.sha256 for example in representative.examples),
        method="min-max, classes in turn, train split only",
        seed=config.seed,
    )


def _convert(
    model: keras.Model,
    recipes: Sequence[Recipe],
    photographs: Dataset,
    spec: ImageSpec,
    representative: Representative | None,
) -> list[_Converted]:
    graph = convert.frozen_graph(model)
    converted = []
    for recipe in progress.track(recipes, description="converting"):
        progress.say(f"converting to {recipe.name}: {recipe.help}; {recipe.cost}")
        if representative is not None and recipe.calibrated:
            converted.append(_convert_calibrated(model, graph, recipe, photographs, spec, representative))
        else:
            converted.append(_Converted(recipe, convert.to_tflite(graph, recipe)))
    return converted


def _convert_calibrated(
    model: keras.Model,
    graph: "ConcreteFunction",
    recipe: Recipe,
    photographs: Dataset,
    spec: ImageSpec,
    representative: Representative,
) -> _Converted:
    """Convert with the head as it is and with the re-fitted one; take what is nearer to Keras on validation."""
    plain = convert.to_tflite(graph, recipe, representative=representative.tensors())
    head = head_refit.refitted_head(model, recipe, photographs, spec, representative)
    with head_refit.head_replaced(model, *head):
        refitted = convert.to_tflite(convert.frozen_graph(model), recipe, representative=representative.tensors())
    validation = [example for example in photographs.splits["validation"] if example.problem is None]
    pixels = np.stack([read_pixels(example, View(), spec) for example in validation])
    keras_scores = keras_probabilities(model, pixels)
    truth = label_indices(validation)

    def quality(content: bytes) -> _Quality:
        scores = _scores(content, pixels)
        return _Quality(
            agreement=accuracy.agreement(scores, keras_scores),
            distance=float(np.abs(scores - keras_scores).mean()),
            top1=float((accuracy.predictions(scores) == truth).mean()),
        )

    before, after = quality(plain), quality(refitted)
    taken = (after.agreement, -after.distance) > (before.agreement, -before.distance)
    head_taken = f"re-fitted on {recipe.name} features" if taken else "as trained, for re-fitting it did not help"
    note = f"head {head_taken}; on {len(validation)} validation images as trained: {before}; re-fitted: {after}"
    progress.say(f"{recipe.name}: {note}")
    return _Converted(recipe, refitted if taken else plain, (note,))


def _scores(content: bytes, pixels: np.ndarray) -> np.ndarray:
    """What a .tflite says of (N, size, size, 3) uint8: (N, classes) float32."""
    session = Session(content)
    to_tensor = tensor_maker(session.input)
    return np.stack([session.run(to_tensor(picture)) for picture in pixels])


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


def _provenance(run: Run, config: Training, out: Path) -> Provenance:
    file = run.best_stage / run_folder.MODEL
    return Provenance(
        run=run.path.name,
        stage=run.best,
        keras_file=os.path.relpath(file, out.absolute()),
        keras_sha256=sha256_of(file),
        backbone=config.backbone,
        alpha=config.alpha,
        weights=Path(config.weights).name,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        versions=versions(PACKAGES),
    )


def _write_reference(file: Path, model: keras.Model, photographs: Dataset, spec: ImageSpec) -> None:
    """What Keras says of each image of the evaluation split: NaN of one that cannot be read."""
    examples = photographs.splits[photographs.evaluation_split]
    rows = [index for index, example in enumerate(examples) if example.problem is None]
    probabilities = np.full((len(examples), len(photographs.labels)), np.nan, np.float32)
    batches = [rows[start : start + 32] for start in range(0, len(rows), 32)]
    for batch in progress.track(batches, description="the Keras original's answers"):
        pixels = np.stack([read_pixels(examples[row], View(), spec) for row in batch])
        probabilities[batch] = keras_probabilities(model, pixels)
    np.savez_compressed(
        file,
        images=np.array([example.sha256 for example in examples]),
        truth=label_indices(examples),
        probabilities=probabilities,
    )


def _write_golden(bundle: Path, manifest: Manifest, photographs: Dataset) -> None:
    """A few of those images with the pixels and the scores of each artifact that they should come to anywhere."""
    examples = next(
        readable
        for split in (photographs.evaluation_split, "validation")
        if (readable := [example for example in photographs.splits[split] if example.problem is None])
    )
    folder = bundle / GOLDEN
    folder.mkdir()
    chosen = [examples[index] for index in np.unique(np.linspace(0, len(examples) - 1, GOLDEN_IMAGES).astype(int))]
    names = [f"{number}{example.file.suffix.lower()}" for number, example in enumerate(chosen)]
    for name, example in zip(names, chosen, strict=True):
        shutil.copyfile(example.file, folder / name)
    pixels = np.stack([read_pixels(example, View(), manifest.image) for example in chosen])
    scores = {
        artifact.recipe: _scores((bundle / artifact.file).read_bytes(), pixels) for artifact in manifest.artifacts
    }
    arrays = {"files": np.array(names), "pixels": pixels, **scores}
    np.savez_compressed(folder / "expected.npz", **arrays)  # type: ignore[arg-type, unused-ignore]  # NumPy 2's stub


def _copy_training(folder: Path, run: Run) -> None:
    """The histories and curves of the stages."""
    folder.mkdir()
    for source in run.stages:
        for name in (run_folder.HISTORY, run_folder.METRICS, "learning-curve.png", "confusion-matrix.png"):
            shutil.copyfile(source / name, folder / f"{source.name}-{name}")
