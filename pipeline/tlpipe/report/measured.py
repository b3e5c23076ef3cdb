"""What others measured, read from JSON with everything checked that the report relies on: benches, evaluations.

Unknown keys are ignored; what may be missing is None.
"""

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from tlpipe.report import plausible
from tlpipe.report.document import Failed, Images, Latency, Model, Skipped
from tlpipe.report.machine import Device, Flags, Span
from tlpipe.report.plausible import Misfit, require
from tlpipe_edge import bundle, typed
from tlpipe_edge.errors import BadData, MissingInput

SCHEMA = 1

T = TypeVar("T")


@dataclass(frozen=True)
class ClassCount:
    """How many ``images`` of a class there were, and how many of them were ``correct``."""

    images: int
    correct: int


@dataclass(frozen=True)
class Disagreement:
    """An image (sha256 of its file) for which an artifact does not answer what Keras does.

    ``truth``, ``keras`` and ``answer`` are labels; None for the answer to an image that could not be read.
    """

    image: str
    file: str
    truth: str | None
    keras: str
    answer: str | None
    keras_score: float | None = None
    score: float | None = None


@dataclass(frozen=True)
class Result:
    """One artifact at one number of threads. Latency is None under emulation.

    ``compared`` images are those of which Keras's answer is known.
    """

    recipe: str
    file: str
    sha256: str
    bytes: int
    runtime: str | None
    runtime_version: str | None
    threads: int | None
    valid: bool
    invalid_reasons: tuple[str, ...]
    delegate: str | None = None
    invoke_ms: Latency | None = None
    end_to_end_ms: Latency | None = None
    stages_ms: dict[str, Latency | None] | None = None
    cold_start_ms: dict[str, float | None] | None = None
    peak_memory_mb: float | None = None
    throughput_per_s: float | None = None
    samples_ms: dict[str, tuple[float, ...] | None] | None = None
    top1: float | None = None
    top1_interval: tuple[float, ...] | None = None
    top5: float | None = None
    agreement: float | None = None
    compared: int | None = None
    per_class: dict[str, ClassCount] | None = None
    confusion: tuple[tuple[int, ...], ...] | None = None
    disagreements: tuple[Disagreement, ...] | None = None


@dataclass(frozen=True)
class Keras:
    """The original, timed and scored on the same machine and images."""

    sha256: str | None = None
    bytes: int | None = None
    top1: float | None = None
    top1_interval: tuple[float, ...] | None = None
    top5: float | None = None
    per_class: dict[str, ClassCount] | None = None
    predict_ms: Latency | None = None
    compiled_ms: Latency | None = None
    versions: dict[str, str] | None = None
    valid: bool = True
    invalid_reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class Loads:
    """The load averages over 1, 5 and 15 minutes, before and after."""

    before: tuple[float, ...] | None = None
    after: tuple[float, ...] | None = None


@dataclass(frozen=True)
class Conditions:
    """Under which a bench ran."""

    date: str
    emulated: bool
    command: str | None = None
    python: str | None = None
    versions: dict[str, str] | None = None
    governor: str | None = None
    frequency_mhz: Span | None = None
    temperature_c: Span | None = None
    throttling: Flags | None = None
    load_average: Loads | None = None


@dataclass(frozen=True)
class Bench:
    """What ``bench --json`` says of one device."""

    model: Model
    device: Device
    conditions: Conditions
    valid: bool
    invalid_reasons: tuple[str, ...]
    results: tuple[Result, ...]
    images: Images | None = None
    keras: Keras | None = None
    skipped: tuple[Skipped, ...] = ()


@dataclass(frozen=True)
class Scores:
    """What ``evaluate`` found of Keras, or of an artifact, which has ``recipe``, ``sha256`` and the rest besides."""

    top1: float
    top1_interval: tuple[float, ...]
    top5: float
    per_class: dict[str, ClassCount]
    recipe: str = ""
    file: str = ""
    sha256: str = ""
    bytes: int = 0
    agreement: float | None = None
    mcnemar_p: float | None = None


@dataclass(frozen=True)
class Evaluation:
    """What ``evaluate --json`` says."""

    images: int
    split: str
    keras: Scores
    artifacts: tuple[Scores, ...]
    failed_images: tuple[Failed, ...]


def benches(document: Any, where: str) -> tuple[Bench, ...]:
    """The benches of a document: one, or those of several devices. Raises BadData, which begins with ``where``."""
    advice = "Name what tlpipe bench --json or tlpipe-edge bench --json wrote."
    if not isinstance(document, dict) or not {"benches", "results"} & set(document):
        raise BadData(f"{where}: not a benchmark", advice)
    _schema(document, where)
    rows = document.get("benches", [document])
    if not isinstance(rows, list) or not rows:
        raise BadData(f"{where}: no benchmark in it", advice)
    for row in rows:
        _schema(row, where)
    found = tuple(_typed(Bench, row, where, advice) for row in rows)
    for bench in found:
        _checked(lambda bench=bench: _check_bench(bench), where, advice)  # type: ignore[misc]
    return found


def evaluation(document: Any, labels: Sequence[str], where: str) -> Evaluation:
    """An evaluation of a model with these labels. Raises BadData, which begins with ``where``."""
    advice = "Run tlpipe evaluate again."
    if not isinstance(document, dict):
        raise BadData(f"{where}: not an evaluation", advice)
    _schema(document, where)
    found = _typed(Evaluation, document, where, advice)

    def check() -> None:
        plausible.counts("images", found.images, least=1)
        for scores in (found.keras, *found.artifacts):
            _check_rates(scores, labels)
            plausible.shares("agreement or mcnemar_p", scores.agreement, scores.mcnemar_p)
            require(set(scores.per_class) == set(labels), "per_class: its classes are not the model's")

    _checked(check, where, advice)
    return found


def load(file: Path) -> Any:
    """The JSON of a file. Raises MissingInput where there is none, BadData where it cannot be read as JSON."""

    def finite(digits: str) -> float:
        if not math.isfinite(number := float(digits)):
            raise ValueError(f"{digits[:20]} is no number that is read here")
        return number

    def whole(digits: str) -> int:
        finite(digits)
        return int(digits)

    if not file.is_file():
        raise MissingInput(f"{file}: no such file or bundle", "Check the path.")
    try:
        return json.loads(bundle.read(file), parse_constant=finite, parse_float=finite, parse_int=whole)
    except (ValueError, RecursionError) as error:
        raise BadData(f"{file}: not valid JSON ({error})", "Write it again.") from None
    except OSError as error:
        raise BadData(f"{file}: cannot be read ({error.strerror})", "Check the file.") from None


def _schema(document: Any, where: str) -> None:
    schema = document.get("schema") if isinstance(document, dict) else None
    if schema != SCHEMA:
        raise BadData(f"{where}: schema {schema}, this program reads {SCHEMA}", "Upgrade tlpipe, or measure again.")


def _typed(kind: type[T], document: Any, where: str, advice: str) -> T:
    try:
        found: T = typed.read(kind, document, where)
    except BadData as error:
        raise BadData(error.what, advice) from None
    return found


def _checked(check: Callable[[], None], where: str, advice: str) -> None:
    try:
        check()
    except Misfit as misfit:
        raise BadData(f"{where}: {misfit}", advice) from None


def _check_bench(bench: Bench) -> None:
    labels = bench.model.labels
    require(len(labels) > 1 and len(set(labels)) == len(labels), "labels: fewer than two, or one twice")
    require(bool(bench.results), "no results")
    _check_machine(bench)
    if bench.images is not None:
        plausible.counts("images", bench.images.count, bench.images.labelled)
        require(bench.images.scored <= bench.images.count, "images: more labelled than there are")
    for result in bench.results:
        _check_result(result, labels)
    if bench.keras is not None:
        _check_rates(bench.keras, labels)
        plausible.counts("keras: bytes", bench.keras.bytes, least=1)
        for latency in (bench.keras.predict_ms, bench.keras.compiled_ms):
            plausible.latency(latency)


def _check_machine(bench: Bench) -> None:
    given = bench.conditions
    frequency, temperature = (each or Span() for each in (given.frequency_mhz, given.temperature_c))
    loads = given.load_average or Loads()
    plausible.counts("pixels of an image", bench.model.image.size, least=1)
    plausible.counts("device", bench.device.cores, bench.device.bits)
    plausible.readings("frequency_mhz", frequency.before, frequency.after)
    plausible.readings("temperature_c", temperature.before, temperature.after, least=-273.15)
    plausible.readings("load_average", *(loads.before or ()), *(loads.after or ()))


def _check_result(result: Result, labels: Sequence[str]) -> None:
    recipe = result.recipe
    plausible.counts(f"{recipe}: bytes", result.bytes, least=1)
    plausible.counts(f"{recipe}: threads", result.threads, least=1)
    plausible.counts(f"{recipe}: compared", result.compared)
    plausible.shares(f"{recipe}: agreement", result.agreement)
    _check_rates(result, labels)
    _check_times(result)
    if result.confusion is not None:
        square = len(result.confusion) == len(labels) and {len(row) for row in result.confusion} == {len(labels)}
        require(square, f"{recipe}: confusion: not a row and a column for each label")
        plausible.counts(f"{recipe}: confusion", *(count for row in result.confusion for count in row))
    for each in result.disagreements or ():
        named = {each.keras, each.answer, each.truth} - {None}
        require(named <= set(labels), f"{recipe}: disagreements: a class that the model does not have")
        plausible.readings(f"{recipe}: scores of disagreements", each.score, each.keras_score)


def _check_times(result: Result) -> None:
    for latency in (result.invoke_ms, result.end_to_end_ms):
        plausible.latency(latency)
    for latency in (result.stages_ms or {}).values():
        plausible.latency(latency, least=0)
    for name, samples in (result.samples_ms or {}).items():
        plausible.samples(f"{result.recipe}: samples_ms", samples or (), whole=name in ("invoke", "end_to_end"))
    plausible.durations(f"{result.recipe}: cold_start_ms", *(result.cold_start_ms or {}).values())
    plausible.readings(f"{result.recipe}: memory or throughput", result.peak_memory_mb, result.throughput_per_s)


def _check_rates(rates: Result | Keras | Scores, labels: Sequence[str]) -> None:
    interval = rates.top1_interval
    plausible.shares("top-1 or top-5", rates.top1, rates.top5, *(interval or ()))
    require(interval is None or len(interval) == 2, "top1_interval: not two numbers")
    require(interval is None or interval[0] <= interval[1], "top1_interval: its ends are the wrong way round")
    for label, count in (rates.per_class or {}).items():
        require(label in labels, "per_class: a class that the model does not have")
        require(0 <= count.correct <= count.images, f"per_class: {label!r}: more correct than there are images")
        plausible.counts("per_class", count.images)
