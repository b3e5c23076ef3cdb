"""A folder of photographs, or a CSV that lists them, becomes labels and splits."""

import csv
import hashlib
import json
import random
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from tlpipe import progress
from tlpipe_edge.errors import BadData, MissingInput, WrongUsage

SPLITS = ("train", "validation", "test")
_FOLDERS = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
    "testing": "test",
}


@dataclass(frozen=True)
class Example:
    """A photograph with its label's index and the sha256 of its file."""

    file: Path
    label: int
    sha256: str


@dataclass(frozen=True)
class Unreadable:
    """A photograph that could not be read, and why."""

    file: Path
    reason: str


@dataclass(frozen=True)
class Dataset:
    """Labels and splits. ``splits`` has train and validation, and test where there is one; ``cut`` names those that
    were cut from train here; ``warnings`` are for the user."""

    source: Path
    labels: tuple[str, ...]
    splits: Mapping[str, tuple[Example, ...]]
    cut: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    unreadable: tuple[Unreadable, ...] = ()

    @property
    def evaluation_split(self) -> str:
        """The split that results are stated on: test, or validation where there is no test split."""
        return "test" if self.splits.get("test") else "validation"

    def without(self, unreadable: Collection[Unreadable]) -> "Dataset":
        """The data set less the photographs that could not be read. Raises BadData when a class has none left."""
        gone = {each.file for each in unreadable}
        splits = {name: tuple(e for e in examples if e.file not in gone) for name, examples in self.splits.items()}
        left = {example.label for example in splits["train"]}
        for index, label in enumerate(self.labels):
            if index not in left:
                raise BadData(
                    f"{self.source}: no readable training image of class {label!r}", "Add images, or remove the class."
                )
        if not splits["validation"]:
            raise BadData(f"{self.source}: no readable validation image", "Add images.")
        return replace(self, splits=splits, unreadable=(*self.unreadable, *unreadable))

    def to_json(self) -> str:
        """The splits with file hashes, as indented JSON."""
        document = {
            "schema": 1,
            "source": str(self.source),
            "labels": self.labels,
            "cut_from_train": self.cut,
            "splits": {
                name: [{"file": str(e.file), "label": self.labels[e.label], "sha256": e.sha256} for e in examples]
                for name, examples in self.splits.items()
            },
            "unreadable": [{"file": str(each.file), "reason": each.reason} for each in self.unreadable],
        }
        return json.dumps(document, indent=1, ensure_ascii=False) + "\n"

    @classmethod
    def read(cls, file: Path) -> "Dataset":
        """Read what ``to_json`` wrote. Raises BadData where the file is damaged."""
        try:
            document = json.loads(file.read_text())
            index = {label: number for number, label in enumerate(document["labels"])}
            return cls(
                Path(document["source"]),
                tuple(document["labels"]),
                {
                    name: tuple(Example(Path(row["file"]), index[row["label"]], row["sha256"]) for row in rows)
                    for name, rows in document["splits"].items()
                },
                tuple(document["cut_from_train"]),
                unreadable=tuple(Unreadable(Path(row["file"]), row["reason"]) for row in document["unreadable"]),
            )
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise BadData(f"{file}: not the splits of a run ({error})", "Train the run again.") from None


def load(data: Path, *, validation_fraction: float = 0.1, test_fraction: float = 0.1, seed: int = 0) -> Dataset:
    """Find the photographs below ``data``, hash them, and cut the splits that are missing from train.

    ``data`` is a folder per class, or train/, validation/ and test/ folders of that, or a CSV of path,label[,split].
    Cuts are stratified and seeded, give every class at least one image, and never put copies of a file on both sides.
    Raises MissingInput, BadData or WrongUsage.
    """
    for name, fraction in (("validation", validation_fraction), ("test", test_fraction)):
        if not 0 <= fraction < 0.9:
            raise WrongUsage(f"a {name} fraction of {fraction:g}", "Give a number from 0 to 0.9.")
    data = data.absolute()
    if not data.exists():
        raise MissingInput(f"{data}: no such folder or CSV file", "Check the path.")
    found = _from_folders(data) if data.is_dir() else _from_csv(data)
    labels = _labels(found, data)
    index = {label: number for number, label in enumerate(labels)}
    splits = {
        split: tuple(
            Example(file, index[label], _sha256(file))
            for file, label in progress.track(files, description=f"hashing {split} images")
        )
        for split, files in found.items()
    }
    cut: list[str] = []
    for split, fraction in (("test", test_fraction), ("validation", validation_fraction)):
        if not splits.get(split) and fraction > 0:
            # The share is of all the photographs that came without a split, so it does not depend on the order of cuts.
            already = sum(len(splits[name]) for name in cut)
            share = fraction * (len(splits["train"]) + already) / len(splits["train"])
            splits["train"], splits[split] = _cut(splits["train"], share, seed, labels)
            cut.append(split)
    if not splits.get("validation"):
        raise WrongUsage(
            "no validation images: nothing to select the best weights by", "Give --validation-fraction 0.1."
        )
    return Dataset(data, labels, splits, tuple(sorted(cut)), tuple(_duplicates(splits, labels)))


def labelled(data: Path, labels: tuple[str, ...]) -> tuple[str, tuple[Example, ...]]:
    """What is to be scored with given labels: a name for it, and its examples.

    Takes what ``load`` takes; of several splits the test split, or else validation. A class may be missing; raises
    BadData for one that the labels do not have, MissingInput where there is no such folder.
    """
    data = data.absolute()
    if not data.exists():
        raise MissingInput(f"{data}: no such folder or CSV file", "Check the path.")
    found = _from_folders(data) if data.is_dir() else _from_csv(data)
    split = next((name for name in ("test", "validation") if found.get(name)), "train")
    index = {label: number for number, label in enumerate(labels)}
    for _, label in found[split]:
        if label not in index:
            raise BadData(f"{data}: class {label!r} is none of the model's", f"Its classes are {', '.join(labels)}.")
    name = data.name if len(found) == 1 else f"{data.name}, {split}"
    return name, tuple(Example(file, index[label], _sha256(file)) for file, label in found[split])


Found = dict[str, list[tuple[Path, str]]]


def _from_folders(data: Path) -> Found:
    folders = {child: _FOLDERS.get(child.name.lower()) for child in _children(data)}
    if "train" not in folders.values():
        return {"train": _classes(data)}
    found: Found = defaultdict(list)
    for folder, split in folders.items():
        if split is None:
            raise BadData(
                f"{folder}: a folder beside train/ that is no split", "Name it validation or test, or move it away."
            )
        found[split] += _classes(folder)
    return dict(found)


def _classes(folder: Path) -> list[tuple[Path, str]]:
    """Every file below each class folder that is not hidden; an empty class is an error."""
    found = []
    for child in _children(folder):
        files = sorted(f for f in child.rglob("*") if f.is_file() and not _hidden(f.relative_to(folder)))
        if not files:
            raise BadData(f"{child}: the class has no images", "Add images, or remove the folder.")
        found += [(file, child.name) for file in files]
    if not found:
        raise BadData(
            f"{folder}: no images in class folders", "Put the images of each class into a folder named after it."
        )
    return found


def _children(folder: Path) -> list[Path]:
    return sorted(child for child in folder.iterdir() if child.is_dir() and not child.name.startswith("."))


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _from_csv(data: Path) -> Found:
    found: Found = defaultdict(list)
    try:
        with data.open(newline="", encoding="utf-8-sig") as stream:
            for number, row in enumerate(csv.DictReader(stream), start=2):
                if not row.get("path") or not row.get("label"):
                    raise BadData(
                        f"{data}, line {number}: no path or no label", "The header is path,label or path,label,split."
                    )
                split = _FOLDERS.get((row.get("split") or "train").strip().lower())
                if split is None:
                    raise BadData(f"{data}, line {number}: no split {row['split']!r}", "Use train, validation or test.")
                file = data.parent / row["path"]
                if not file.is_file():
                    raise MissingInput(
                        f"{data}, line {number}: no file {file}", "Paths count from the folder of the CSV."
                    )
                found[split].append((file, row["label"].strip()))
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadData(f"{data}: not a CSV in UTF-8 ({error})", "Name a folder, or a CSV of path,label.") from None
    if not found.get("train"):
        raise BadData(f"{data}: no training images", "The header is path,label or path,label,split.")
    return dict(found)


def _labels(found: Found, data: Path) -> tuple[str, ...]:
    labels = tuple(sorted({label for _, label in found["train"]}))
    if len(labels) < 2:
        raise BadData(
            f"{data}: one class only ({labels[0]!r})", "A classifier needs a folder for each of two classes or more."
        )
    for split, files in found.items():
        for file, label in files:
            if label not in labels:
                raise BadData(
                    f"{file}: class {label!r} is in {split} but not in train", "Add it to train, or remove it."
                )
    return labels


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _cut(
    examples: tuple[Example, ...], fraction: float, seed: int, labels: tuple[str, ...]
) -> tuple[tuple[Example, ...], tuple[Example, ...]]:
    """Two parts, the second with ``fraction`` of each class: at least one photograph, and one left behind."""
    chosen: set[str] = set()
    for index, label in enumerate(labels):
        hashes = sorted({example.sha256 for example in examples if example.label == index} - chosen)
        if len(hashes) < 2:
            raise BadData(
                f"class {label!r}: too few different images to cut a split from", "Add images, or bring splits."
            )
        random.Random(f"{seed} {label}").shuffle(hashes)
        chosen.update(hashes[: min(len(hashes) - 1, max(1, round(fraction * len(hashes))))])
    return (
        tuple(example for example in examples if example.sha256 not in chosen),
        tuple(example for example in examples if example.sha256 in chosen),
    )


def _duplicates(splits: Mapping[str, Iterable[Example]], labels: tuple[str, ...]) -> list[str]:
    """A warning for each photograph that is in two splits, or in two classes."""
    seen: dict[str, tuple[str, Example]] = {}
    warnings = []
    for split, examples in splits.items():
        for example in examples:
            other_split, other = seen.setdefault(example.sha256, (split, example))
            if other_split != split:
                warnings.append(f"{example.file}: the same photograph is in {other_split} ({other.file})")
            elif other.label != example.label:
                warnings.append(
                    f"{example.file}: the same photograph is in class {labels[other.label]!r} ({other.file})"
                )
    return warnings
