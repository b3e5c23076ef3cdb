"""The two stages: a new head on the frozen backbone, then the backbone's top layers with it."""

import contextlib
import dataclasses
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tlpipe.data.augment import View
from tlpipe.data.dataset import Dataset, label_indices
from tlpipe.features import cache
from tlpipe.features.extractor import Source, open_extractor
from tlpipe.network import build
from tlpipe.network.backend import keras, tf
from tlpipe.network.cut import cut_below, suffix
from tlpipe.runs import run_folder
from tlpipe.runs.config import Config
from tlpipe.runs.history import History
from tlpipe.runs.run_folder import FINETUNED, FROZEN, Run
from tlpipe.storage import atomic
from tlpipe.training import artifacts, fit
from tlpipe.training.crop import choose_crop
from tlpipe.training.readable import checked, warn_of_unreadable
from tlpipe_edge.console import progress

PATIENCE = 4
"""The frozen stage ends after this many epochs without a better one."""


def train(
    photographs: Dataset,
    out: Path,
    config: Config,
    *,
    crop_auto: bool = False,
    strict: bool = False,
    overwrite: bool = False,
) -> Run:
    """The frozen stage: a new head on cached features of the backbone (or, without weights, the whole network).

    The run folder ``out`` appears when all is done. With ``strict`` a photograph that cannot be read ends the training,
    else it is left out and named. Raises the errors of ``build.build`` and ``atomic.directory``.
    """
    atomic.refuse_existing(out, overwrite=overwrite, marker=run_folder.RUN_FILE)
    for warning in photographs.warnings:
        progress.warn(warning)
    _describe(photographs)
    _prepare(config)
    with atomic.directory(out, overwrite=overwrite, marker=run_folder.RUN_FILE) as folder:
        model = build.build(
            config.backbone,
            alpha=config.alpha,
            size=config.image_size,
            weights=config.weights,
            labels=photographs.labels,
            dropout=config.dropout,
            seed=config.seed,
        )
        if config.weights == "none":
            trained = [layer for layer in model.layers if layer.weights]
        else:
            trained = build.trained_layers(model, 0)
        warn_of_unreadable(photographs.unreadable, strict=strict)
        if crop_auto:
            photographs, crop = choose_crop(model, photographs, config, strict=strict)
            config = dataclasses.replace(config, crop=crop)
        photographs, outcome = _stage(model, trained, photographs, config, FROZEN, folder / FROZEN, strict=strict)
        artifacts.write(folder / FROZEN, model, photographs, config, outcome)
        run_folder.write(folder, best=FROZEN)
    return Run.open(out)


def finetune(run: Run, *, top_layers: int, epochs: int, learning_rate: float, overwrite: bool = False) -> Run:
    """Go on from the frozen stage: train the top layers with the head, on cached activations below them.

    Writes the stage 2-finetuned and says in the run which of both is best on validation. Raises BadData where a
    photograph has changed since, WrongUsage for more layers than there are or a stage that exists.
    """
    frozen = run.path / FROZEN
    before = Config.read(frozen / run_folder.CONFIG)
    config = dataclasses.replace(
        before,
        top_layers=top_layers,
        epochs=epochs,
        learning_rate=learning_rate,
        weight_decay=1e-4,
        label_smoothing=0.1,
    )
    photographs = Dataset.read(frozen / run_folder.SPLITS)
    _prepare(config)
    with atomic.locked(run.path):  # also `train --overwrite` waits for it
        with atomic.directory(run.path / FINETUNED, overwrite=overwrite, marker=run_folder.CONFIG) as folder:
            model = build.load(frozen / run_folder.MODEL)
            trained = build.trained_layers(model, top_layers)
            photographs, outcome = _stage(model, trained, photographs, config, FINETUNED, folder, strict=True)
            artifacts.write(
                folder, model, photographs, config, outcome, earlier=[History.read(frozen / run_folder.HISTORY)]
            )
        earlier, later = (artifacts.validation_top1(run.path / name) for name in (FROZEN, FINETUNED))
        best = FINETUNED if later >= earlier else FROZEN
        run_folder.write(run.path, best=best)
    progress.say(f"kept {best}: validation top-1 {earlier:.3f} frozen, {later:.3f} fine-tuned")
    return Run.open(run.path)


def _prepare(config: Config) -> None:
    keras.utils.set_random_seed(config.seed)
    if config.deterministic:
        tf.config.experimental.enable_op_determinism()


def _describe(photographs: Dataset) -> None:
    counts = ", ".join(
        f"{len(examples)} {split}{' (cut from train)' if split in photographs.cut else ''}"
        for split, examples in photographs.splits.items()
    )
    progress.say(f"{len(photographs.labels)} classes; images: {counts}")


def _stage(
    model: Any, trained: list[Any], photographs: Dataset, config: Config, name: str, folder: Path, *, strict: bool
) -> tuple[Dataset, artifacts.Outcome]:
    """Train these layers in place, with TensorBoard's log in ``folder``; the data come back with what is unreadable."""
    cut = "image" if config.weights == "none" and name == FROZEN else cut_below(model, trained)
    build.freeze_all_but(model, trained)
    layers = f"{len(trained)} layer{'s' * (len(trained) != 1)}"
    progress.say(
        f"{name}: training {layers} with {build.parameters(trained):,} of {model.count_params():,} "
        f"parameters, on what comes before from {cut}"
    )
    seconds: dict[str, float] = {}
    with _timed(seconds, "features"):
        extractor = open_extractor(model, cut, config.spec, dtype="float32" if cut == "pooling" else "float16")
        photographs = checked(extractor, photographs, strict=strict)
        readable = {split: photographs.readable(split) for split in photographs.splits}
        plain = {split: extractor.source(e, View(), what=f"{split} images") for split, e in readable.items()}
        views: list[Source] = [plain["train"]]
        for number in range(1, config.views):
            what = f"view {number + 1} of {config.views}"
            views.append(extractor.source(readable["train"], View(number, config.seed), what=what))
    sample = artifacts.sample(photographs, config.spec)
    if cut != "image":
        progress.say(
            f"features: the cache {cache.folder()} holds {cache.size() / 1e6:,.0f} MB of all runs, and beyond "
            f"{cache.LIMIT / 1e9:g} GB forgets the oldest"
        )
    suffix_model = suffix(model, cut)
    classes = len(photographs.labels)
    settings = fit.Settings(
        epochs=config.epochs,
        batch_size=config.batch_size,
        learning_rate=config.learning_rate,
        cosine=name == FINETUNED or config.weights == "none",
        average=name == FINETUNED,
        weight_decay=config.weight_decay,
        label_smoothing=config.label_smoothing,
        patience=PATIENCE if name == FROZEN and config.weights != "none" else 0,
        seed=config.seed,
    )
    with _timed(seconds, "training"):
        history = fit.fit(
            suffix_model,
            fit.Examples(views, label_indices(readable["train"]), classes),
            fit.Examples([plain["validation"]], label_indices(readable["validation"]), classes),
            settings,
            stage=name,
            tensorboard=folder / run_folder.TENSORBOARD,
        )
    ran = history.epochs[-1].number
    ended = f"; no better one came in {settings.patience} more" if ran < settings.epochs else ""
    progress.say(f"{name}: kept epoch {history.best} of {ran}, the best on validation{ended}")
    scores = {}
    for split in ("validation", "test"):
        if examples := photographs.splits.get(split):
            rows = set(readable[split])
            scores[split] = fit.scores(suffix_model, plain[split], [example in rows for example in examples])
    return photographs, artifacts.Outcome(history, scores, seconds, sample)


@contextlib.contextmanager
def _timed(seconds: dict[str, float], what: str) -> Iterator[None]:
    start = time.perf_counter()
    yield
    seconds[what] = time.perf_counter() - start
