"""The folders of Hugging Face's ImageFolder: metadata.csv or metadata.jsonl beside the images, or in each split."""

import os
from dataclasses import dataclass
from pathlib import Path

from tlpipe.data import columns, listed
from tlpipe.data.listed import Listed
from tlpipe.data.places import Places
from tlpipe.data.splits import SPLITS, Listing
from tlpipe_edge.errors import BadData
from tlpipe_edge.images import walker

NAMES = ("metadata.jsonl", "metadata.csv")
"""The names of metadata files."""


@dataclass(frozen=True)
class Metadata:
    """A metadata file, and the split of its folder; None for the outer folder."""

    file: Path
    split: str | None

    @property
    def has_labels(self) -> bool:
        """Whether it has the columns file_name and label. Raise BadData if it cannot be read."""
        names = listed.names(self.file)
        try:
            found = columns.find(names, where=self.file)
        except BadData:
            return False
        return found.names[found.path].lower() == "file_name"


def find(folder: Path) -> tuple[Metadata, ...]:
    """The metadata files of a folder: its own, or those of the splits in it; empty if there is none.

    Raise BadData if one folder has two.
    """
    own = _in(folder, None)
    if own:
        return own
    return tuple(each for child, split in _splits(folder) for each in _in(child, split))


def splits_without(folder: Path, found: tuple[Metadata, ...]) -> list[Path]:
    """The folders of splits that have no metadata file, if others have one; ``found`` is what ``find`` gave."""
    if any(each.split is None for each in found):
        return []
    return [child for child, _ in _splits(folder) if all(each.file.parent != child for each in found)]


def read(found: tuple[Metadata, ...], *, closed: bool) -> Listed:
    """The images of the metadata files; ``closed`` as in ``Places``. Raise the errors of ``listed.read``."""
    files: dict[str, list[tuple[Path, str]]] = {}
    for each in found:
        one = listed.read(
            each.file, Places(each.file.parent, closed=closed, fixed=True), splits_in_paths=each.split is None
        )
        for split, examples in one.files.items():
            files.setdefault(each.split or split, []).extend(examples)
    return Listed(f"Hugging Face {found[0].file.name}, {one.description}", files)


def notes(found: tuple[Metadata, ...], listed: Listing) -> list[str]:
    """A warning for each metadata file in whose folder are images that it does not list; ``listed`` is what was."""
    used = {os.path.normpath(file) for files in listed.values() for file, _ in files}
    warnings = []
    for each in found:
        others = [file for file in walker.walk(each.file.parent).images if os.path.normpath(file) not in used]
        if others:
            images = f"1 image is not in it ({others[0].name})"
            if len(others) > 1:
                images = f"{len(others)} images are not in it (the first: {others[0].name})"
            warnings.append(f"{each.file}: {images}, so not used")
    return warnings


def _splits(folder: Path) -> list[tuple[Path, str]]:
    named = ((child, SPLITS.get(child.name.lower())) for child in sorted(folder.iterdir()))
    return [(child, split) for child, split in named if split is not None and child.is_dir()]


def _in(folder: Path, split: str | None) -> tuple[Metadata, ...]:
    there = [folder / name for name in NAMES if (folder / name).is_file()]
    if len(there) > 1:
        raise BadData(f"both {' and '.join(NAMES)} are here", "Remove one of them.", where=folder)
    return tuple(Metadata(file, split) for file in there)
