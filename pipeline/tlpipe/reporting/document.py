"""The document ``report.json`` as frozen dataclasses: the other files show only its content.

Times are milliseconds, sizes bytes, shares 0..1. Values that were not measured are None.
"""

import html
import json
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated

from annotated_types import Interval

from tlpipe.reporting.about import NOTHING_SAID, About
from tlpipe.reporting.sentences import Sentence
from tlpipe_edge.contract import codec
from tlpipe_edge.contract.benchmark import ImageSet, ModelDescription, SkippedRecipe
from tlpipe_edge.contract.conditions import DeviceDescription, Flags, Span, Temperatures
from tlpipe_edge.contract.confusion import Cells, Matrix, cells_of
from tlpipe_edge.contract.explanation import Layer
from tlpipe_edge.contract.latency import LatencyFigures, StageName, StartName
from tlpipe_edge.contract.manifest import AdoptedFrom
from tlpipe_edge.contract.quantization import Quantization
from tlpipe_edge.contract.validity import Reason, Validity

SCHEMA = 1


@dataclass(frozen=True)
class GroupConditions:
    """The conditions of the measurements of a group."""

    date: str
    command: str | None
    python: str | None
    versions: dict[str, str]
    governor: str | None
    frequency_mhz: Span
    temperature_c: Temperatures
    throttling: Flags
    load_average: Span


@dataclass(frozen=True)
class ClassRate:
    """The accuracy of one class. ``difference`` is its top-1 minus that of Keras on the same images."""

    label: str
    images: int
    correct: int
    top1: float | None
    difference: float | None = None


@dataclass(frozen=True)
class LargestClass:
    """The class with the most images, and its share of them: the top-1 of a model that always names it."""

    label: str
    share: float


@dataclass(frozen=True)
class AccuracyFigures:
    """Top-1 with its 95 % interval, top-5, and per class. ``confusion``: rows are true labels, columns predictions; of
    more than 100 classes it is None, and ``confusion_cells`` are its cells that are not 0, as in a benchmark.

    ``balanced`` is the mean top-1 of the classes that have images. ``difference`` is top-1 minus that of Keras on the
    same images, ``p`` the p-value of McNemar's exact test of it, and ``within_noise`` whether the test shows no
    difference. ``drop_bound`` is the upper bound of the drop below Keras (one-sided, 95 %). ``agreement`` is the share
    of images with the same prediction as Keras.
    """

    top1: float
    top1_interval: tuple[float, ...]
    top5: float | None
    per_class: tuple[ClassRate, ...] = ()
    confusion: Matrix | None = None
    agreement: float | None = None
    difference: float | None = None
    p: float | None = None
    within_noise: bool | None = None
    balanced: float | None = None
    drop_bound: float | None = None
    confusion_cells: Cells | None = None

    @property
    def cells(self) -> Cells | None:
        """The cells of the confusion matrix that are not 0; None if they are not known."""
        return cells_of(self.confusion, self.confusion_cells)


@dataclass(frozen=True, kw_only=True)
class Row(Validity):
    """One artifact of a group, with one number of threads.

    ``quantiles_ms`` are the 0th, 1st, ... 100th percentile of "invoke" and "end_to_end", from the raw samples.
    ``speedup`` is the median latency of compiled Keras divided by that of this row, ``speedup_predict`` that of its
    ``predict``. ``size_ratio`` is the size of Keras divided by that of this file. ``on_front``: it is on the Pareto
    front, which means that no other valid row of the group is faster and as accurate, or as fast and more accurate.
    ``label`` is its name within the group. ``frames_per_s`` is 1000 divided by the median of ``end_to_end_ms``: images
    one after another, each from the bytes of its file to its label; ``throughput_per_s`` is that of all cores. Its
    validity is about latencies, not about size and accuracy; the reasons against its cold start and its throughput
    stand beside them.
    """

    label: str
    recipe: str
    file: str
    sha256: str
    bytes: int
    size_ratio: float | None
    runtime: str | None
    runtime_version: str | None
    delegate: str | None
    threads: int | None
    invoke_ms: LatencyFigures | None
    end_to_end_ms: LatencyFigures | None
    stages_ms: dict[StageName, LatencyFigures]
    cold_start_ms: dict[StartName, float]
    peak_memory_mb: float | None
    throughput_per_s: float | None
    quantiles_ms: dict[str, tuple[float, ...]]
    speedup: float | None
    speedup_predict: float | None
    accuracy: AccuracyFigures | None
    on_front: bool
    cold_start_reasons: tuple[Reason, ...] = ()
    full_load_reasons: tuple[Reason, ...] = ()
    frames_per_s: float | None = None


@dataclass(frozen=True, kw_only=True)
class KerasRow(Validity):
    """The Keras model of a group; ``derived``: its predictions come from the bundle, it was not run."""

    bytes: int | None
    predict_ms: LatencyFigures | None
    compiled_ms: LatencyFigures | None
    accuracy: AccuracyFigures | None
    derived: bool
    versions: dict[str, str]


@dataclass(frozen=True, kw_only=True)
class Group(Validity):
    """Rows that were measured together: on one device, or (``device`` None) by ``tlpipe evaluate``, without latency.

    ``source`` is the file of the measurements, or the command. ``emulated``: the device was emulated, so latency is not
    reported. Its validity is about the latencies of all rows and of Keras; ``doubt`` summarizes the invalid ones.
    """

    name: str
    source: str
    device: DeviceDescription | None
    conditions: GroupConditions | None
    emulated: bool
    doubt: Sentence | None
    images: ImageSet | None
    largest: LargestClass | None
    keras: KerasRow | None
    rows: tuple[Row, ...]
    skipped: tuple[SkippedRecipe, ...]

    @property
    def has_front(self) -> bool:
        """Whether any row is on the Pareto front; without a valid latency there is none."""
        return any(row.on_front for row in self.rows)


class Basis(StrEnum):
    """The basis of a choice besides accuracy."""

    LATENCY = "latency"
    SIZE = "size"


@dataclass(frozen=True)
class Choice:
    """The recommended row of a group (indices into ``groups`` and its ``rows``), and the reason.

    ``accuracy``, without its classes, is the basis of the choice, on ``images`` images: that of the row, or that of the
    bundle's evaluation if the row has too few images or no difference to Keras. ``hardly_better``: the model is hardly
    better than chance, or than always naming the largest class.
    """

    group: int
    row: int
    basis: Basis
    accuracy: AccuracyFigures | None
    images: int | None
    hardly_better: bool
    sentence: Sentence


@dataclass(frozen=True)
class Verdict:
    """``text`` is the ``sentence`` with rounded numbers."""

    text: str
    sentence: Sentence
    choices: tuple[Choice, ...]


@dataclass(frozen=True)
class ArtifactAnswer:
    """A prediction that differs from that of Keras, and the ``groups`` and ``recipes`` that made it.

    ``answer``, the predicted label, is None if the image could not be read. ``score`` is None if only the evaluation
    found it.
    """

    answer: str | None
    score: float | None
    recipes: tuple[str, ...]
    groups: tuple[str, ...]


@dataclass(frozen=True)
class DisagreementCard:
    """An image for which an artifact and Keras predict different classes.

    ``file`` is its name without the path, or, if that is not known, the beginning of its sha256. ``thumbnail`` is a
    data URI; None if the file is gone.
    """

    image: str
    file: str
    truth: str | None
    keras: str
    keras_score: float | None
    answers: tuple[ArtifactAnswer, ...]
    thumbnail: str | None = None


@dataclass(frozen=True)
class Mistake:
    """An image that is classified wrongly: its ``true_label``, and the ``prediction`` with its ``score``.

    ``file`` and ``thumbnail`` are as in ``DisagreementCard``.
    """

    image: str
    file: str
    true_label: str
    prediction: str
    score: float
    thumbnail: str | None = None


@dataclass(frozen=True)
class ConfusedPair:
    """How many images of a class are predicted as another one."""

    true_label: str
    prediction: str
    count: int


@dataclass(frozen=True)
class Mistakes:
    """The mistakes of the recommended file on all ``images`` of the ``image_set``.

    ``model`` is its number format, or "Keras" if no file is recommended; or if the scores of the recommended format,
    which is then ``instead_of``, are not known. ``count`` images are predicted wrongly, and ``unreadable`` ones, which
    count as wrong, too, could not be read. ``listed`` are the wrong predictions with the highest scores, at most 1000,
    and ``pairs`` the most frequent confusions, at most 100.
    """

    model: str
    instead_of: str | None
    image_set: str
    images: int
    count: int
    unreadable: int
    pairs: tuple[ConfusedPair, ...]
    listed: tuple[Mistake, ...]

    def alike(self, mistake: Mistake) -> int | None:
        """How many images have the same true label and prediction; None if that is not among the ``pairs``."""
        return next(
            (p.count for p in self.pairs if (p.true_label, p.prediction) == (mistake.true_label, mistake.prediction)),
            None,
        )


@dataclass(frozen=True)
class CurvePoint:
    """Mean cross-entropy (nats) and accuracy on both splits; epoch 0 is the state before training."""

    number: int
    loss: float
    accuracy: float
    val_loss: float
    val_accuracy: float


@dataclass(frozen=True)
class Stage:
    """A stage of training; ``best`` is the number of the epoch whose weights were kept.

    ``epochs_before`` are those of earlier stages, and ``kept`` is ``best`` counted through all stages.
    """

    name: str
    best: int
    epochs: tuple[CurvePoint, ...]
    epochs_before: int = 0
    kept: int = 0


@dataclass(frozen=True)
class Origin:
    """The origin of the bundle; ``notes`` and ``quantization`` are those of its artifacts, by recipe.

    ``adopted``: as in the manifest.
    """

    run: str
    stage: str
    backbone: str
    alpha: float
    weights: str
    created: str
    calibration_images: int | None
    notes: dict[str, tuple[str, ...]]
    adopted: AdoptedFrom | None = None
    quantization: dict[str, Quantization] = field(default_factory=dict)


@dataclass(frozen=True)
class LayerNoise:
    """What ``tlpipe explain`` measured of the int8 ``file``, on ``images`` calibration images.

    ``layers`` are in the order of execution, and ``worst`` the places of the worst, the worst first. ``uncompared``
    counts operators that only the int8 or only the float32 network has.
    """

    file: str
    sha256: str
    images: int
    layers: tuple[Layer, ...]
    worst: tuple[int, ...]
    uncompared: int


@dataclass(frozen=True)
class Report:
    """The document."""

    created: str
    versions: dict[str, str]
    model: ModelDescription
    verdict: Verdict
    warnings: tuple[Sentence, ...]
    groups: tuple[Group, ...]
    disagreements: tuple[DisagreementCard, ...]
    training: tuple[Stage, ...]
    origin: Origin | None
    layer_noise: LayerNoise | None = None
    mistakes: Mistakes | None = None
    about: About = NOTHING_SAID
    schema: Annotated[int, Interval(ge=SCHEMA, le=SCHEMA)] = SCHEMA

    def _repr_html_(self) -> str:
        """The verdict, for a notebook."""
        return f"<p>{html.escape(self.verdict.text)}</p>"

    def to_json(self) -> str:
        """The document as indented JSON, its schema number first."""
        return json.dumps({"schema": self.schema} | codec.as_json(self), indent=1, allow_nan=False) + "\n"
