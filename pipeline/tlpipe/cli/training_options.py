"""The options of the frozen stage, which `train` and `run` share, and the job that they describe."""

import functools
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from tlpipe.cli.configuration import without_arguments
from tlpipe.cli.options import (
    Alpha,
    BackboneName,
    Balance,
    BatchSize,
    Crop,
    CropChoice,
    Data,
    DataFormat,
    Deterministic,
    Epochs,
    ImageFolder,
    ImageSize,
    LearningRate,
    Out,
    Overwrite,
    Restart,
    Seed,
    Strict,
    TestFraction,
    ValidationFraction,
    Views,
    Weights,
)
from tlpipe.data import reading
from tlpipe.network.backbones import IMAGENET, NONE
from tlpipe.runs.config import Finetuning, Head, Training

if TYPE_CHECKING:
    from tlpipe.workflow import TrainingJob

DEFAULTS = Training()
"""The default values of options."""
DEFAULT_CROP = CropChoice(DEFAULTS.crop)


def _training(
    context: typer.Context,
    data: Data,
    out: Out = None,
    backbone: BackboneName = DEFAULTS.backbone,
    weights: Weights = DEFAULTS.weights,
    image_size: ImageSize = DEFAULTS.image_size,
    alpha: Alpha = DEFAULTS.alpha,
    form: DataFormat = None,
    images: ImageFolder = None,
    crop: Crop = DEFAULT_CROP,
    views: Views = DEFAULTS.views,
    epochs: Epochs = DEFAULTS.head.epochs,
    batch_size: BatchSize = DEFAULTS.batch_size,
    learning_rate: LearningRate = DEFAULTS.head.learning_rate,
    validation_fraction: ValidationFraction = 0.1,
    test_fraction: TestFraction = 0.1,
    seed: Seed = DEFAULTS.seed,
    deterministic: Deterministic = DEFAULTS.deterministic,
    class_weights: Balance = DEFAULTS.class_weights,
    strict: Strict = False,
    overwrite: Overwrite = False,
    restart: Restart = False,
) -> "TrainingJob":
    """The frozen stage, with the options that `train` and `run` share."""
    from tlpipe.workflow import TrainingJob
    from tlpipe_edge.contract import manifest

    training = Training(
        backbone=backbone,
        weights=weights if weights in (IMAGENET, NONE) else str(Path(weights).absolute()),
        image_size=image_size,
        alpha=alpha,
        crop=manifest.Crop.CENTER if crop is CropChoice.AUTO else manifest.Crop(crop.value),
        views=views,
        batch_size=batch_size,
        seed=seed,
        deterministic=deterministic,
        class_weights=class_weights,
        head=Head(epochs=epochs, learning_rate=learning_rate),
        finetuning=_finetuning(context),
    )
    return TrainingJob(
        data,
        training,
        out,
        crop_auto=crop is CropChoice.AUTO,
        validation_fraction=validation_fraction,
        test_fraction=test_fraction,
        strict=strict,
        overwrite=overwrite,
        restart=restart,
        reading=reading.parse(form, images),
    )


def _finetuning(context: typer.Context) -> Finetuning:
    """The second stage: `run` has no options for it, and does what `finetune` would do with the same configuration."""
    values = without_arguments(context, "finetune").params
    return Finetuning(**{name: values[name] for name in ("top_layers", "epochs", "learning_rate")})


def with_training_options(command: Callable[..., None]) -> Callable[..., None]:
    """The ``command``, which takes a TrainingJob first, with the options of ``_training`` in the place of the job."""
    shared = inspect.signature(_training).parameters
    own = dict(list(inspect.signature(command).parameters.items())[1:])
    options = [*{**shared, **own}.values()]

    @functools.wraps(command)
    def called(**given: Any) -> None:
        job = _training(**{name: given[name] for name in shared})
        command(job, **{name: given[name] for name in own})

    called.__annotations__ = {each.name: each.annotation for each in options}
    vars(called)["__signature__"] = inspect.Signature(options)
    return called
