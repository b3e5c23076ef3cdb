"""Turns a benchmark or an evaluation into a group of rows, with ratios and the Pareto front."""

import typing
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from tlpipe.reporting.derive import accuracies
from tlpipe.reporting.derive.choice import choose
from tlpipe.reporting.document import AccuracyFigures, Group, GroupConditions, KerasRow, LargestClass, Row
from tlpipe.reporting.inputs import BenchSource
from tlpipe.reporting.sentences import Sentence, number, quoted, sentence
from tlpipe_edge.classify.accuracy import balanced
from tlpipe_edge.contract.benchmark import Bench, BenchResult, ImageSet
from tlpipe_edge.contract.bundle import Bundle
from tlpipe_edge.contract.conditions import Flags, Loads, Span, Temperatures
from tlpipe_edge.contract.evaluation import ArtifactScores, Evaluation, Scores
from tlpipe_edge.contract.latency import SampleName, StageName
from tlpipe_edge.contract.manifest import Artifact
from tlpipe_edge.contract.validity import Reason, judged, kinds

STAGES: tuple[StageName, ...] = typing.get_args(StageName)
EVALUATION = "Evaluation"
"""The name of the group with the results of ``tlpipe evaluate``."""


def named(groups: list[Group]) -> list[Group]:
    """The groups with unique names: the address is added if there is one, or a number."""
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


def of_bench(source: BenchSource, size: int | None) -> Group:
    bench = source.bench
    bench_reasons = bench.why_all()
    keras = _keras(bench, size, bench_reasons)
    several = len({result.threads for result in bench.results}) > 1
    rows = tuple(_row(result, bench, keras, size, bench_reasons, several=several) for result in bench.results)
    return Group(
        name=bench.device.title or "a device without a name",
        source=source.name,
        device=bench.device,
        conditions=_conditions(bench),
        emulated=bench.conditions.emulated,
        **vars(judged(bench.why() or dict.fromkeys(reason for row in rows for reason in row.reasons))),
        doubt=None if bench.conditions.emulated else _doubt(rows, keras),
        images=replace(bench.images, labelled=bench.images.scored) if bench.images else None,
        largest=_largest([row.accuracy for row in rows]),
        keras=keras,
        rows=_with_front(rows),
        skipped=bench.skipped,
    )


def _largest(accuracies: Iterable[AccuracyFigures | None]) -> LargestClass | None:
    """By the first accuracy with classes: all are on the same images."""
    rates = next((each.per_class for each in accuracies if each and each.per_class), ())
    images = sum(rate.images for rate in rates)
    if not images:
        return None
    largest = max(rates, key=lambda rate: rate.images)
    return LargestClass(largest.label, largest.images / images)


def _doubt(rows: Sequence[Row], keras: KerasRow | None) -> Sentence | None:
    """How many latencies are invalid, with the kinds of reasons."""
    invalid = [row for row in rows if not row.valid]
    of_keras = [keras] if keras and not keras.valid else []
    if not invalid and not of_keras:
        return None
    found = kinds(reason for each in (*invalid, *of_keras) for reason in each.reasons)
    why = (" invalid (for orientation only): ", quoted("; ".join(found)))
    if not invalid:
        return sentence("the latency of Keras is", *why)
    count, total = number(len(invalid), "count"), number(len(rows), "count")
    return sentence(count, " of ", total, " latencies", *([" and that of Keras"] if of_keras else []), " are", *why)


def _conditions(bench: Bench) -> GroupConditions:
    given = bench.conditions
    return GroupConditions(
        date=given.date,
        command=given.command,
        python=given.python,
        versions=given.versions or {},
        governor=given.governor,
        frequency_mhz=given.frequency_mhz or Span(),
        temperature_c=given.temperature_c or Temperatures(),
        throttling=given.throttling or Flags(),
        load_average=_last_minute(given.load_average),
    )


def _last_minute(loads: Loads | None) -> Span:
    """The first of the three load averages."""
    before, after = (loads.before, loads.after) if loads else (None, None)
    return Span(before[0] if before else None, after[0] if after else None)


def _row(
    result: BenchResult,
    bench: Bench,
    keras: KerasRow | None,
    size: int | None,
    bench_reasons: tuple[Reason, ...],
    *,
    several: bool,
) -> Row:
    reasons = (*bench_reasons, *result.why())
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
        size_ratio=size / result.bytes if size else None,
        runtime=result.runtime,
        runtime_version=result.runtime_version,
        delegate=result.delegate,
        threads=result.threads,
        **vars(judged(reasons)),
        invoke_ms=invoke,
        end_to_end_ms=result.end_to_end_ms if timed else None,
        stages_ms=stages,
        cold_start_ms={k: v for k, v in (result.cold_start_ms or {}).items() if v is not None} if timed else {},
        peak_memory_mb=result.peak_memory_mb if timed else None,
        throughput_per_s=result.throughput_per_s if timed else None,
        quantiles_ms=_quantiles(result) if timed else {},
        speedup=keras.compiled_ms.p50 / invoke.p50 if invoke and keras and keras.compiled_ms else None,
        speedup_predict=keras.predict_ms.p50 / invoke.p50 if invoke and keras and keras.predict_ms else None,
        accuracy=accuracies.measured_accuracy(result, bench, keras),
        on_front=False,
        cold_start_reasons=result.cold_start_reasons,
        full_load_reasons=result.full_load_reasons,
        frames_per_s=1000 / result.end_to_end_ms.p50 if timed and result.end_to_end_ms else None,
    )


def _threads(count: int) -> str:
    return "1 thread" if count == 1 else f"{count} threads"


def _quantiles(result: BenchResult) -> dict[str, tuple[float, ...]]:
    names: tuple[SampleName, ...] = ("invoke", "end_to_end")
    given = {name: (result.samples_ms or {}).get(name) for name in names}
    return {name: tuple(map(float, np.percentile(samples, range(101)))) for name, samples in given.items() if samples}


def _keras(bench: Bench, size: int | None, bench_reasons: tuple[Reason, ...]) -> KerasRow | None:
    """The Keras model: as it was measured, or else, without latency, as derived from the disagreements.

    ``size`` is the size of its file, from another benchmark or the bundle.
    """
    if bench.keras is None:
        accuracy = next(filter(None, (accuracies.derived(result, bench) for result in bench.results)), None)
        if accuracy is None:
            return None
        return _not_timed(size, accuracy, derived=True)
    given = bench.keras
    timed = not bench.conditions.emulated
    reasons = (*bench_reasons, *given.why())
    accuracy = None
    if given.top1 is not None and given.top1_interval is not None:
        rates = accuracies.class_rates(given.per_class or {}, bench.model.labels, {})
        mean = balanced(given.per_class.values()) if given.per_class else None
        accuracy = AccuracyFigures(given.top1, given.top1_interval, given.top5, rates, balanced=mean)
    return KerasRow(
        bytes=given.bytes or size,
        predict_ms=given.predict_ms if timed else None,
        compiled_ms=given.compiled_ms if timed else None,
        accuracy=accuracy,
        derived=False,
        versions=given.versions or {},
        **vars(judged(reasons)),
    )


def _not_timed(size: int | None, accuracy: AccuracyFigures | None, *, derived: bool) -> KerasRow:
    return KerasRow(
        bytes=size,
        predict_ms=None,
        compiled_ms=None,
        accuracy=accuracy,
        derived=derived,
        versions={},
        **vars(judged(())),
    )


def _with_front(rows: Sequence[Row]) -> tuple[Row, ...]:
    """The rows, with those marked that are on the Pareto front of latency and accuracy. A row without a valid latency
    or an accuracy is never on it."""

    def place(row: Row) -> tuple[float, float] | None:
        known = row.valid and row.invoke_ms is not None and row.accuracy is not None
        return (row.invoke_ms.p50, -row.accuracy.top1) if known else None  # type: ignore[union-attr]

    places = [place(row) for row in rows]

    def beaten(mine: tuple[float, float]) -> bool:
        return any(
            other is not None and other != mine and other[0] <= mine[0] and other[1] <= mine[1] for other in places
        )

    return tuple(
        replace(row, on_front=mine is not None and not beaten(mine)) for row, mine in zip(rows, places, strict=True)
    )


def of_evaluation(bundle: Bundle, evaluation: Evaluation | None, size: int | None) -> Group:
    """The files of the bundle with their sizes and, if they were evaluated, their accuracy."""
    scores = {each.sha256: each for each in evaluation.artifacts} if evaluation else {}
    original = evaluation.keras if evaluation else None
    accuracy = accuracies.rated(original, bundle.manifest.labels) if original else None
    return Group(
        name=EVALUATION if evaluation else "Bundle",
        source=str(bundle.path),
        device=None,
        conditions=None,
        emulated=False,
        **vars(judged(())),
        doubt=None,
        images=_image_set(evaluation) if evaluation else None,
        largest=_largest([accuracy]),
        keras=_not_timed(size, accuracy, derived=False),
        rows=tuple(
            _evaluated(artifact, scores.get(artifact.sha256), original, size, bundle.manifest.labels)
            for artifact in bundle.manifest.artifacts
        ),
        skipped=(),
    )


def recommended(bundle: Bundle, evaluation: Evaluation) -> str:
    """The format to use as long as nothing is timed: the first by rank of those that are near enough to Keras."""
    group = of_evaluation(bundle, evaluation, None)
    return group.rows[choose(group.rows, [group], ranks(bundle))].recipe


def ranks(bundle: Bundle | None) -> dict[str, int]:
    """The sha256 of each file -> its rank in the manifest."""
    artifacts = bundle.manifest.artifacts if bundle else ()
    return {artifact.sha256: artifact.rank for artifact in artifacts if artifact.rank is not None}


def _image_set(evaluation: Evaluation) -> ImageSet:
    return ImageSet(
        name=evaluation.split,
        count=evaluation.images,
        failed=evaluation.failed_images,
        labelled=evaluation.images,
        trained_on=evaluation.trained_on,
    )


def _evaluated(
    artifact: Artifact, scores: ArtifactScores | None, original: Scores | None, size: int | None, labels: Sequence[str]
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
        **vars(judged(())),
        invoke_ms=None,
        end_to_end_ms=None,
        stages_ms={},
        cold_start_ms={},
        peak_memory_mb=None,
        throughput_per_s=None,
        quantiles_ms={},
        speedup=None,
        speedup_predict=None,
        accuracy=accuracies.scored(scores, original, labels) if scores and original else None,
        on_front=False,
    )
