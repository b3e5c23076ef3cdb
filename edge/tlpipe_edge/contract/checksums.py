"""Checksums that are written with a result, so that damage is noticed before it gives a wrong answer.

A document lists the files that were written with it (``Checksum``), and has a checksum of its own (``sealed``). What
earlier versions wrote has neither: it is read as before.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Annotated, Any

from annotated_types import Predicate

from tlpipe_edge.contract.files import sha256_of
from tlpipe_edge.contract.ranges import Count, FilePath, Sha256
from tlpipe_edge.errors import BadData

KEY = "checksum"
"""The key of a document's own checksum: the sha256 of its other keys, as JSON in ASCII with sorted keys and without
spaces."""


def _is_below(text: str) -> bool:
    """a path below the folder"""
    return bool(text) and not text.startswith("/") and ".." not in PurePosixPath(text).parts


PathBelow = Annotated[FilePath, Predicate(_is_below)]
"""The path of a file below a folder."""


@dataclass(frozen=True)
class Checksum:
    """A file as it was written: its path below the folder of the document that lists it, its sha256, its size."""

    file: PathBelow
    sha256: Sha256
    bytes: Count


@dataclass(frozen=True)
class Checked:
    """How many files have the listed content, and the names of those that have no checksum."""

    files: int
    unlisted: tuple[str, ...]

    def __str__(self) -> str:
        there = self.files + len(self.unlisted)
        said = f"files: {self.files} of {there} checked"
        return f"{said}; not checked, as they have no checksum: {', '.join(self._groups())}" if self.unlisted else said

    def _groups(self) -> Iterable[str]:
        """The names, each folder as one."""
        return dict.fromkeys(f"{name.split('/')[0]}/" if "/" in name else name for name in self.unlisted)


def of(folder: Path, names: Iterable[str]) -> tuple[Checksum, ...]:
    """The checksums of these files in ``folder``. Raise OSError if one cannot be read."""
    found = []
    for name in names:
        with (folder / name).open("rb") as stream:
            sha256 = sha256_of(stream)
            found.append(Checksum(name, sha256, stream.tell()))
    return tuple(found)


def find(listed: Sequence[Checksum], name: str) -> Checksum | None:
    """The checksum of the file ``name``, if it is listed."""
    return next((each for each in listed if each.file == name), None)


def check_size(folder: Path, listed: Checksum, advice: str) -> None:
    """Raise BadData, with the ``advice``, if the listed file is missing or has another size."""
    file = folder / listed.file
    try:
        size = file.stat().st_size if file.is_file() else None
    except OSError as error:
        raise BadData(f"cannot be read ({error.strerror})", advice, where=file) from error
    if size is None:
        raise BadData("missing: it was written with the other files", advice, where=file)
    if size != listed.bytes:
        raise BadData(f"damaged: {size:,} bytes, but it was written with {listed.bytes:,}", advice, where=file)


def check_sha256(folder: Path, listed: Checksum, sha256: str, advice: str) -> None:
    """Raise BadData, with the ``advice``, if this is not the sha256 of the listed file."""
    if sha256 != listed.sha256:
        raise BadData("damaged: its sha256 is not that of when it was written", advice, where=folder / listed.file)


def check(folder: Path, listed: Checksum, advice: str) -> None:
    """Raise BadData, with the ``advice``, if the listed file is missing, changed, or cannot be read."""
    check_size(folder, listed, advice)
    try:
        sha256 = sha256_of(folder / listed.file)
    except OSError as error:
        raise BadData(f"cannot be read ({error.strerror})", advice, where=folder / listed.file) from error
    check_sha256(folder, listed, sha256, advice)


def sealed(document: dict[str, Any]) -> dict[str, Any]:
    """The document with its own checksum."""
    return document | {KEY: _own(document)}


def check_seal(document: dict[str, Any], where: object, advice: str) -> None:
    """Raise BadData if a document has a checksum of its own that is wrong.

    The ``advice`` is for damage; for who has edited the document, it is followed by what to do.
    """
    try:
        intact = KEY not in document or document[KEY] == _own(document)
    except RecursionError:  # nested deeper than what anyone wrote
        intact = False
    if not intact:
        edited = f'If you edited it, remove its key "{KEY}".'
        raise BadData(f"damaged or edited: its {KEY} is wrong", f"{advice} {edited}", where=where)


def _own(document: dict[str, Any]) -> str:
    others = {key: value for key, value in document.items() if key != KEY}
    return hashlib.sha256(json.dumps(others, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
