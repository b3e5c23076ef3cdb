"""The folders of Hugging Face's ImageFolder: metadata.csv or metadata.jsonl beside the images, or in each split."""

from dataclasses import dataclass
from pathlib import Path

from tlpipe.data import columns, listed
from tlpipe.data.listed import Listed
from tlpipe.data.places import Places
from tlpipe.data.splits import SPLITS
from tlpipe_edge.errors import BadData

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


def _splits(folder: Path) -> list[tuple[Path, str]]:
    named = ((child, SPLITS.get(child.name.lower())) for child in sorted(folder.iterdir()))
    return [(child, split) for child, split in named if split is not None and child.is_dir()]


def _in(folder: Path, split: str | None) -> tuple[Metadata, ...]:
    there = [folder / name for name in NAMES if (folder / name).is_file()]
    if len(there) > 1:
        raise BadData(f"both {' and '.join(NAMES)} are here", "Remove one of them.", where=folder)
    return tuple(Metadata(file, split) for file in there)
