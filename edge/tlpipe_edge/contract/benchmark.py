"""The document of ``bench`` as it is read: checked before anything relies on it.

Unknown keys are ignored; what may be missing is None.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tlpipe_edge.contract import plausible
from tlpipe_edge.contract.documents import checked, require_schema, typed_as
from tlpipe_edge.contract.manifest import ImageSpec
from tlpipe_edge.contract.plausible import require
from tlpipe_edge.contract.scores import ClassCount, Failed, check_rates
from tlpipe_edge.errors import BadData


@dataclass(frozen=True)
class DeviceDescription:
    """The machine that was measured."""

    board: str
    cpu: str
    cores: int
    machine: str
    bits: int
    os: str
    kernel: str
    address: str | None = None


@dataclass(frozen=True)
class Span:
    """A number before and after the run."""

    before: float | None = None
    after: float | None = None


@dataclass(frozen=True)
class Flags:
    """What was throttled before and after the run; empty for nothing, None for unknown."""

    before: tuple[str, ...] | None = None
    after: tuple[str, ...] | None = None


@dataclass(frozen=True)
class LatencyFigures:
    """The distribution of single runs in milliseconds, warm-up left out."""

    p50: float
    p90: float
    p95: float
    p99: float
    mean: float
    std: float
    min: float
    max: float
    runs: int


@dataclass(frozen=True)
class ImageSet:
    """What was scored; ``name`` says which images these are. Accuracy is over the ``labelled`` ones (None: all)."""

    name: str
    count: int
    failed: tuple[Failed, ...]
    labelled: int | None = None

    @property
    def scored(self) -> int:
        """How many images accuracy is over."""
        return self.count if self.labelled is None else self.labelled


@dataclass(frozen=True)
class ModelDescription:
    """What was measured."""

    name: str
    labels: tuple[str, ...]
    image: ImageSpec
    keras_sha256: str | None


@dataclass(frozen=True)
class SkippedRecipe:
    """An artifact that the device could not run."""

    recipe: str
    reason: str


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
class BenchResult:
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
    invoke_ms: LatencyFigures | None = None
    end_to_end_ms: LatencyFigures | None = None
    stages_ms: dict[str, LatencyFigures | None] | None = None
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
class KerasResult:
    """The original, timed and scored on the same machine and images."""

    sha256: str | None = None
    bytes: int | None = None
    top1: float | None = None
    top1_interval: tuple[float, ...] | None = None
    top5: float | None = None
    per_class: dict[str, ClassCount] | None = None
    predict_ms: LatencyFigures | None = None
    compiled_ms: LatencyFigures | None = None
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

    model: ModelDescription
    device: DeviceDescription
    conditions: Conditions
    valid: bool
    invalid_reasons: tuple[str, ...]
    results: tuple[BenchResult, ...]
    images: ImageSet | None = None
    keras: KerasResult | None = None
    skipped: tuple[SkippedRecipe, ...] = ()


def benches(document: Any, where: str) -> tuple[Bench, ...]:
    """The benches of a document: one, or those of several devices. Raises BadData, which begins with ``where``."""
    advice = "Name what tlpipe bench --json or tlpipe-edge bench --json wrote."
    if not isinstance(document, dict) or not {"benches", "results"} & set(document):
        raise BadData(f"{where}: not a benchmark", advice)
    require_schema(document, where)
    rows = document.get("benches", [document])
    if not isinstance(rows, list) or not rows:
        raise BadData(f"{where}: no benchmark in it", advice)
    for row in rows:
        require_schema(row, where)
    found = tuple(typed_as(Bench, row, where, advice) for row in rows)
    for bench in found:
        checked(lambda bench=bench: _check_bench(bench), where, advice)  # type: ignore[misc]
    return found


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
        check_rates(bench.keras, labels)
        plausible.counts("keras: bytes", bench.keras.bytes, minimum=1)
        for latency in (bench.keras.predict_ms, bench.keras.compiled_ms):
            _check_latency(latency)


def _check_machine(bench: Bench) -> None:
    given = bench.conditions
    frequency, temperature = (each or Span() for each in (given.frequency_mhz, given.temperature_c))
    loads = given.load_average or Loads()
    plausible.counts("pixels of an image", bench.model.image.size, minimum=1)
    plausible.counts("device", bench.device.cores, bench.device.bits)
    plausible.readings("frequency_mhz", frequency.before, frequency.after)
    plausible.readings("temperature_c", temperature.before, temperature.after, minimum=-273.15)
    plausible.readings("load_average", *(loads.before or ()), *(loads.after or ()))


def _check_result(result: BenchResult, labels: Sequence[str]) -> None:
    recipe = result.recipe
    plausible.counts(f"{recipe}: bytes", result.bytes, minimum=1)
    plausible.counts(f"{recipe}: threads", result.threads, minimum=1)
    plausible.counts(f"{recipe}: compared", result.compared)
    plausible.shares(f"{recipe}: agreement", result.agreement)
    check_rates(result, labels)
    _check_times(result)
    if result.confusion is not None:
        square = len(result.confusion) == len(labels) and {len(row) for row in result.confusion} == {len(labels)}
        require(square, f"{recipe}: confusion: not a row and a column for each label")
        plausible.counts(f"{recipe}: confusion", *(count for row in result.confusion for count in row))
    for each in result.disagreements or ():
        named = {each.keras, each.answer, each.truth} - {None}
        require(named <= set(labels), f"{recipe}: disagreements: a class that the model does not have")
        plausible.readings(f"{recipe}: scores of disagreements", each.score, each.keras_score)


def _check_times(result: BenchResult) -> None:
    for latency in (result.invoke_ms, result.end_to_end_ms):
        _check_latency(latency)
    for latency in (result.stages_ms or {}).values():
        _check_latency(latency, minimum=0)
    for name, samples in (result.samples_ms or {}).items():
        plausible.samples(f"{result.recipe}: samples_ms", samples or (), full_run=name in ("invoke", "end_to_end"))
    plausible.durations(f"{result.recipe}: cold_start_ms", *(result.cold_start_ms or {}).values())
    plausible.readings(f"{result.recipe}: memory or throughput", result.peak_memory_mb, result.throughput_per_s)


def _check_latency(given: LatencyFigures | None, *, minimum: float = plausible.SHORTEST_MS) -> None:
    """The distribution of runs, or, where ``minimum`` is 0, of a part of each."""
    if given is not None:
        times = (given.p50, given.p90, given.p95, given.p99, given.mean, given.std, given.max)
        require(0 <= given.min <= given.p50 and min(times) >= 0, "a latency below 0")
        require(max(times) < plausible.LONGEST_MS, "a latency of many days")
        require(given.p50 >= minimum and 0 < given.runs < plausible.MAX_COUNT, "a latency of 0, or of no runs")
