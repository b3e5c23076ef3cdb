"""Lists labelled images: class folders, folders of splits, or a CSV -> (file, label) by split."""

import csv
import os
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from tlpipe_edge.contract import kinds
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

LAYOUT = "Name a folder with one subfolder per class: photos/cat/1.jpg, or with splits, photos/train/cat/1.jpg."
"""The advice for whatever is no data set."""

HEADER = "The header is path,label or path,label,split."

Listing = dict[str, list[tuple[Path, str]]]
"""(file, label) of each image by split; without splits, all are in "train"."""


def read(data: Path) -> Listing:
    """List the images of a folder with one subfolder per class, of train/, validation/ and test/ folders like it, or of
    a CSV.

    Files whose name begins with a dot are ignored. Raise MissingInput or BadData.
    """
    check(data)
    return _from_folders(data) if data.is_dir() else _from_csv(data)


def check(data: Path) -> None:
    """Raise MissingInput or BadData if there is neither a folder nor a CSV at this path."""
    if not data.exists():
        raise kinds.missing(data, "folder or CSV file", _can_be_data, advice="Check the path.")
    what = kinds.found(data)
    if what is not None and data.suffix.lower() != ".csv":
        raise BadData(f"this is {what}, not a folder of images or a CSV file", LAYOUT, where=data)


def notes(data: Path, found: Listing) -> list[str]:
    """Warnings of images that are not used, or whose class may be meant otherwise; ``found`` is what ``read`` gave.

    They are outside of the class folders, in folders inside them, or in folders that are only linked there.
    """
    if not data.is_dir():
        return []
    splits = _splits(data)
    roots = list(splits or [data])
    loose = {root: len(_loose(root)) for root in roots}
    warnings = [
        f"{root}: {images} images outside of the class folders are not used" for root, images in loose.items() if images
    ]
    above = len(data.parts) + bool(splits)
    ways = (file.parts[above:] for files in found.values() for file, _ in files)
    inner = [way for way in ways if len(way) > 2]
    if inner:
        folders = sorted({"/".join(way[:2]) for way in inner})
        named = ", ".join(folders[: kinds.MAX_NAMES]) + ", ..." * (len(folders) > kinds.MAX_NAMES)
        warnings.append(
            f"{data}: {len(inner)} images are in folders inside the class folders ({named}): the outer folder is their "
            "class"
        )
    return warnings + [f"{link}: a link to a folder inside a class folder is not followed" for link in _links(roots)]


def nesting(data: Path) -> str:
    """The advice for a folder that holds a single folder, which holds folders again; empty for any other."""
    folders = _children(data) if data.is_dir() else []
    if len(folders) != 1 or not _children(folders[0]):
        return ""
    return f"If the folders in {folders[0]} are the classes or the splits, name that."


def _can_be_data(path: Path) -> bool:
    return path.is_dir() or path.suffix.lower() == ".csv"


def _loose(folder: Path) -> list[Path]:
    """The images directly in the folder."""
    return [each for each in folder.iterdir() if each.suffix.lower() in SUFFIXES and not each.name.startswith(".")]


def _links(roots: list[Path]) -> Iterator[Path]:
    """The links to folders inside the class folders, which a walk does not follow."""
    for root in roots:
        for child in _children(root):
            for place, folders, _ in os.walk(child):
                yield from (link for name in sorted(folders) if (link := Path(place, name)).is_symlink())


def _splits(data: Path) -> dict[Path, str | None]:
    """The folders in ``data`` and their splits (None for one that is no split); empty if there are no splits."""
    folders = {child: _SPLITS.get(child.name.lower()) for child in _children(data)}
    return folders if "train" in folders.values() or (folders and all(folders.values())) else {}


def _from_folders(data: Path) -> Listing:
    folders = _splits(data)
    if not folders:
        _refuse_splits_in_classes(data)
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


def _refuse_splits_in_classes(data: Path) -> None:
    inner = [child for folder in _children(data) for child in _children(folder)]
    named = {_SPLITS.get(child.name.lower(), "") for child in inner}
    if {"train"} < named <= set(_SPLITS.values()) and len(_children(data)) > 1:
        raise BadData("the splits are inside the class folders", LAYOUT, where=inner[0])


def _classes(folder: Path) -> list[tuple[Path, str]]:
    """Every file below each class folder that is not hidden, also broken links. An empty class is an error."""
    found = []
    for child in _children(folder):
        files = sorted(f for f in child.rglob("*") if _is_file(f) and not _hidden(f.relative_to(folder)))
        if not files:
            raise BadData("the class has no images", "Add images, or remove the folder.", where=child)
        found += [(file, child.name) for file in files]
    if not found:
        images = len(_loose(folder))
        what = f"{images} images, but no class folders" if images else "no images in class folders"
        raise BadData(what, LAYOUT, where=folder)
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
            rows = csv.DictReader(stream)
            if not {"path", "label"} <= set(rows.fieldnames or ()):
                raise BadData("the header has no path and label", HEADER, where=f"{data}, line 1")
            for number, row in enumerate(rows, start=2):
                if not row.get("path") or not (row.get("label") or "").strip():
                    raise BadData(
                        "no path or no label",
                        HEADER,
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
        raise BadData("no images", HEADER, where=data)
    return dict(found)
