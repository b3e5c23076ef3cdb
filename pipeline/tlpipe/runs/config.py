"""The training recipe: every setting of both stages, and how a run keeps it as JSON.

Each stage's config.json is flat: the settings that both stages share, then those of the stage itself.
"""

import dataclasses
from dataclasses import dataclass
from enum import StrEnum
from numbers import Number
from pathlib import Path
from typing import Annotated, Any

from annotated_types import Ge, Interval

from tlpipe.network import backbones
from tlpipe_edge.contract import checksums, codec
from tlpipe_edge.contract.codec import Misfit
from tlpipe_edge.contract.files import parse_json
from tlpipe_edge.contract.manifest import AdoptedFrom, Crop, ImageSpec
from tlpipe_edge.contract.ranges import Count, Positive, Share
from tlpipe_edge.errors import BadConfiguration, BadData, WrongUsage

SCHEMA = 1

TENSORFLOW = ("tensorflow", "tensorflow-cpu")
"""Its distributions: the second has no code for GPUs."""
PACKAGES = ("tlpipe", TENSORFLOW, "keras", "ai-edge-litert", "numpy", "opencv-python-headless", "pillow")
"""The packages on whose versions a result depends."""

_ADDED = {"cosine", "warmup_steps", "average", "patience", "class_weights"}
"""Keys that version 0.1.0 did not write: their defaults are its behaviour. All other keys are required."""


def _check(recipe: "Stage | Training") -> None:
    for field in dataclasses.fields(recipe):
        value = getattr(recipe, field.name)
        if isinstance(value, Number) and hasattr(value, "item"):  # of NumPy, as a sweep over np.arange gives
            object.__setattr__(recipe, field.name, value.item())
    try:
        codec.check_fields(recipe)
    except Misfit as misfit:
        name = type(recipe).__name__
        raise WrongUsage(f"{misfit}", f"help(tlpipe.{name}) says what it takes.", where=name) from misfit


@dataclass(frozen=True)
class Network:
    """What the manifest of a bundle says of the network: its name, its width multiplier, and the weights from which its
    training started; of a model that was trained elsewhere, its file."""

    name: str
    alpha: float
    weights: str
    adopted: AdoptedFrom | None = None


Rate = Annotated[float, Ge(0)]


class ClassWeights(StrEnum):
    """How much an image counts in the training loss: all alike, or each class alike (images / (classes * images of the
    class), as in scikit-learn)."""

    NONE = "none"
    BALANCED = "balanced"


@dataclass(frozen=True)
class Stage:
    """The settings of one training stage: AdamW (Adam if ``weight_decay`` is 0), with the weights of the best epoch.

    Attributes:
        epochs: Maximum number of epochs; 0 keeps the weights as they are.
        learning_rate: Initial learning rate, or with ``cosine`` the one after the warm-up.
        top_layers: Number of backbone layers to train, counted from the top; 0 trains only the head.
        weight_decay: Decoupled weight decay, as a share of the weight at a learning rate of 1.
        label_smoothing: 0..1, for the training loss; the losses in the history are without it.
        cosine: Warm up, then decay to zero over all epochs; otherwise the learning rate is constant.
        average: Validate and keep the moving average of the weights over about the last epoch.
        patience: Stop after this many epochs without improvement on validation; 0 never stops.
        warmup_steps: Batches of the warm-up, at most one epoch; used with ``cosine``.

    Raise WrongUsage if a value is outside its range.
    """

    epochs: Count
    learning_rate: Rate
    top_layers: Count
    weight_decay: Rate
    label_smoothing: Share
    cosine: bool
    average: bool
    patience: Count
    warmup_steps: Count = 100

    def __post_init__(self) -> None:
        _check(self)


@dataclass(frozen=True)
class Head(Stage):
    """The first stage: a new head on the frozen backbone. Its settings are those of ``tlpipe.runs.config.Stage``."""

    epochs: Count = 15
    learning_rate: Rate = 1e-3
    top_layers: Count = 0
    weight_decay: Rate = 0.0
    label_smoothing: Share = 0.0
    cosine: bool = False
    average: bool = False
    patience: Count = 4


@dataclass(frozen=True)
class Finetuning(Stage):
    """The second stage: the top layers of the backbone and the head, starting from the weights of the first stage.

    Its settings are those of ``tlpipe.runs.config.Stage``.
    """

    epochs: Count = 12
    learning_rate: Rate = 3e-4
    top_layers: Count = backbones.DEFAULT.top_layers
    weight_decay: Rate = 1e-4
    label_smoothing: Share = 0.1
    cosine: bool = True
    average: bool = True
    patience: Count = 0


@dataclass(frozen=True)
class Training:
    """The training configuration of a run: all settings of both stages that affect the result.

    Results of the defaults at ``image_size=224``, over seeds 0, 1 and 2 of ``tlpipe run DATA --image-size 224``
    (benchmarks/default_recipe.py, on clothing-dataset-small: 10 classes, 3,068 training images from which 307 test
    images are cut, 341 validation images): top-1 of Keras on test 0.938 (median; 0.922 to 0.941), on validation 0.924
    (0.918 to 0.924). int8 agrees with Keras on 99.0 to 100 % of the test images; its top-1 is equal or, for one seed,
    0.7 points higher. With the current resize, seed 0 gives 0.948 on test. At 160 px the first stage alone gives 0.871
    on validation (benchmarks/frozen_stage.py).

    Attributes:
        weights: "imagenet" (downloaded by Keras), a weights file of the backbone without its top, or "none": then the
            first stage trains the whole network from random weights, with ``cosine`` and without ``patience``, whatever
            ``head`` says.
        backbone: The network.
        alpha: Its width multiplier; 1.0 if it has none.
        image_size: Side of the square input, in pixels.
        crop: How an image becomes a square.
        views: Seeded views of each training image, the plain one and augmented ones; epoch n trains on view n modulo
            ``views``.
        batch_size: Training batch size.
        dropout: 0..1, before the head.
        seed: For splits, augmentation, initialization and shuffling.
        deterministic: The same bits each time on one machine.
        class_weights: Whether each image or each class has the same weight in the training loss of both stages.
        head: The first stage.
        finetuning: The second stage.

    Raise WrongUsage if a value is outside its range, or the backbone does not support it.
    """

    weights: str = "imagenet"
    backbone: str = backbones.DEFAULT.name
    alpha: float = 1.0
    image_size: int = 160
    crop: Crop = Crop.CENTER
    views: Positive = 6
    batch_size: Positive = 32
    dropout: Annotated[float, Interval(ge=0, lt=1)] = 0.3
    seed: Annotated[int, Interval(ge=0, lt=2**32)] = 0
    deterministic: bool = False
    class_weights: ClassWeights = ClassWeights.NONE
    head: Head = Head()
    finetuning: Finetuning = Finetuning()

    def __post_init__(self) -> None:
        if isinstance(self.weights, Path):
            object.__setattr__(self, "weights", str(self.weights))
        _check(self)
        object.__setattr__(self, "crop", Crop(self.crop))  # from a plain text, too
        object.__setattr__(self, "class_weights", ClassWeights(self.class_weights))
        backbones.find(self.backbone).check(alpha=self.alpha, size=self.image_size, weights=self.weights)

    @property
    def spec(self) -> ImageSpec:
        """The image spec of the run: input size and crop."""
        return ImageSpec(self.image_size, self.crop)

    @property
    def origin(self) -> Network:
        """What the manifest of a bundle says of the network."""
        return Network(self.backbone, self.alpha, Path(self.weights).name)

    @property
    def from_scratch(self) -> bool:
        """Whether the first stage trains the whole network, because there are no pre-trained weights."""
        return self.weights == "none"

    @property
    def first_stage(self) -> Head:
        """``head``; from scratch with ``cosine`` and without ``patience``, as the whole network needs it."""
        return dataclasses.replace(self.head, cosine=True, patience=0) if self.from_scratch else self.head

    def document(self, stage: Stage, versions: dict[str, str]) -> dict[str, object]:
        """What ``run_folder.write_config`` writes for ``stage``: the shared settings, its own, and the versions of
        ``PACKAGES``. That of the first stage also has ``finetuning``, the settings for the second one.
        """
        shared = dataclasses.asdict(self)
        to_come = {"finetuning": shared["finetuning"]} if isinstance(stage, Head) else {}
        del shared["head"], shared["finetuning"]
        return {"schema": SCHEMA} | shared | dataclasses.asdict(stage) | to_come | {"versions": versions}

    @classmethod
    def read(cls, head: Path, finetuning: Path | None = None) -> "Training":
        """Read the config.json of the first stage, and of the second if there is one.

        Without the second, ``finetuning`` is read from the first file; a run of version 0.1.0 has its defaults.

        Raise BadData if a file is damaged, BadConfiguration if it does not fit or is of another schema.
        """
        training: Training = _typed(cls, head)
        training = dataclasses.replace(training, head=_typed(Head, head))
        if finetuning is not None:
            return dataclasses.replace(training, finetuning=_typed(Finetuning, finetuning))
        to_come = read_document(head).get("finetuning")
        if to_come is None:
            return training
        return dataclasses.replace(training, finetuning=_fitted(Finetuning, to_come, head))


def _typed(kind: type, file: Path) -> Any:
    """The config.json of a stage as a ``kind``. A missing key is an error, unless it is in ``_ADDED``."""
    document = read_document(file)
    needed = {field.name for field in dataclasses.fields(kind)} - _ADDED - {"head", "finetuning"}
    missing = sorted(needed - document.keys())
    if missing:
        raise BadConfiguration(f"no {', '.join(missing)}", "Train the run again.", where=file)
    return _fitted(kind, {name: document[name] for name in document.keys() - {"head", "finetuning"}}, file)


def _fitted(kind: type, document: Any, file: Path) -> Any:
    try:
        return codec.read(kind, document, str(file))
    except (BadData, WrongUsage) as error:
        raise BadConfiguration(error.reason, "Train the run again.", where=error.where) from error


def read_document(file: Path) -> dict[str, Any]:
    """Read a JSON object of a run. Raise BadData if it is damaged, BadConfiguration if its schema is not ``SCHEMA``."""
    try:
        document = parse_json(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise BadData(f"cannot be read ({error})", "Train the run again.", where=file) from error
    if isinstance(document, dict):
        checksums.check_seal(document, file, "Copy the run again from where it is intact, or train it again.")
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        raise BadConfiguration(f"not of schema {SCHEMA}", "Train the run again, or upgrade tlpipe.", where=file)
    return document
