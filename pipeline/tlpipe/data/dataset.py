"""Examples with labels and splits, stored as JSON."""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import numpy as np
from annotated_types import Predicate

from tlpipe.data import archive, folders
from tlpipe.data.archive import Unpacked
from tlpipe.data.reading import FROM_DATA, Format, Reading
from tlpipe_edge.contract import codec
from tlpipe_edge.contract.codec import Misfit
from tlpipe_edge.contract.files import parse_json
from tlpipe_edge.contract.ranges import FilePath, Labels, Sha256, Share
from tlpipe_edge.errors import BadData, MissingInput


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
class _Row:
    """An example in the JSON."""

    file: FilePath
    label: str
    sha256: str


@dataclass(frozen=True)
class _Unreadable:
    file: str
    reason: str


@dataclass(frozen=True)
class _Archive:
    sha256: Annotated[Sha256, Predicate(re.compile("[0-9a-f]*").fullmatch)]
    folder: FilePath


@dataclass(frozen=True)
class _Stored:
    """The JSON of a ``Dataset``. Version 0.1.0 wrote no ``fractions``."""

    source: FilePath
    labels: Labels
    splits: dict[str, tuple[_Row, ...]]
    unreadable: tuple[_Unreadable, ...]
    cut_from_train: tuple[str, ...]
    fractions: dict[str, Share] | None = None
    format: Format | None = None
    images: FilePath | None = None
    unpacked: _Archive | None = None

    def check(self) -> None:
        for name in ("train", "validation"):
            if name not in self.splits:
                raise Misfit(f"no {name}", ".splits")
        if self.fractions is not None and not {"test", "validation"} <= self.fractions.keys():
            raise Misfit("not one of each split", ".fractions")
        labels = set(self.labels)
        for name, rows in self.splits.items():
            for place, row in enumerate(rows):
                if row.label not in labels:
                    raise Misfit("not one of the labels", f".splits.{name[:40]}[{place}].label")


@dataclass(frozen=True)
class Dataset:
    """Labels and splits. ``splits`` has train, validation, and test if there is one. ``cut`` names the splits that were
    held out from train. ``warnings`` are for the user. ``fractions`` are the shares to hold out for missing splits that
    ``load`` was given, by split; None if an earlier version, which did not record them, stored the splits. ``reading``
    is what ``load`` was told of the source. If that is an archive, the images are ``unpacked``.
    """

    source: Path
    labels: tuple[str, ...]
    splits: Mapping[str, tuple[Example, ...]]
    cut: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    fractions: Mapping[str, float] | None = None
    reading: Reading = FROM_DATA
    unpacked: Unpacked | None = None

    @property
    def evaluation_split(self) -> str:
        """The split for the stated results: test, or validation if there is no test split."""
        return "test" if self.splits.get("test") else "validation"

    def check_usable(self) -> None:
        """Raise BadData if there is no readable training image at all, or no readable validation image."""
        for split in ("train", "validation"):
            self._check_readable(split)

    def check_trainable(self) -> None:
        """Raise BadData if a class has no readable training image, or if there is no readable validation image."""
        trained_on = {example.label for example in self.splits["train"] if example.problem is None}
        for index, label in enumerate(self.labels):
            if index not in trained_on:
                unreadable = sum(each.label == index and each.problem is not None for each in self.splits["train"])
                raise BadData(
                    f"no readable training image of class {label!r}{folders.lost(self.source, label, unreadable)}",
                    "Add images, or remove the class.",
                    where=self.source,
                )
        self._check_readable("validation")

    def _check_readable(self, split: str) -> None:
        examples = self.splits[split]
        if all(example.problem is not None for example in examples):
            reason = f"no readable {split} image, as all {len(examples)} are damaged"
            raise BadData(reason, "Repair them, or replace them by other images.", where=self.source)

    def with_images(self) -> "Dataset":
        """The same images where they are now: those of an archive are unpacked again if the cache has lost them.

        Raise the errors of ``archive.unpacked``.
        """
        if self.unpacked is None:
            return self
        there = archive.unpacked(self.source, sha256=self.unpacked.sha256)
        before = self.unpacked.folder
        splits = {
            split: tuple(
                replace(each, file=there.folder / each.file.relative_to(before))
                if each.file.is_relative_to(before)
                else each
                for each in examples
            )
            for split, examples in self.splits.items()
        }
        return replace(self, splits=splits, unpacked=there)

    def check_there(self) -> None:
        """Raise MissingInput if none of the files is there any more, nor the archive that they were in."""
        if self.unpacked is not None and self.source.exists():
            return
        if not any(example.file.exists() for examples in self.splits.values() for example in examples):
            if self.unpacked is not None:
                raise archive.gone(self.source)
            raise MissingInput(
                "the images that the run was trained on are not there", "Move them back.", where=self.source
            )

    def to_json(self) -> str:
        """The splits with file hashes, as JSON of a line for each image."""
        return "".join(self._json())

    def write(self, file: Path) -> None:
        """Write ``to_json`` to a file, image by image."""
        with file.open("w", encoding="utf-8") as stream:
            stream.writelines(self._json())

    def files(self) -> Iterator[Path]:
        """The files of all images."""
        return (example.file for examples in self.splits.values() for example in examples)

    def sha256(self) -> str:
        """The sha256 of ``to_json``."""
        found = hashlib.sha256()
        for part in self._json():
            found.update(part.encode())
        return found.hexdigest()

    def _json(self) -> Iterator[str]:
        head = {
            "schema": 1,
            "source": str(self.source),
            "labels": self.labels,
            "cut_from_train": self.cut,
            **({} if self.fractions is None else {"fractions": dict(self.fractions)}),
            **self._stored_reading(),
        }
        yield json.dumps(head, indent=1).removesuffix("\n}") + ',\n "splits": {'
        for number, (name, examples) in enumerate(self.splits.items()):
            yield f"{',' * (number > 0)}\n  {json.dumps(name)}: ["
            yield from _lines(
                {"file": str(e.file), "label": self.labels[e.label], "sha256": e.sha256} for e in examples
            )
            yield "]"
        problems = (e for examples in self.splits.values() for e in examples if e.problem is not None)
        yield '\n },\n "unreadable": ['
        yield from _lines({"file": str(each.file), "reason": each.problem} for each in problems)
        yield "]\n}\n"

    def _stored_reading(self) -> dict[str, object]:
        images, unpacked = self.reading.images, self.unpacked
        stored = {
            "format": self.reading.format,
            "images": None if images is None else str(images),
            "unpacked": unpacked and {"sha256": unpacked.sha256, "folder": str(unpacked.folder)},
        }
        return {key: value for key, value in stored.items() if value is not None}

    @classmethod
    def read(cls, file: Path) -> "Dataset":
        """Read what ``to_json`` wrote. Raise BadData if the file is damaged."""
        advice = "Train the run again."
        try:
            document = parse_json(file.read_text(encoding="utf-8"))
            stored: _Stored = codec.read(_Stored, document, str(file), advice)
        except (OSError, ValueError, RecursionError) as error:
            raise BadData(f"not the splits of a run ({error})", advice, where=file) from error
        except BadData as error:
            raise BadData(f"not the splits of a run ({error.reason})", advice, where=file) from error
        index = {label: number for number, label in enumerate(stored.labels)}
        problems = {each.file: each.reason for each in stored.unreadable}
        source, unpacked = Path(stored.source), stored.unpacked
        return cls(
            source,
            stored.labels,
            {
                name: tuple(
                    Example(Path(row.file), index[row.label], row.sha256, problems.get(row.file)) for row in rows
                )
                for name, rows in stored.splits.items()
            },
            stored.cut_from_train,
            fractions=stored.fractions,
            reading=Reading(stored.format, None if stored.images is None else Path(stored.images)),
            unpacked=None if unpacked is None else Unpacked(source, unpacked.sha256, Path(unpacked.folder)),
        )


def _lines(rows: Iterable[Mapping[str, object]]) -> Iterator[str]:
    """The elements of a JSON array, on a line each."""
    for number, row in enumerate(rows):
        yield f"{',' * (number > 0)}\n   {json.dumps(row)}"


def label_indices(examples: Sequence[Example]) -> np.ndarray:
    """The label index of each example: (N,) int64."""
    return np.array([example.label for example in examples], np.int64)
