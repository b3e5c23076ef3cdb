"""Composes the report from its sources: one document, from which all files are rendered."""

import os
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from tlpipe.reporting.about import NOTHING_SAID, About
from tlpipe.reporting.derive import cautions, disagreements, groups, image_files, mistakes, noise, verdict
from tlpipe.reporting.document import AccuracyFigures, CurvePoint, Group, Origin, Report, Stage
from tlpipe.reporting.inputs import Sources
from tlpipe.runs.history import History
from tlpipe_edge.contract.benchmark import ModelDescription
from tlpipe_edge.contract.bundle import Bundle


def report(sources: Sources, about: About = NOTHING_SAID) -> Report:
    """The report on these sources, with this head."""
    size = _keras_bytes(sources)
    found = groups.named([groups.of_bench(source, size) for source in sources.benches])
    if sources.bundle is not None:
        evaluated = groups.of_evaluation(sources.bundle, sources.evaluation, size)
        if not _says_nothing_new(evaluated, found):
            found.append(evaluated)
    files = image_files.of_sources(sources)
    judged = verdict.verdict(found, groups.ranks(sources.bundle), adopted=_is_adopted(sources))
    return Report(
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        versions={"tlpipe": version("tlpipe")},
        model=_model(sources),
        verdict=judged,
        warnings=cautions.cautions(found, sources),
        groups=tuple(found),
        disagreements=disagreements.disagreements(found, sources, files),
        training=tuple(_stages(sources.histories)),
        origin=None if sources.bundle is None else _origin(sources.bundle),
        layer_noise=noise.layer_noise(sources),
        mistakes=mistakes.mistakes(found, judged, sources, files),
        about=about,
    )


def _is_adopted(sources: Sources) -> bool:
    return sources.bundle is not None and sources.bundle.manifest.provenance.adopted is not None


def _model(sources: Sources) -> ModelDescription:
    if sources.bundle is None:
        return sources.benches[0].bench.model
    manifest = sources.bundle.manifest
    return ModelDescription(manifest.name, manifest.labels, manifest.image, manifest.provenance.keras_sha256)


def _origin(bundle: Bundle) -> Origin:
    manifest, origin = bundle.manifest, bundle.manifest.provenance
    return Origin(
        run=origin.run,
        stage=origin.stage,
        backbone=origin.backbone,
        alpha=origin.alpha,
        weights=origin.weights,
        created=origin.created,
        calibration_images=len(manifest.calibration.images) if manifest.calibration else None,
        adopted=origin.adopted,
        notes={artifact.recipe: artifact.notes for artifact in manifest.artifacts if artifact.notes},
        quantization={each.recipe: each.quantization for each in manifest.artifacts if each.quantization},
    )


def _stages(histories: Iterable[History]) -> Iterator[Stage]:
    before = 0
    for history in histories:
        epochs = (CurvePoint(e.number, e.loss, e.accuracy, e.val_loss, e.val_accuracy) for e in history.epochs)
        yield Stage(history.stage, history.best, tuple(epochs), before, before + history.best)
        before += history.epochs[-1].number


def _says_nothing_new(evaluated: Group, benched: Iterable[Group]) -> bool:
    """Whether a benchmark scored every evaluated file, on the same number of images and with the same result."""
    for group in benched:
        if evaluated.images and group.images and group.images.scored == evaluated.images.scored:
            there = {row.sha256: row.accuracy for row in group.rows if row.accuracy}
            if all(row.accuracy and _same(there.get(row.sha256), row.accuracy) for row in evaluated.rows):
                return True
    return not evaluated.images and {row.sha256 for row in evaluated.rows} <= {
        row.sha256 for group in benched for row in group.rows
    }


def _same(there: AccuracyFigures | None, here: AccuracyFigures) -> bool:
    return there is not None and (there.top1, there.difference) == (here.top1, here.difference)


def _keras_bytes(sources: Sources) -> int | None:
    """The size of the Keras model: from a benchmark, or from its file, if it is still at the path in the bundle."""
    for source in sources.benches:
        if source.bench.keras and source.bench.keras.bytes:
            return source.bench.keras.bytes
    if sources.bundle is None:
        return None
    origin = sources.bundle.manifest.provenance
    try:
        return Path(os.path.normpath(sources.bundle.path.absolute() / origin.keras_file)).stat().st_size or None
    except (OSError, ValueError):
        return None
