"""The images of a benchmark: found, hashed, and labelled by their folder or by the reference of the bundle."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tlpipe_edge.console import progress
from tlpipe_edge.contract import kinds
from tlpipe_edge.contract.bundle import GOLDEN, Bundle, Reference
from tlpipe_edge.contract.files import sha256_of
from tlpipe_edge.errors import BadData
from tlpipe_edge.images import classes, unsorted, walker


@dataclass(frozen=True)
class LabelledImage:
    """A file with its sha256 ("" if it cannot be read) and the index of its label (None if unknown)."""

    file: Path
    sha256: str
    label: int | None


@dataclass(frozen=True)
class LabelledImages:
    """The images of a benchmark. ``name`` says which ones; ``trained_on`` is the number of training images among them
    (None if unknown)."""

    name: str
    items: tuple[LabelledImage, ...]
    trained_on: int | None = None


def golden(bundle: Bundle, reference: Reference | None) -> LabelledImages:
    """The golden images of the bundle. Raise MissingInput or BadData if they are missing or damaged."""
    known = _true_labels(reference)
    hashed = [(file, _sha256(file)) for file in bundle.golden().files]
    return LabelledImages(GOLDEN, tuple(LabelledImage(file, sha256, known.get(sha256)) for file, sha256 in hashed))


def below(folder: Path, *, labels: Sequence[str], reference: Reference | None) -> LabelledImages:
    """The images below ``folder``, as ``walker.walk`` finds them.

    The label of an image is the first folder on its path that has the name of a label, in any Unicode form, or else the
    label in the reference for its sha256. Raise MissingInput if there is no such folder, BadData if it has no images,
    or only such in folders that are no classes, or unsorted ones.
    """
    advice = "Name a folder of images, with one subfolder per class if you want accuracy."
    if folder.is_file():
        raise BadData(f"this is {kinds.found(folder) or 'a file'}, not a folder", advice, where=folder)
    if not folder.is_dir():
        raise kinds.missing(folder, "folder", Path.is_dir, advice=advice)
    found = walker.walk(folder)
    unsorted.refuse(found)
    if not found.images:
        there = f"; passed over: {found.left_out}" if found.left_out else ""
        raise BadData(f"no images{there}", "Name another folder.", where=folder)
    walker.tell(found)
    index, known = classes.indices(labels), _true_labels(reference)
    items = []
    unknown: Counter[str] = Counter()
    for file in found.images:
        way = file.relative_to(folder).parts[:-1]
        sha256 = _sha256(file)
        named = next((at for at in (classes.find(index, part) for part in way) if at is not None), known.get(sha256))
        items.append(LabelledImage(file, sha256, named))
        if named is None:
            unknown["/".join(way)] += 1
    _tell_unlabelled(folder, unknown, labels, total=len(items))
    return LabelledImages(str(folder), tuple(items))


def _tell_unlabelled(folder: Path, unknown: Counter[str], labels: Sequence[str], *, total: int) -> None:
    """Warn of the folders that are no classes, and of the images in no folder. Raise BadData if there is no label."""
    loose = unknown.pop("", 0)
    if unknown and unknown.total() + loose == total:
        raise classes.none_known(unknown, labels, "", where=folder)
    if unknown:
        progress.warn(f"{folder}: {classes.left_out(unknown, labels)}")
    if loose:
        progress.warn(
            f"{folder}: {loose} of {total} images have no label, for they are in no class folder; they do not count "
            "for accuracy"
        )


def _true_labels(reference: Reference | None) -> dict[str, int]:
    return {} if reference is None else dict(zip(reference.images, map(int, reference.true_labels), strict=True))


def _sha256(file: Path) -> str:
    """The sha256 of the file; "" if it cannot be read."""
    try:
        return sha256_of(file)
    except OSError:
        return ""
