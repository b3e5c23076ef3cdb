"""Sources become the report: what is derived (ratios, differences, the Pareto front) is computed here, once."""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path, PurePath

import numpy as np

from tlpipe.history import History
from tlpipe.report import choice, measured, photographs, views, warnings
from tlpipe.report.document import (
    Accuracy,
    Answer,
    ClassRate,
    Conditions,
    Disagreement,
    Epoch,
    Flags,
    Group,
    Images,
    Keras,
    Model,
    Origin,
    Report,
    Row,
    Span,
    Stage,
)
from tlpipe.report.measured import Bench, ClassCount, Evaluation, Result, Scores
from tlpipe.report.sources import Source, Sources
from tlpipe.significance import LEVEL, mcnemar
from tlpipe_edge.accuracy import wilson
from tlpipe_edge.bundle import Bundle
from tlpipe_edge.manifest import Artifact

STAGES = ("decode", "resize", "set_input", "invoke", "read_output")
"""In the order in which an image goes through them."""


def report(sources: Sources) -> Report:
    """The whole report of what was read."""
    groups = _named([*map(_of_bench, sources.benches)])
    if sources.bundle is not None:
        evaluated = _of_evaluation(sources.bundle, sources.evaluation)
        if not _says_nothing_new(evaluated, groups):
            groups.append(evaluated)
    model = _model(sources)
    return Report(
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        versions={"tlpipe": version("tlpipe")},
        model=model,
        verdict=choice.verdict(groups),
        warnings=warnings.of(groups, sources),
        groups=tuple(groups),
        disagreements=_disagreements(groups, sources),
        training=tuple(map(_stage, sources.histories)),
        origin=None if sources.bundle is None else _origin(sources.bundle),
    )


def _model(sources: Sources) -> Model:
    if sources.bundle is None:
        return sources.benches[0].bench.model
    manifest = sources.bundle.manifest
    return Model(manifest.name, manifest.labels, manifest.image, manifest.provenance.keras_sha256)


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
        notes={artifact.recipe: artifact.notes for artifact in manifest.artifacts if artifact.notes},
    )


def _stage(history: History) -> Stage:
    epochs = (Epoch(e.number, e.loss, e.accuracy, e.val_loss, e.val_accuracy) for e in history.epochs)
    return Stage(history.stage, history.best, tuple(epochs))


def _named(groups: list[Group]) -> list[Group]:
    """The same, with names that differ: by the address where there is one, and by a number."""
    names: list[str] = []
    for group in groups:
        name, number = group.name, 1
        if sum(other.name == name for other in groups) > 1 and group.device and group.device.address:
            name = f"{name}, {group.device.address}"
        base = name
        while name in names:
            number += 1
            name = f"{base} ({number})"
        names.append(name)
    return [replace(group, name=name) for group, name in zip(groups, names, strict=True)]


def _of_bench(source: Source) -> Group:
    bench = source.bench
    whole_run = () if any(not result.valid for result in bench.results) else _reasons(bench.valid, bench.invalid_reasons)
    keras = _keras(bench, whole_run)
    several = len({result.threads for result in bench.results}) > 1
    rows = tuple(_row(result, bench, keras, whole_run, several=several) for result in bench.results)
    return Group(
        name=bench.device.board or bench.device.cpu or "a device without a name",
        source=source.name,
        device=bench.device,
        conditions=_conditions(bench),
        emulated=bench.conditions.emulated,
        valid=bench.valid and all(row.valid for row in rows),
        invalid_reasons=tuple(dict.fromkeys([*bench.invalid_reasons, *(r for row in rows for r in row.invalid_reasons)])),
        images=bench.images,
        keras=keras,
        rows=_with_front(rows),
    )


def _reasons(valid: bool, reasons: tuple[str, ...]) -> tuple[str, ...]:
    """Why something is invalid, never nothing where it is."""
    return () if valid else reasons or ("no reason is given",)


def _conditions(bench: Bench) -> Conditions:
    given = bench.conditions
    return Conditions(
        date=given.date,
        command=given.command,
        python=given.python,
        versions=given.versions or {},
        governor=given.governor,
        frequency_mhz=given.frequency_mhz or Span(),
        temperature_c=given.temperature_c or Span(),
        throttling=given.throttling or Flags(),
        load_average=given.load_average or Span(),
    )


def _row(result: Result, bench: Bench, keras: Keras | None, whole_run: tuple[str, ...], *, several: bool) -> Row:
    reasons = whole_run or _reasons(result.valid, result.invalid_reasons)
    timed = not bench.conditions.emulated
    invoke = result.invoke_ms if timed else None
    stages = {name: latency for name in STAGES if (latency := (result.stages_ms or {}).get(name)) and timed}
    threads = "" if not several or result.threads is None else f", {_threads(result.threads)}"
    return Row(
        label=result.recipe + threads,
        recipe=result.recipe,
        file=result.file,
        sha256=result.sha256,
        bytes=result.bytes,
        size_ratio=keras.bytes / result.bytes if keras and keras.bytes else None,
        runtime=result.runtime,
        runtime_version=result.runtime_version,
        delegate=result.delegate,
        threads=result.threads,
        valid=not reasons,
        invalid_reasons=reasons,
        invoke_ms=invoke,
        end_to_end_ms=result.end_to_end_ms if timed else None,
        stages_ms=stages,
        cold_start_ms={k: v for k, v in (result.cold_start_ms or {}).items() if v is not None} if timed else {},
        peak_memory_mb=result.peak_memory_mb,
        throughput_per_s=result.throughput_per_s if timed else None,
        quantiles_ms=_quantiles(result) if timed else {},
        speedup=keras.compiled_ms.p50 / invoke.p50 if invoke and keras and keras.compiled_ms else None,
        speedup_predict=keras.predict_ms.p50 / invoke.p50 if invoke and keras and keras.predict_ms else None,
        accuracy=_accuracy(result, bench, keras),
        on_front=False,
    )


def _threads(count: int) -> str:
    return "1 thread" if count == 1 else f"{count} threads"


def _quantiles(result: Result) -> dict[str, tuple[float, ...]]:
    given = {name: (result.samples_ms or {}).get(name) for name in ("invoke", "end_to_end")}
    return {
        name: tuple(map(float, np.percentile(samples, range(101)))) for name, samples in given.items() if samples
    }


def _keras(bench: Bench, whole_run: tuple[str, ...]) -> Keras | None:
    """The original: as it was run beside, or else, without latency, as the disagreements tell what it answered."""
    if bench.keras is None:
        accuracy = next(filter(None, (_derived(result, bench) for result in bench.results)), None)
        return accuracy and Keras(None, None, None, accuracy, derived=True, versions={}, valid=True, invalid_reasons=())
    given = bench.keras
    timed = not bench.conditions.emulated
    reasons = _reasons(given.valid, given.invalid_reasons) or whole_run
    if all(not result.valid for result in bench.results):  # it was timed in the same run
        reasons = reasons or bench.invalid_reasons or ("every result of this run is invalid",)
    accuracy = None
    if given.top1 is not None and given.top1_interval is not None:
        rates = _class_rates(given.per_class or {}, bench.model.labels, {})
        accuracy = Accuracy(given.top1, given.top1_interval, given.top5, rates)
    return Keras(
        bytes=given.bytes,
        predict_ms=given.predict_ms if timed else None,
        compiled_ms=given.compiled_ms if timed else None,
        accuracy=accuracy,
        derived=False,
        versions=given.versions or {},
        valid=not reasons,
        invalid_reasons=tuple(reasons),
    )


def _complete(result: Result, bench: Bench) -> tuple[measured.Disagreement, ...] | None:
    """The disagreements with Keras, where all of them are there and their truth is known."""
    found = result.disagreements
    if found is None or bench.images is None or result.agreement is None or any(each.truth is None for each in found):
        return None
    readable = bench.images.count - len(bench.images.failed)
    return found if len(found) == round((1 - result.agreement) * readable) else None


def _derived(result: Result, bench: Bench) -> Accuracy | None:
    """Keras's accuracy on the images of a result: it answers as the artifact does, but where they disagree."""
    others = _complete(result, bench)
    if others is None or result.per_class is None:
        return None

    def correct(label: str, ours: int) -> int:
        lost = sum(each.truth == label == each.keras for each in others)
        won = sum(each.truth == label == each.answer for each in others)
        return ours + lost - won

    counts = {label: ClassCount(c.images, correct(label, c.correct)) for label, c in result.per_class.items()}
    images, right = sum(c.images for c in counts.values()), sum(c.correct for c in counts.values())
    if not images:
        return None
    return Accuracy(right / images, wilson(right, images), None, _class_rates(counts, bench.model.labels, {}))


def _accuracy(result: Result, bench: Bench, keras: Keras | None) -> Accuracy | None:
    if result.top1 is None or result.top1_interval is None:
        return None
    original = keras.accuracy if keras else None
    others = _complete(result, bench)
    p = None
    if others is not None:
        p = mcnemar(
            sum(each.truth == each.keras for each in others), sum(each.truth == each.answer for each in others)
        )
    of_keras = {rate.label: rate.top1 for rate in original.per_class if rate.top1 is not None} if original else {}
    return Accuracy(
        top1=result.top1,
        top1_interval=result.top1_interval,
        top5=result.top5,
        per_class=_class_rates(result.per_class or {}, bench.model.labels, of_keras),
        confusion=result.confusion,
        agreement=result.agreement,
        difference=result.top1 - original.top1 if original else None,
        p=p,
        within_noise=None if p is None else p >= LEVEL,
    )


def _class_rates(
    counts: Mapping[str, ClassCount], labels: Sequence[str], of_keras: Mapping[str, float]
) -> tuple[ClassRate, ...]:
    rates = []
    for label in labels:
        if label in counts:
            images, correct = counts[label].images, counts[label].correct
            top1 = correct / images if images else None
            difference = None if top1 is None or label not in of_keras else top1 - of_keras[label]
            rates.append(ClassRate(label, images, correct, top1, difference))
    return tuple(rates)


def _with_front(rows: Sequence[Row]) -> tuple[Row, ...]:
    """The rows, those on the Pareto front of latency and accuracy marked; none where either is unknown or invalid."""

    def place(row: Row) -> tuple[float, float] | None:
        known = row.valid and row.invoke_ms is not None and row.accuracy is not None
        return (row.invoke_ms.p50, -row.accuracy.top1) if known else None  # type: ignore[union-attr]

    places = [place(row) for row in rows]

    def beaten(mine: tuple[float, float]) -> bool:
        return any(other is not None and other != mine and other[0] <= mine[0] and other[1] <= mine[1] for other in places)

    return tuple(
        replace(row, on_front=mine is not None and not beaten(mine)) for row, mine in zip(rows, places, strict=True)
    )


def _of_evaluation(bundle: Bundle, evaluation: Evaluation | None) -> Group:
    """The bundle's files with their sizes and, where they were evaluated, their accuracy."""
    size = _keras_bytes(bundle)
    scores = {each.sha256: each for each in evaluation.artifacts} if evaluation else {}
    original = evaluation.keras if evaluation else None
    accuracy = original and _scored(original, None, bundle.manifest.labels)
    return Group(
        name="Evaluation" if evaluation else "Bundle",
        source=str(bundle.path),
        device=None,
        conditions=None,
        emulated=False,
        valid=True,
        invalid_reasons=(),
        images=Images(evaluation.split, evaluation.images, evaluation.failed_images) if evaluation else None,
        keras=Keras(size, None, None, accuracy, derived=False, versions={}, valid=True, invalid_reasons=()),
        rows=tuple(
            _evaluated(artifact, scores.get(artifact.sha256), original, size, bundle.manifest.labels)
            for artifact in bundle.manifest.artifacts
        ),
    )


def _evaluated(
    artifact: Artifact, scores: Scores | None, original: Scores | None, size: int | None, labels: Sequence[str]
) -> Row:
    return Row(
        label=artifact.recipe,
        recipe=artifact.recipe,
        file=artifact.file,
        sha256=artifact.sha256,
        bytes=artifact.bytes,
        size_ratio=size / artifact.bytes if size else None,
        runtime=None,
        runtime_version=None,
        delegate=None,
        threads=None,
        valid=True,
        invalid_reasons=(),
        invoke_ms=None,
        end_to_end_ms=None,
        stages_ms={},
        cold_start_ms={},
        peak_memory_mb=None,
        throughput_per_s=None,
        quantiles_ms={},
        speedup=None,
        speedup_predict=None,
        accuracy=_scored(scores, original, labels) if scores else None,
        on_front=False,
    )


def _scored(scores: Scores, original: Scores | None, labels: Sequence[str]) -> Accuracy:
    of_keras = {label: c.correct / c.images for label, c in original.per_class.items() if c.images} if original else {}
    return Accuracy(
        top1=scores.top1,
        top1_interval=scores.top1_interval,
        top5=scores.top5,
        per_class=_class_rates(scores.per_class, labels, of_keras),
        agreement=scores.agreement,
        difference=scores.top1 - original.top1 if original else None,
        p=scores.mcnemar_p,
        within_noise=None if scores.mcnemar_p is None else scores.mcnemar_p >= LEVEL,
    )


def _keras_bytes(bundle: Bundle) -> int | None:
    """The size of the original, where it is still where the manifest says."""
    try:
        return Path(os.path.normpath(bundle.path.absolute() / bundle.manifest.provenance.keras_file)).stat().st_size
    except (OSError, ValueError):
        return None


def _says_nothing_new(evaluated: Group, groups: Iterable[Group]) -> bool:
    """Whether a bench scored every file that was evaluated, on as many images, with the same result."""
    for group in groups:
        if evaluated.images and group.images and group.images.count == evaluated.images.count:
            there = {row.sha256: row.accuracy.top1 for row in group.rows if row.accuracy}
            if all(row.accuracy and there.get(row.sha256) == row.accuracy.top1 for row in evaluated.rows):
                return True
    return not evaluated.images and {row.sha256 for row in evaluated.rows} <= {
        row.sha256 for group in groups for row in group.rows
    }


def _disagreements(groups: Sequence[Group], sources: Sources) -> tuple[Disagreement, ...]:
    """One for each image; those where Keras is right and an artifact is not come first."""
    answers: dict[str, dict[tuple[str, float | None], tuple[list[str], list[str]]]] = {}
    first: dict[str, measured.Disagreement] = {}
    for group, source in zip(groups, sources.benches, strict=False):
        for row, result in zip(group.rows, source.bench.results, strict=True):
            for each in result.disagreements or ():
                first.setdefault(each.image, each)
                of_image = answers.setdefault(each.image, {})
                recipes, where = of_image.setdefault((each.answer, each.score), ([], []))
                recipes.append(row.recipe)
                where.append(group.name)
    found = [
        Disagreement(
            image=each.image,
            file=PurePath(each.file).name,
            truth=each.truth,
            keras=each.keras,
            keras_score=each.keras_score,
            answers=tuple(
                Answer(answer, score, tuple(dict.fromkeys(recipes)), tuple(dict.fromkeys(where)))
                for (answer, score), (recipes, where) in answers[each.image].items()
            ),
        )
        for each in first.values()
    ]
    found.sort(key=lambda each: (_gravity(each), -(each.keras_score or 0)))
    shown = {each.image: first[each.image].file for each in found[:views.MOST_CARDS]}
    beside = tuple(dict.fromkeys(Path(source.name).parent for source in sources.benches))
    pictures = photographs.thumbnails(shown, bundle=sources.bundle, beside=beside)
    return tuple(replace(each, thumbnail=pictures.get(each.image)) for each in found)


def _gravity(each: Disagreement) -> int:
    """0 where Keras is right, 1 where an artifact is, 2 where none of them is or nobody knows."""
    if each.truth is None:
        return 2
    return 0 if each.keras == each.truth else 1 if any(a.answer == each.truth for a in each.answers) else 2
