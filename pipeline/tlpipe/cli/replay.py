"""The options that repeat a run."""

import dataclasses
from collections.abc import Iterator

import typer

from tlpipe.cli import configuration
from tlpipe.data.dataset import Dataset
from tlpipe.runs import run_folder
from tlpipe.runs.config import Finetuning, Head, Stage, Training
from tlpipe.runs.run_folder import FROZEN, Run
from tlpipe_edge.console import progress

Lines = dict[str, tuple[object, str]]
"""A value and its comment by key; None for a value that is not set."""


def tables(run: Run, context: typer.Context) -> dict[str, Lines]:
    """The tables [train] and [finetune]: by key, a value and a comment.

    Warn of what the options cannot repeat: settings that only Python has, and fractions that an earlier version did not
    record. Raise BadConfiguration or BadData if a file of the run is damaged.
    """
    training = run.training
    known = configuration.tables(context.find_root())
    dataset = Dataset.read(run_folder.checked(run.path / FROZEN, run_folder.SPLITS))
    first = dataclasses.asdict(training) | dataclasses.asdict(training.first_stage)
    chosen: dict[str, dict[str, object]] = {"train": first, "finetune": dataclasses.asdict(training.finetuning)}
    found: dict[str, Lines] = {"train": {"data": (dataset.source, "")}, "finetune": {}}
    for table, values in chosen.items():
        names = {parameter.name: key for key, parameter in known[table].items()}
        found[table] |= {names[name]: (value, "") for name, value in values.items() if name in names}
    found["train"] |= _fractions(dataset) | _reading(dataset)
    for what in _without_option(training, found):
        progress.warn(f"{run.path}: {what}")
    return {table: {key: found[table][key] for key in known[table] if key in found[table]} for table in found}


def _fractions(dataset: Dataset) -> Lines:
    """The shares of the held-out splits; without a record, estimates."""
    if dataset.fractions is not None:
        return {f"{split}-fraction": (dataset.fractions[split], "") for split in ("validation", "test")}
    images = sum(map(len, dataset.splits.values()))
    lines: Lines = {}
    for split in ("validation", "test"):
        held_out = len(dataset.splits.get(split, ()))
        if split in dataset.cut:
            lines[f"{split}-fraction"] = (round(held_out / images, 2), f"about: {held_out} of {images} images")
            progress.warn(f"the {split} fraction was not recorded; it is estimated, so the split may differ")
        elif not held_out:
            lines[f"{split}-fraction"] = (0.0, "")
    return lines


def _reading(dataset: Dataset) -> Lines:
    said = {"format": dataset.reading.format, "images": dataset.reading.images}
    return {key: (value, "") for key, value in said.items() if value is not None}


def _without_option(training: Training, found: dict[str, Lines]) -> Iterator[str]:
    """What the run has and the options cannot set."""
    usual = Training()
    head = Training(weights="none").first_stage if training.from_scratch else Head()
    pairs: list[tuple[Training | Stage, Training | Stage, str]] = [
        (training, usual, "train"),
        (training.first_stage, head, "train"),
        (training.finetuning, Finetuning(), "finetune"),
    ]
    for made, default, table in pairs:
        for field in dataclasses.fields(made):
            was, is_now = getattr(made, field.name), getattr(default, field.name)
            optional = field.name.replace("_", "-") in found[table] or field.name in ("head", "finetuning")
            if not optional and was != is_now:
                yield f"{field.name} was {was!r}; no option sets it, so it would be {is_now!r}: repeat it from Python"
