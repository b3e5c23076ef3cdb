"""Class folders: one folder per class, or folders of splits with one folder per class in each."""

from collections import defaultdict
from pathlib import Path

from tlpipe.data.listed import SUFFIXES
from tlpipe.data.splits import SPLITS, Listing
from tlpipe_edge.contract import kinds
from tlpipe_edge.errors import BadData
from tlpipe_edge.images import unsorted, walker
from tlpipe_edge.images.classes import composed

LAYOUT = (
    "Name a folder with one subfolder per class: photos/cat/1.jpg, or with splits, photos/train/cat/1.jpg; "
    "or a list, such as a CSV of path,label; or a zip or tar of them."
)
"""The advice for whatever is no data set."""


def read(data: Path, *, where: Path | None = None) -> Listing:
    """List the images of class folders, or of folders of splits with class folders; say what is passed over.

    ``where`` is the archive that ``data`` is from, if it is from one. Raise BadData if there are none, or if some are
    unsorted.
    """
    everything = walker.walk(data)
    unsorted.refuse(everything)
    splits = _splits(data)
    if not splits:
        _refuse_splits_in_classes(data)
    for folder, split in splits.items():
        if split is None:
            raise BadData(
                "a folder next to train/ that is not a split",
                "Rename it to validation or test, or move it away.",
                where=folder,
            )
    roots: dict[Path, str] = {folder: split for folder, split in splits.items() if split} or {data: "train"}
    depth = len(data.parts) + bool(splits)
    inside: dict[Path, list[Path]] = defaultdict(list)
    for file in everything.images:
        inside[Path(*file.parts[:depth])].append(file)
    found: Listing = defaultdict(list)
    for root, split in roots.items():
        labelled = [(file, file.parts[depth]) for file in inside[root] if len(file.parts) > depth + 1]
        if not labelled:
            raise _no_images(root, loose=len(inside[root]))
        found[split] += labelled
    walker.tell(everything, where=where)
    return dict(found)


def notes(data: Path, found: Listing) -> list[str]:
    """Warnings of images that are not used, or whose class may be meant otherwise; ``found`` is what ``read`` gave.

    They are outside of the class folders, or in folders inside them.
    """
    splits = _splits(data)
    loose = {root: len(_loose(root)) for root in splits or [data]}
    warnings = [
        f"{root}: {_are(images, 'outside of the class folders')} not used" for root, images in loose.items() if images
    ]
    above = len(data.parts) + bool(splits)
    ways = (file.parts[above:] for files in found.values() for file, _ in files)
    inner = [way for way in ways if len(way) > 2]
    if inner:
        folders = sorted({"/".join(way[:2]) for way in inner})
        named = ", ".join(folders[: kinds.MAX_NAMES]) + ", ..." * (len(folders) > kinds.MAX_NAMES)
        warnings.append(
            f"{data}: {_are(len(inner))} in folders inside the class folders ({named}): the outer folder is the class"
        )
    return warnings


def refuse_empty(data: Path, found: Listing) -> None:
    """Raise BadData if a class folder has no images; ``found`` is what ``read`` gave."""
    splits = _splits(data)
    depth = len(data.parts) + 1 + bool(splits)
    filled = {Path(*file.parts[:depth]) for files in found.values() for file, _ in files}
    for root in splits or [data]:
        for folder in walker.folders(root):
            if folder not in filled:
                there = walker.walk(folder).left_out
                raise BadData(
                    f"the class has no images{there and f', but {there}'}",
                    "Add images, or remove the folder.",
                    where=folder,
                )


def lost(data: Path, label: str, unreadable: int = 0) -> str:
    """How many files of a class are no images that can be read, for an error; empty if there are none."""
    found = [f"{unreadable} unreadable"] * bool(unreadable)
    passed_over = _left_out(data, label)
    found += [f"passed over: {passed_over}"] * bool(passed_over)
    return f" ({'; '.join(found)})" if found else ""


def meant(data: Path) -> str:
    """The advice for a folder that holds a list, an archive, or a single folder that holds folders again; empty for any
    other."""
    children = sorted(data.iterdir()) if data.is_dir() else []
    folders = walker.folders(data) if data.is_dir() else []
    lists = [child for child in children if child.suffix.lower() in SUFFIXES]
    archives = [child for child in children if child.suffix.lower() in kinds.ARCHIVES]
    if lists:
        return f"If {lists[0]} says which image has which label, name that."
    if archives:
        return f"If the images are in {archives[0]}, name that."
    if len(folders) != 1 or not walker.folders(folders[0]):
        return ""
    return f"If the folders in {folders[0]} are the classes or the splits, name that."


def _are(images: int, which: str = "") -> str:
    """As in "1 image is" or "2 images outside of the class folders are"."""
    return " ".join(filter(None, (f"{images} image{'s' * (images != 1)}", which, "is" if images == 1 else "are")))


def _left_out(data: Path, label: str) -> str:
    """What was passed over in the class folders of a label, as in ``Found.left_out``; empty for a CSV."""
    roots = (_splits(data) or [data]) if data.is_dir() else []
    classes = [child for root in roots for child in walker.folders(root) if composed(child.name) == label]
    return ", ".join(filter(None, (walker.walk(folder).left_out for folder in classes)))


def _loose(folder: Path) -> tuple[Path, ...]:
    """The images directly in the folder."""
    return walker.walk(folder, deep=False).images


def _splits(data: Path) -> dict[Path, str | None]:
    """The folders in ``data`` and their splits (None for one that is no split); empty if there are no splits."""
    folders = {child: SPLITS.get(child.name.lower()) for child in walker.folders(data)}
    return folders if "train" in folders.values() or (folders and all(folders.values())) else {}


def _no_images(root: Path, *, loose: int) -> BadData:
    """The error for a folder without images in class folders."""
    there = walker.walk(root).left_out
    none = f"no images in class folders{there and f', but {there}'}"
    return BadData(
        f"{loose} image{'s' * (loose != 1)}, but no class folders" if loose else none, meant(root) or LAYOUT, where=root
    )


def _refuse_splits_in_classes(data: Path) -> None:
    inner = [child for folder in walker.folders(data) for child in walker.folders(folder)]
    named = {SPLITS.get(child.name.lower(), "") for child in inner}
    if {"train"} < named <= set(SPLITS.values()) and len(walker.folders(data)) > 1:
        raise BadData("the splits are inside the class folders", LAYOUT, where=inner[0])
