"""The images in a bucket of an object store, or below a prefix of it."""

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from tlpipe.data import object_store
from tlpipe.data.location import Remote
from tlpipe.data.object_store import Object
from tlpipe.scoring.sources import ADVICE, PACKED, Changed, NoImages, Place, Placed
from tlpipe.scoring.work import of_file
from tlpipe_edge.console import progress
from tlpipe_edge.images import walker
from tlpipe_edge.images.walker import Kind


@dataclass(frozen=True)
class Prefix:
    """``Source``: the objects below ``path`` that are named as images, in the order of their keys.

    No object is read to know what it is.
    """

    path: Remote

    def total(self) -> int | None:
        """Not known before all of it is listed."""
        return None

    def images(self, after: Place) -> Iterator[Placed]:
        """As ``Source.images``; the digest of a place is of all names, sizes and tags of the images up to there."""
        number, digest, packed = 0, "", ""
        passed_over: Counter[Kind] = Counter()
        for found in object_store.objects(self.path):
            if found.place.key.endswith("/"):  # a folder, to some programs
                continue
            kind = walker.kind_by_name(self._parts(found))
            if kind is not None:
                passed_over[kind] += 1
                packed = packed or (str(found.place) if found.place.suffix.lower() in PACKED else "")
                continue
            number += 1
            digest = _digest(digest, found)
            if number == after.number and digest != after.digest:
                break
            if number > after.number:
                yield Placed(of_file(found.place), Place(number, digest))
        if number <= after.number and digest != after.digest:
            raise Changed(self.path)
        counted = ", ".join(kind.counted(count) for kind, count in passed_over.items())
        if not number:
            there = f", but {counted}" if counted else ""
            advice = f"If the images are in {packed}, name that." if packed else ADVICE
            raise NoImages(f"no images{there}", advice, where=self.path)
        if counted:
            progress.say(f"{self.path}: passed over {counted}")

    def _parts(self, found: Object) -> list[str]:
        """The parts of a key below the prefix."""
        return found.place.key.removeprefix(self.path.key).strip("/").split("/")


def _digest(before: str, found: Object) -> str:
    known = f"{before} {found.size} {found.tag} {found.place}"
    return hashlib.sha256(known.encode("utf-8", "surrogatepass")).hexdigest()
