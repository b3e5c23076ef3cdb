"""Exports the best stage of a run as a bundle: a .tflite file per number format, and data to check it on a device."""

import hashlib
import os
import shutil
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from tlpipe.conversion import calibration
from tlpipe.conversion.calibration import Representative
from tlpipe.conversion.recipes import Recipe
from tlpipe.data.dataset import Dataset, label_indices
from tlpipe.engine.choice import engine
from tlpipe.exporting import conversions
from tlpipe.exporting.conversions import Converted
from tlpipe.exporting.ladder import Original
from tlpipe.features.chunks import scored_chunks
from tlpipe.features.work import ComputeScores
from tlpipe.network import build
from tlpipe.network.backend import keras, tf
from tlpipe.network.predict import keras_probabilities
from tlpipe.runs import run_folder
from tlpipe.runs.adopted import Adopted
from tlpipe.runs.config import PACKAGES, Training
from tlpipe.runs.run_folder import Run
from tlpipe.runs.unfinished import basis, export_key
from tlpipe.storage import atomic
from tlpipe.storage.checkpoint import Checkpoint
from tlpipe.storage.resume import RESUME, Resume
from tlpipe_edge.console import progress
from tlpipe_edge.console.interrupted import kept
from tlpipe_edge.console.text import printable
from tlpipe_edge.contract import checksums
from tlpipe_edge.contract.bundle import EXPECTED, GOLDEN, LABELS, MANIFEST, REFERENCE, TRAINING, Bundle
from tlpipe_edge.contract.checksums import Checksum
from tlpipe_edge.contract.files import sha256_of
from tlpipe_edge.contract.limits import NO_LIMITS, Limits
from tlpipe_edge.contract.manifest import Artifact, Calibration, ImageSpec, Manifest, Provenance
from tlpipe_edge.errors import Busy
from tlpipe_edge.images import formats
from tlpipe_edge.machine.versions import versions
from tlpipe_edge.tflite import metadata
from tlpipe_edge.tflite.interpreter import Session

GOLDEN_IMAGES = 6


@kept("The bundle was not written.")
def export(
    run: Run,
    recipes: Sequence[Recipe],
    out: Path,
    *,
    limits: Limits = NO_LIMITS,
    overwrite: bool = False,
    resume: Resume = RESUME,
) -> Bundle:
    """Convert the best stage of the run by each recipe and write the bundle ``out``, which appears when it is complete.

    A calibrated file is made by one remedy after the other until it is within the ``limits`` on validation; the
    manifest says whether it is. What the same export that was stopped has computed is used, unless ``resume`` says
    otherwise. Raise WrongUsage if ``out`` exists and ``overwrite`` is not set, BadData if an image has changed since
    training, Busy if the stage is replaced while it is read, and the errors of ``build.load``.
    """
    atomic.refuse_existing(out, overwrite=overwrite, marker=MANIFEST)
    original = _original(run)
    hashes = {
        "images": original.dataset.sha256(),
        "model": sha256_of(run.best_stage / run_folder.MODEL),
    }
    saved = Checkpoint(out, export_key(run, [recipe.name for recipe in recipes], limits, resume))
    with atomic.directory(out, overwrite=overwrite, marker=MANIFEST) as bundle, kept(saved.outlook):
        if saved.open(basis(**hashes), restart=resume.restart):
            progress.say(f"continuing the unfinished {out}; --restart begins anew")
        _write(bundle, run, original, recipes, limits, saved)
        resume.made(saved.finish(bundle, MANIFEST))
    saved.delete()
    return Bundle.open(out)


def _original(run: Run) -> Original:
    """The model of the best stage. Raise as ``export``."""
    stage, config = run.best_stage, run.config
    dataset = Dataset.read(run_folder.checked(stage, run_folder.SPLITS)).with_images()
    engine().check(dataset.files())
    if config.deterministic:
        tf.config.experimental.enable_op_determinism()
    keras.utils.set_random_seed(config.seed)
    weights = run_folder.backbone_sha256(stage)
    model = build.load(stage / run_folder.MODEL)
    if run_folder.backbone_sha256(stage) != weights:
        raise Busy("another tlpipe process has replaced this stage", "Export again.", where=stage)
    return Original(model, dataset, config.spec)


def _write(
    bundle: Path, run: Run, original: Original, recipes: Sequence[Recipe], limits: Limits, saved: Checkpoint
) -> None:
    """Write the files of the bundle, whose name is that of the target of ``saved``."""
    model, dataset, config, out = original.model, original.dataset, run.config, saved.target
    representative = None
    if any(recipe.calibrated for recipe in recipes):
        representative = calibration.choose(dataset, config.spec, seed=config.seed)
    converted = conversions.converted(original, recipes, representative, limits, saved)
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
        calibration=_calibration(representative, converted, config),
    )
    (bundle / LABELS).write_text("".join(f"{label}\n" for label in dataset.labels), "utf-8")
    _write_reference(bundle / REFERENCE, _reference(model, dataset, config.spec, saved), dataset)
    _write_golden(bundle, manifest, dataset)
    _copy_training(bundle / TRAINING, run)
    manifest = replace(manifest, files=_others(bundle, manifest))
    (bundle / MANIFEST).write_text(manifest.to_json(), "utf-8")


def _network_name(config: Training | Adopted, model: keras.Model) -> str:
    """The name of a network and its size. Keras calls most models "functional", so an adopted one is named as its file
    is."""
    if isinstance(config, Adopted):
        return f"{printable(Path(config.source.file).stem)}_{config.image_size}"
    return f"{model.name}_{config.alpha:g}_{config.image_size}"


def _calibration(
    representative: Representative | None, converted: Sequence[Converted], config: Training | Adopted
) -> Calibration | None:
    if representative is None:
        return None
    used = representative.first(max(each.images for each in converted))
    return Calibration(
        images=tuple(example.sha256 for example in used.examples),
        method=used.method,
        seed=config.seed,
    )


def _write_artifact(bundle: Path, name: str, converted: Converted, described: metadata.Metadata) -> Artifact:
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
        notes=() if converted.quantization is None else (str(converted.quantization),),
        rank=converted.recipe.rank,
        quantization=converted.quantization,
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


def _reference(model: keras.Model, dataset: Dataset, spec: ImageSpec, saved: Checkpoint) -> np.ndarray:
    """The Keras scores of each image of the evaluation split: NaN for an image that cannot be read."""
    part = saved.load("reference")
    if part is not None:
        return part.arrays["probabilities"]
    examples = dataset.splits[dataset.evaluation_split]
    rows = np.flatnonzero([example.problem is None for example in examples])
    probabilities = np.full((len(examples), len(dataset.labels)), np.nan, np.float32)
    work = ComputeScores((), spec)
    for chunk in scored_chunks(
        work, [examples[row] for row in rows], what="scoring by Keras, for the reference", strict=True
    ):
        probabilities[rows[chunk.places]] = keras_probabilities(model, chunk.pixels)
    saved.save("reference", {}, {"probabilities": probabilities}, reached="after the scores of the reference")
    return probabilities


def _write_reference(file: Path, probabilities: np.ndarray, dataset: Dataset) -> None:
    examples = dataset.splits[dataset.evaluation_split]
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
    np.savez_compressed(folder / EXPECTED, **arrays)  # type: ignore[arg-type, unused-ignore]  # NumPy 2's stub


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
            shutil.copyfile(run_folder.checked(source, name), folder / f"{source.name}-{name}")


def _others(bundle: Path, manifest: Manifest) -> tuple[Checksum, ...]:
    """The files of the bundle that are no artifacts."""
    written = {file.relative_to(bundle).as_posix() for file in bundle.rglob("*") if file.is_file()}
    return checksums.of(bundle, sorted(written - {artifact.file for artifact in manifest.artifacts}))
