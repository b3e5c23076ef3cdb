"""Lists labelled images: class folders, folders of splits, or a CSV -> (file, label) by split."""

import csv
from collections import defaultdict
from pathlib import Path

from tlpipe_edge.errors import BadData, MissingInput
from tlpipe_edge.images.walker import SUFFIXES

_SPLITS = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
    "testing": "test",
}
"""The name of a split in a folder or a CSV, in lower case -> its name here."""

Listing = dict[str, list[tuple[Path, str]]]
"""(file, label) of each image by split; without splits, all are in "train"."""


def read(data: Path) -> Listing:
    """List the images of a folder with one subfolder per class, of train/, validation/ and test/ folders like it, or of
    a CSV.

    Files whose name begins with a dot are ignored. Raise MissingInput or BadData.
    """
    if not data.exists():
        raise MissingInput("no such folder or CSV file", "Check the path.", where=data)
    return _from_folders(data) if data.is_dir() else _from_csv(data)


def unused(data: Path) -> list[str]:
    """A warning if there are images outside of the class folders, which belong to no class."""
    loose = [file for file in data.iterdir() if file.suffix.lower() in SUFFIXES] if data.is_dir() else []
    return [f"{data}: {len(loose)} images outside of the class folders are not used"] if loose else []


def _from_folders(data: Path) -> Listing:
    folders = {child: _SPLITS.get(child.name.lower()) for child in _children(data)}
    if "train" not in folders.values() and not (folders and all(folders.values())):
        return {"train": _classes(data)}
    found: Listing = defaultdict(list)
    for folder, split in folders.items():
        if split is None:
            raise BadData(
                "a folder next to train/ that is not a split",
                "Rename it to validation or test, or move it away.",
                where=folder,
            )
        found[split] += _classes(folder)
    return dict(found)


def _classes(folder: Path) -> list[tuple[Path, str]]:
    """Every file below each class folder that is not hidden, also broken links. An empty class is an error."""
    found = []
    for child in _children(folder):
        files = sorted(f for f in child.rglob("*") if _is_file(f) and not _hidden(f.relative_to(folder)))
        if not files:
            raise BadData("the class has no images", "Add images, or remove the folder.", where=child)
        found += [(file, child.name) for file in files]
    if not found:
        raise BadData(
            "no images in class folders", "Put the images of each class into a folder named after it.", where=folder
        )
    return found


def _children(folder: Path) -> list[Path]:
    return sorted(child for child in folder.iterdir() if child.is_dir() and not child.name.startswith("."))


def _is_file(path: Path) -> bool:
    return path.is_file() or (path.is_symlink() and not path.exists())


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _exists(file: Path) -> bool:
    try:
        return file.is_file()
    except OSError:  # a name that is too long
        return False


def _from_csv(data: Path) -> Listing:
    found: Listing = defaultdict(list)
    try:
        with data.open(newline="", encoding="utf-8-sig") as stream:
            for number, row in enumerate(csv.DictReader(stream), start=2):
                if not row.get("path") or not (row.get("label") or "").strip():
                    raise BadData(
                        "no path or no label",
                        "The header is path,label or path,label,split.",
                        where=f"{data}, line {number}",
                    )
                split = _SPLITS.get((row.get("split") or "train").strip().lower())
                if split is None:
                    raise BadData(
                        f"no split {row['split']!r}", "Use train, validation or test.", where=f"{data}, line {number}"
                    )
                file = data.parent / row["path"]
                if not _exists(file):
                    raise MissingInput(
                        f"no file {file}",
                        "Paths are relative to the folder of the CSV.",
                        where=f"{data}, line {number}",
                    )
                found[split].append((file, row["label"].strip()))
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadData(f"not a CSV in UTF-8 ({error})", "Name a folder, or a CSV of path,label.", where=data) from error
    if not found:
        raise BadData("no images", "The header is path,label or path,label,split.", where=data)
    return dict(found)
