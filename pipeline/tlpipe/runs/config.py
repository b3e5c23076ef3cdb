"""The training recipe: every setting of both stages, and how a run keeps it as JSON.

Each stage's config.json is flat: the settings that both stages share, then those of the stage itself.
"""

import dataclasses
import json
from dataclasses import dataclass
from numbers import Number
from pathlib import Path
from typing import Annotated, Any

from annotated_types import Ge, Interval

from tlpipe.network import backbones
from tlpipe_edge.contract import codec
from tlpipe_edge.contract.codec import Misfit
from tlpipe_edge.contract.files import parse_json
from tlpipe_edge.contract.manifest import Crop, ImageSpec
from tlpipe_edge.contract.ranges import Count, Positive, Share
from tlpipe_edge.errors import BadConfiguration, BadData, WrongUsage

SCHEMA = 1

PACKAGES = ("tlpipe", "tensorflow", "keras", "ai-edge-litert", "numpy", "opencv-python-headless", "pillow")
"""What a result depends on."""

_ADDED = {"cosine", "warmup_steps", "average", "patience"}
"""Keys that version 0.1.0 did not write: their defaults are what it did. Every other key has to be there."""


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


Rate = Annotated[float, Ge(0)]


@dataclass(frozen=True)
class Stage:
    """How the layers of one stage train, by AdamW (Adam if ``weight_decay`` is 0), with the best epoch kept.

    epochs: maximum number of epochs; 0 keeps the weights as they are.
    learning_rate: the initial one, or with ``cosine`` the one after the warm-up.
    top_layers: how many of the backbone's layers train, counted from the top; 0 trains the head alone.
    weight_decay: decoupled, as a share of the weight at a learning rate of 1.
    label_smoothing: 0..1, of the loss that is minimized; the losses in the history are without it.
    cosine: warm up, then decay to zero over all epochs; without it the learning rate is constant.
    warmup_steps: batches of the warm-up, at most one epoch; used with ``cosine``.
    average: validate and keep the moving average of the weights over about the last epoch.
    patience: stop after this many epochs without a better one on validation; 0 never stops.

    Raises WrongUsage for a value outside its range.
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
    """The second stage: the backbone's top layers with the head, from where the first stage ended.

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
    """The recipe of a run: all that decides what both stages come to, apart from the data.

    What the defaults come to at ``image_size=224``, over seeds 0, 1 and 2 of ``tlpipe run DATA --image-size 224``
    (benchmarks/default_recipe.py, on clothing-dataset-small: 10 classes, 3,068 training images that 307 test images are
    cut from, 341 validation images): top-1 of Keras on test 0.938 (median; 0.922 to 0.941), on validation 0.924 (0.918
    to 0.924); int8 agrees with Keras on 99.0 to 100 % of the test images, with a top-1 that is equal or, for one seed,
    0.7 points higher. With today's resize seed 0 came to 0.948 on test. At 160 px the first stage alone comes to 0.874
    on validation (benchmarks/frozen_stage.py, one round).

    weights: "imagenet" (downloaded by Keras), a weights file of the backbone without its top, or "none": then the first
        stage trains the whole network from random weights, with ``cosine`` and without ``patience``, whatever ``head``
        says.
    backbone, alpha: the network, and the width that it comes in; 1.0 if it has none.
    image_size: side of the square input, in pixels. crop: how an image becomes that square.
    views: seeded views of each training image, the plain one and augmented ones; epoch n trains on view n modulo views.
    batch_size: training batch size. dropout: 0..1, before the head.
    seed: for splits, augmentation, initialization and shuffling. deterministic: the same bits each time on one machine.
    head, finetuning: the two stages.

    Raises WrongUsage for a value outside its range, and for one that the backbone does not come in.
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
    head: Head = Head()
    finetuning: Finetuning = Finetuning()

    def __post_init__(self) -> None:
        if isinstance(self.weights, Path):
            object.__setattr__(self, "weights", str(self.weights))
        _check(self)
        object.__setattr__(self, "crop", Crop(self.crop))  # from a plain text, too
        backbones.find(self.backbone).check(alpha=self.alpha, size=self.image_size, weights=self.weights)

    @property
    def spec(self) -> ImageSpec:
        """How images become tensors in this run."""
        return ImageSpec(self.image_size, self.crop)

    @property
    def from_scratch(self) -> bool:
        """Whether the first stage trains the whole network, for there are no weights to start from."""
        return self.weights == "none"

    @property
    def first_stage(self) -> Head:
        """``head``, or what it becomes from scratch: a whole network needs a decaying rate, and all its epochs."""
        return dataclasses.replace(self.head, cosine=True, patience=0) if self.from_scratch else self.head

    def to_json(self, stage: Stage, versions: dict[str, str]) -> str:
        """What the folder of ``stage`` keeps: the shared settings, its own, and the versions of ``PACKAGES``.

        That of the first stage also keeps ``finetuning``, for the second one to come.
        """
        shared = dataclasses.asdict(self)
        to_come = {"finetuning": shared["finetuning"]} if isinstance(stage, Head) else {}
        del shared["head"], shared["finetuning"]
        document = {"schema": SCHEMA} | shared | dataclasses.asdict(stage) | to_come | {"versions": versions}
        return json.dumps(document, indent=2) + "\n"

    @classmethod
    def read(cls, head: Path, finetuning: Path | None = None) -> "Training":
        """Read what ``to_json`` wrote for the first stage, and for the second if there is one.

        Without it, ``finetuning`` is what the first stage keeps, or in a run of version 0.1.0 its defaults.

        Raises BadConfiguration for a file that is damaged or of another schema.
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
    """A stage's config.json as a ``kind``; a missing key that every version wrote is an error, and no default."""
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
    """A JSON object of ``SCHEMA`` from a run. Raises BadConfiguration where it is damaged or of another schema."""
    try:
        document = parse_json(file.read_text())
    except (OSError, ValueError, RecursionError) as error:
        raise BadConfiguration(f"cannot be read ({error})", "Train the run again.", where=file) from error
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        raise BadConfiguration(f"not of schema {SCHEMA}", "Train the run again, or upgrade tlpipe.", where=file)
    return document
