"""The photographs that a benchmark looks at: found, hashed, labelled by their folder or the bundle's reference."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tlpipe_edge.contract.bundle import GOLDEN, Bundle, Reference
from tlpipe_edge.contract.files import sha256_of
from tlpipe_edge.errors import BadData, MissingInput
from tlpipe_edge.images.walker import SUFFIXES, images_below


@dataclass(frozen=True)
class Photograph:
    """A file with its sha256 ("" where the system will not read it) and its label's index (None where not known)."""

    file: Path
    sha256: str
    truth: int | None


@dataclass(frozen=True)
class Photographs:
    """What is looked at: ``name`` says which photographs these are. The model was ``trained_on`` so many of them."""

    name: str
    items: tuple[Photograph, ...]
    trained_on: int | None = None


def golden(bundle: Bundle, reference: Reference | None) -> Photographs:
    """The bundle's own few photographs. Raises MissingInput or BadData where they are missing or damaged."""
    known = _truth(reference)
    hashed = [(file, _sha256(file)) for file in bundle.golden().files]
    return Photographs(GOLDEN, tuple(Photograph(file, sha256, known.get(sha256)) for file, sha256 in hashed))


def below(folder: Path, *, labels: Sequence[str], reference: Reference | None) -> Photographs:
    """The photographs below ``folder`` in sorted order.

    A photograph's label is the first folder on its way that is named as one, else what the reference says of a file of
    that sha256. Raises MissingInput or BadData for a folder that is none, or without photographs.
    """
    if not folder.is_dir():
        raise MissingInput(
            "no such folder", "Name a folder of photographs, best with a folder per class.", where=folder
        )
    index = {label: number for number, label in enumerate(labels)}
    known = _truth(reference)
    items = []
    for file in images_below(folder):
        way = file.relative_to(folder).parts[:-1]
        sha256 = _sha256(file)
        named = next((index[part] for part in way if part in index), None)
        items.append(Photograph(file, sha256, named if named is not None else known.get(sha256)))
    if not items:
        raise BadData(f"no photographs ({', '.join(sorted(SUFFIXES))})", "Name another folder.", where=folder)
    return Photographs(str(folder), tuple(items))


def _truth(reference: Reference | None) -> dict[str, int]:
    return {} if reference is None else dict(zip(reference.images, map(int, reference.truth), strict=True))


def _sha256(file: Path) -> str:
    """The file's sha256; "" where the system will not read it."""
    try:
        return sha256_of(file)
    except OSError:
        return ""
