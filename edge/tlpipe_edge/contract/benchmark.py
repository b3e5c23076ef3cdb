"""The document of ``bench``. The device writes it, the workstation adds Keras; tables, gate and report read it.

A history of the format, by its schema number:

1 - (tlpipe 0.1.0) The first. Keys added since, without a new schema number: images.trained_on (before, the end of
    images.name), reasons (beside each invalid_reasons), discarded, cold_start_reasons and full_load_reasons (before,
    these two were among the reasons), device.browser and results.batch_runs (of the page of tlpipe web),
    confusion_cells (which stands for confusion if there are more than 100 classes).

Unknown keys are ignored. An unknown value is None (null), never 0. A key may be missing if its field has a default.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from annotated_types import Interval, Len

from tlpipe_edge.console import notebook
from tlpipe_edge.console.text import percent
from tlpipe_edge.contract import codec
from tlpipe_edge.contract.codec import Misfit, require_schema
from tlpipe_edge.contract.conditions import Conditions, DeviceDescription
from tlpipe_edge.contract.confusion import Confusion
from tlpipe_edge.contract.latency import LatencyFigures, Timing, check_duration
from tlpipe_edge.contract.manifest import ImageSpec
from tlpipe_edge.contract.ranges import (
    Count,
    Difference,
    Labels,
    Positive,
    Reading,
    Samples,
    Sha256,
    Share,
)
from tlpipe_edge.contract.scores import Failed
from tlpipe_edge.contract.validity import Reason, Repeatable, Validity
from tlpipe_edge.contract.version_0_1_0 import upgraded
from tlpipe_edge.errors import BadData

SCHEMA = 1
CallName = Literal["predict", "compiled"]
"""The ways of calling Keras."""
NOT_ONE = "Name a file that tlpipe bench --out (or --json) or tlpipe-edge bench --json wrote."


@dataclass(frozen=True)
class ImageSet:
    """The images of a benchmark; ``name`` says which ones. Accuracy is over the ``labelled`` ones (None: all).

    ``sha256`` is one hash of all images and their labels, in any order. ``trained_on`` is the number of training images
    among them, for which accuracy is too high (None: unknown).
    """

    name: str
    count: Count
    failed: tuple[Failed, ...]
    labelled: Count | None = None
    sha256: Sha256 | None = None
    trained_on: Count | None = None

    @property
    def scored(self) -> int:
        """The number of images that accuracy is over."""
        return self.count if self.labelled is None else self.labelled

    def check(self) -> None:
        if self.scored > self.count:
            raise Misfit("more labelled images than images", ".labelled")


@dataclass(frozen=True)
class ModelDescription:
    """The model that was measured."""

    name: str
    labels: Labels
    image: ImageSpec
    keras_sha256: str | None

    def check(self) -> None:
        if len(set(self.labels)) < len(self.labels):
            raise Misfit("a label occurs twice", ".labels")


@dataclass(frozen=True)
class SkippedRecipe:
    """An artifact that the device could not run."""

    recipe: str
    reason: str


@dataclass(frozen=True)
class Disagreement:
    """An image (sha256 of its file) for which the predictions of an artifact and of Keras differ.

    ``truth`` (the true label), ``keras`` and ``answer`` (the artifact's prediction) are labels. ``answer`` is None if
    the image could not be read.
    """

    image: str
    file: str
    truth: str | None
    keras: str
    answer: str | None
    keras_score: Share | None = None
    score: Share | None = None


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Predictions compared with those of the Keras model, over ``compared`` images with a known Keras prediction.

    ``agreement`` is the share of these with the same prediction.
    """

    agreement: Share | None = None
    compared: Count | None = None
    disagreements: tuple[Disagreement, ...] | None = None


@dataclass(frozen=True)
class Speedup:
    """Median latency of Keras divided by that of the network alone."""

    predict: Reading | None
    compiled: Reading | None


@dataclass(frozen=True, kw_only=True)
class MeasuredFile(Repeatable):
    """One artifact at one number of threads."""

    recipe: str
    file: str
    sha256: Sha256
    bytes: Positive
    runtime: str | None
    runtime_version: str | None
    delegate: str | None = None
    threads: Positive | None


@dataclass(frozen=True, kw_only=True)
class BenchResult(Timing, Comparison, Confusion, MeasuredFile):
    """All measurements of one artifact.

    If Keras was measured: ``speedup`` over it, ``size_ratio`` (size of its file divided by this size) and
    ``top1_difference`` (this top-1 minus that of Keras).
    """

    speedup: Speedup | None = None
    size_ratio: Reading | None = None
    top1_difference: Difference | None = None

    def check(self) -> None:
        super().check()
        self.check_times()
        self.check_reasons()

    def check_classes(self, labels: Sequence[str]) -> None:
        super().check_classes(labels)
        known = {None, *labels}
        for number, each in enumerate(self.disagreements or ()):
            if not {each.keras, each.answer, each.truth} <= known:
                raise Misfit("a class that the model does not have", f".disagreements[{number}]")


@dataclass(frozen=True, kw_only=True)
class KerasResult(Repeatable, Confusion):
    """The Keras model, scored on the same images; timed one image at a time: compiled, and with ``predict`` or not."""

    sha256: Sha256 | None = None
    bytes: Positive | None = None
    predict_ms: LatencyFigures | None = None
    compiled_ms: LatencyFigures | None = None
    samples_ms: dict[CallName, Samples | None] | None = None
    versions: dict[str, str] | None = None
    valid: bool = True
    invalid_reasons: tuple[str, ...] = ()

    def check(self) -> None:
        super().check()
        self.check_reasons()
        check_duration(self.predict_ms, ".predict_ms")
        check_duration(self.compiled_ms, ".compiled_ms")


@dataclass(frozen=True, kw_only=True)
class Bench(Validity):
    """The document that ``bench --json`` prints for one device."""

    model: ModelDescription
    device: DeviceDescription
    conditions: Conditions
    results: Annotated[tuple[BenchResult, ...], Len(1)]
    images: ImageSet | None = None
    keras: KerasResult | None = None
    skipped: tuple[SkippedRecipe, ...] = ()
    schema: Annotated[int, Interval(ge=SCHEMA, le=SCHEMA)] = SCHEMA

    def _repr_html_(self) -> str:
        """The results as a table, for a notebook."""
        rows = [
            (
                result.recipe + ("" if result.valid else " (latency invalid)"),
                str(result.threads),
                f"{result.invoke_ms.p50:.2f} ms" if result.invoke_ms else "-",
                f"{result.bytes / 1e6:.2f} MB",
                percent(result.top1),
                percent(result.agreement),
            )
            for result in self.results
        ]
        caption = f"{self.model.name} on {self.device.title}"
        return notebook.table(caption, ("", "threads", "p50", "size", "top-1", "agreement with Keras"), rows)

    def why_all(self) -> tuple[Reason, ...]:
        """The reasons that apply to all latencies."""
        own = tuple(reason for reason in self.why() if reason.scope is None)
        return own if self.reasons or not self._invalid_parts() else ()

    def _invalid_parts(self) -> bool:
        return any(not each.valid for each in (*self.results, self.keras) if each is not None)

    def check(self) -> None:
        self.check_reasons()
        for number, result in enumerate(self.results):
            _check_classes(result, self.model.labels, f".results[{number}]")
        if self.keras is not None:
            _check_classes(self.keras, self.model.labels, ".keras")


@dataclass(frozen=True)
class SeveralBenches:
    """The document of several devices."""

    benches: Annotated[tuple[Bench, ...], Len(1)]
    schema: Annotated[int, Interval(ge=SCHEMA, le=SCHEMA)] = SCHEMA


def to_json(benches: Sequence[Bench]) -> str:
    """The document of one device, or of several, as indented JSON."""
    documents = [{"schema": bench.schema} | codec.as_json(bench) for bench in benches]
    return codec.indented(documents[0] if len(documents) == 1 else {"schema": SCHEMA, "benches": documents})


def benches(document: Any, where: str, advice: str = NOT_ONE) -> tuple[Bench, ...]:
    """The benchmarks in a document of one device or of several.

    Raise BadData if the document is not a benchmark; its message begins with ``where``.
    """
    if not isinstance(document, dict) or not {"benches", "results"} & set(document):
        raise BadData("not a benchmark", advice, where=where)
    require_schema(document, SCHEMA, where)
    if "benches" not in document:
        return (upgraded(codec.read(Bench, document, where, advice)),)
    for row in document["benches"] if isinstance(document["benches"], list) else ():
        require_schema(row, SCHEMA, where)
    return tuple(map(upgraded, codec.read(SeveralBenches, document, where, advice).benches))


def variant(recipe: str, threads: int | None) -> str:
    """The name of a result: "int8, 2 threads"."""
    return recipe if threads is None else f"{recipe}, {threads} thread{'s' * (threads > 1)}"


def _check_classes(scored: Confusion, labels: Sequence[str], path: str) -> None:
    try:
        scored.check_classes(labels)
    except Misfit as misfit:
        raise misfit.below(path) from misfit
