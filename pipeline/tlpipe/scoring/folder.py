"""A folder of images, with folders in it or without, and a single image."""

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tlpipe.data.location import Location
from tlpipe.scoring.sources import ADVICE, PACKED, Changed, NoImages, Place, Placed, check_there
from tlpipe.scoring.work import of_file
from tlpipe_edge.images import walker


@dataclass(frozen=True)
class Folder:
    """``Source``: the images that the walker finds below a folder, in its order; also those that cannot be read."""

    path: Path

    def total(self) -> int | None:
        """Not known before all of it is walked."""
        return None

    def images(self, after: Place) -> Iterator[Placed]:
        """As ``Source.images``; the digest of a place is of all names, sizes and times of the files up to there."""
        passing, number, digest = walker.Passing(self.path), 0, ""
        for number, file in enumerate(walker.images(passing, unreadable=True), 1):
            digest = _digest(digest, file)
            if number == after.number and digest != after.digest:
                break
            if number > after.number:
                yield Placed(of_file(file), Place(number, digest))
        if number <= after.number and digest != after.digest:
            raise Changed(self.path)
        found = passing.found()
        if number:
            check_there(self.path)  # or the walker could not list what was left
        else:
            there = f", but {found.left_out}" if found.left_out else ""
            raise NoImages(f"no images{there}", self._advice(), where=self.path)
        walker.tell(found)

    def _advice(self) -> str:
        packed = sorted(child for child in self.path.iterdir() if child.suffix.lower() in PACKED)
        if not packed:
            return ADVICE
        all_of_them = f", or all: {self.path}/*{packed[0].suffix}" if len(packed) > 1 else ""
        return f"If the images are in {packed[0]}, name that{all_of_them}."


@dataclass(frozen=True)
class SingleImage:
    """``Source``: an image, in a file or an object."""

    path: Location

    def total(self) -> int:
        """One."""
        return 1

    def images(self, after: Place) -> Iterator[Placed]:
        """As ``Source.images``."""
        if not after.number:
            yield Placed(of_file(self.path), Place(1))


def _digest(before: str, file: Path) -> str:
    try:
        status = file.stat()
        known = f"{status.st_size} {status.st_mtime_ns}"
    except OSError:  # reading it fails as well
        known = ""
    return hashlib.sha256(f"{before} {known} ".encode() + os.fsencode(file)).hexdigest()
