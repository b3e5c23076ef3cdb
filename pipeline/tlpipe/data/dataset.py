"""Examples with labels and splits: images are hashed, missing splits held out from train, and all stored as JSON."""

import json
import random
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tlpipe.data import listing
from tlpipe.data.listing import Listing
from tlpipe_edge.console import progress
from tlpipe_edge.contract.files import parse_json, sha256_of
from tlpipe_edge.errors import BadData, MissingInput, WrongUsage


@dataclass(frozen=True)
class Example:
    """An image file with the index of its label and its sha256 ("" if the file cannot be read).

    ``problem`` says why the image cannot be read, as far as known. Such an example stays in its split: it is not used
    for training, and counts as wrong when the split is scored.
    """

    file: Path
    label: int
    sha256: str
    problem: str | None = None


@dataclass(frozen=True)
class Dataset:
    """Labels and splits. ``splits`` has train, validation, and test if there is one. ``cut`` names the splits that were
    held out from train. ``warnings`` are for the user. ``fractions`` are the shares to hold out for missing splits that
    ``load`` was given, by split; None if an earlier version, which did not record them, stored the splits.
    """

    source: Path
    labels: tuple[str, ...]
    splits: Mapping[str, tuple[Example, ...]]
    cut: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    fractions: Mapping[str, float] | None = None

    @property
    def evaluation_split(self) -> str:
        """The split for the stated results: test, or validation if there is no test split."""
        return "test" if self.splits.get("test") else "validation"

    def check_trainable(self) -> None:
        """Raise BadData if a class has no readable training image, or if there is no readable validation image."""
        trained_on = {example.label for example in self.splits["train"] if example.problem is None}
        for index, label in enumerate(self.labels):
            if index not in trained_on:
                raise BadData(
                    f"no readable training image of class {label!r}",
                    "Add images, or remove the class.",
                    where=self.source,
                )
        if all(example.problem is not None for example in self.splits["validation"]):
            raise BadData("no readable validation image", "Add images.", where=self.source)

    def check_there(self) -> None:
        """Raise MissingInput if none of the files is there any more."""
        if not any(example.file.exists() for examples in self.splits.values() for example in examples):
            raise MissingInput(
                "the images that the run was trained on are not there", "Move them back.", where=self.source
            )

    def to_json(self) -> str:
        """The splits with file hashes, as indented JSON."""
        document = {
            "schema": 1,
            "source": str(self.source),
            "labels": self.labels,
            "cut_from_train": self.cut,
            **({} if self.fractions is None else {"fractions": dict(self.fractions)}),
            "splits": {
                name: [{"file": str(e.file), "label": self.labels[e.label], "sha256": e.sha256} for e in examples]
                for name, examples in self.splits.items()
            },
            "unreadable": [
                {"file": str(example.file), "reason": example.problem}
                for examples in self.splits.values()
                for example in examples
                if example.problem is not None
            ],
        }
        return json.dumps(document, indent=1) + "\n"

    @classmethod
    def read(cls, file: Path) -> "Dataset":
        """Read what ``to_json`` wrote. Raise BadData if the file is damaged."""
        try:
            document = parse_json(file.read_text())
            index = {label: number for number, label in enumerate(document["labels"])}
            problems = {row["file"]: str(row["reason"]) for row in document["unreadable"]}
            return cls(
                Path(document["source"]),
                tuple(document["labels"]),
                {
                    name: tuple(
                        Example(Path(row["file"]), index[row["label"]], row["sha256"], problems.get(row["file"]))
                        for row in rows
                    )
                    for name, rows in document["splits"].items()
                },
                tuple(document["cut_from_train"]),
                fractions=_fractions(document.get("fractions")),
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise BadData(f"not the splits of a run ({error})", "Train the run again.", where=file) from error


def load(data: Path, *, validation_fraction: float = 0.1, test_fraction: float = 0.1, seed: int = 0) -> Dataset:
    """Find the images below ``data``, hash them, and hold out missing splits from train.

    ``data`` is a folder with one subfolder per class, or one with train/, validation/ and test/, each with one
    subfolder per class, or a CSV of path,label[,split]. Held-out splits are stratified and seeded, have at least one
    image of every class, and keep copies of a file together. Raise MissingInput, BadData or WrongUsage.
    """
    check_fraction("validation", validation_fraction)
    check_fraction("test", test_fraction)
    data = data.absolute()
    found = listing.read(data)
    missing = {"test": test_fraction, "validation": validation_fraction}
    if sum(fraction for split, fraction in missing.items() if split not in found) >= 0.9:
        raise WrongUsage("validation and test fractions leave too little to train on", "Keep their sum below 0.9.")
    labels = _labels(found, data)
    to_cut = [split for split, fraction in missing.items() if split not in found and fraction > 0]
    if "validation" not in (*found, *to_cut):
        raise WrongUsage("no validation images to select the best weights", "Use --validation-fraction 0.1.")
    _check_enough(found["train"], splits=1 + len(to_cut))
    splits = {split: _examples(files, labels, split) for split, files in found.items()}
    cut: list[str] = []
    for split in to_cut:
        # The share is of all images without a split, so it does not depend on the order of the cuts.
        already = sum(len(splits[name]) for name in cut)
        share = missing[split] * (len(splits["train"]) + already) / len(splits["train"])
        splits["train"], splits[split] = _cut(splits["train"], share, seed, labels)
        cut.append(split)
    warnings = (*listing.notes(data, found), *_duplicates(splits, labels))
    dataset = Dataset(data, labels, splits, tuple(sorted(cut)), warnings, missing)
    dataset.check_trainable()
    return dataset


def check_fraction(split: str, fraction: float) -> None:
    """Raise WrongUsage if this share of train cannot be held out for ``split``."""
    if not 0 <= fraction < 0.9:
        raise WrongUsage(f"invalid {split} fraction: {fraction:g}", "Use a number from 0 to below 0.9.")


def labelled(data: Path, labels: tuple[str, ...]) -> tuple[str, tuple[Example, ...]]:
    """The examples in ``data`` for a model with these labels, and a name for them.

    ``data`` is as in ``load``; of several splits, the test split is used, or else validation. A class may be missing.
    Raise BadData if there is a class that the labels do not have, MissingInput if there is no such folder.
    """
    data = data.absolute()
    found = listing.read(data)
    split = next((name for name in ("test", "validation") if found.get(name)), "train")
    for _, label in found[split]:
        if label not in labels:
            raise BadData(
                f"class {label!r} is not a class of the model",
                listing.nesting(data) or f"Its classes are {', '.join(labels)}.",
                where=data,
            )
    name = data.name if len(found) == 1 else f"{data.name}, {split}"
    return name, _examples(found[split], labels, split)


def label_indices(examples: Sequence[Example]) -> np.ndarray:
    """The label index of each example: (N,) int64."""
    return np.array([example.label for example in examples], np.int64)


def _examples(files: Collection[tuple[Path, str]], labels: tuple[str, ...], split: str) -> tuple[Example, ...]:
    """Hash the files; those that cannot be read have a problem."""
    index = {label: number for number, label in enumerate(labels)}
    examples = []
    for file, label in progress.track(files, description=f"hashing {split} images"):
        try:
            examples.append(Example(file, index[label], sha256_of(file)))
        except OSError as error:
            examples.append(Example(file, index[label], "", f"cannot be read ({error.strerror})"))
    return tuple(examples)


def _labels(found: Listing, data: Path) -> tuple[str, ...]:
    if "train" not in found:
        raise BadData("no training images", "Add a folder train/, or CSV rows with the split train.", where=data)
    labels = tuple(sorted({label for _, label in found["train"]}))
    for label in labels:
        if not label.strip() or label.splitlines() != [label] or not _is_unicode(label):
            raise BadData(f"class {label!r} is blank, has several lines or is not Unicode", "Rename it.", where=data)
    if len(labels) < 2:
        raise BadData(
            f"only one class ({labels[0]!r})",
            listing.nesting(data) or "A classifier needs two classes or more, in a folder each.",
            where=data,
        )
    for split, files in found.items():
        for file, label in files:
            if label not in labels:
                raise BadData(
                    f"class {label!r} is in {split} but not in train", "Add it to train, or remove it.", where=file
                )
    return labels


def _fractions(stored: Mapping[str, float] | None) -> dict[str, float] | None:
    return None if stored is None else {split: float(stored[split]) for split in ("test", "validation")}


def _check_enough(files: Collection[tuple[Path, str]], *, splits: int) -> None:
    """Raise BadData if a class has not an image for each of these splits."""
    for label, images in Counter(label for _, label in files).items():
        if images < splits:
            raise _too_few(label)


def _too_few(label: str) -> BadData:
    return BadData(
        "too few different images to hold out a split",
        "Add images, or add the splits yourself.",
        where=f"class {label!r}",
    )


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _cut(
    examples: tuple[Example, ...], fraction: float, seed: int, labels: tuple[str, ...]
) -> tuple[tuple[Example, ...], tuple[Example, ...]]:
    """Two parts, the second with ``fraction`` of each class; both have at least one image of each class."""
    chosen: set[str] = set()
    for index, label in enumerate(labels):
        hashes = sorted({example.sha256 for example in examples if example.label == index} - chosen)
        if len(hashes) < 2:
            raise _too_few(label)
        random.Random(f"{seed} {label}").shuffle(hashes)
        chosen.update(hashes[: min(len(hashes) - 1, max(1, round(fraction * len(hashes))))])
    return (
        tuple(example for example in examples if example.sha256 not in chosen),
        tuple(example for example in examples if example.sha256 in chosen),
    )


def _duplicates(splits: Mapping[str, Iterable[Example]], labels: tuple[str, ...]) -> list[str]:
    """A warning for each image that is in two splits, or in two classes."""
    seen: dict[str, tuple[str, Example]] = {}
    warnings = []
    for split, examples in splits.items():
        for example in filter(lambda each: each.sha256, examples):
            other_split, other = seen.setdefault(example.sha256, (split, example))
            if other_split != split:
                warnings.append(f"{example.file}: the same image is in {other_split} ({other.file})")
            elif other.label != example.label:
                warnings.append(f"{example.file}: the same image is in class {labels[other.label]!r} ({other.file})")
    return warnings
