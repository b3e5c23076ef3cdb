"""The images in a zip or tar archive, read member by member: nothing is unpacked to the disk.

In a shard of webdataset, the members of a sample have one name up to the first dot, and stand side by side: 17.jpg,
17.cls. Each image of an archive is scored, but for the others of a sample, such as 17.seg.png beside 17.jpg.
"""

import contextlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from tlpipe.data import allowance
from tlpipe.data.allowance import Allowance
from tlpipe.data.location import Location
from tlpipe.data.members import Kind, Member, members, name_of
from tlpipe.data.places import IMAGE_SUFFIXES
from tlpipe.scoring.sources import NoImages, Place, Placed
from tlpipe.scoring.work import Item
from tlpipe_edge.console import progress
from tlpipe_edge.contract import review
from tlpipe_edge.errors import BadData
from tlpipe_edge.images import formats, walker
from tlpipe_edge.images.decode import MAX_BYTES

_MAX_SAMPLE, _MAX_SAMPLE_BYTES = 64, 64_000_000
"""Members, and bytes of images, that are looked at together."""


_PLURALS = {"other file": "other files", "other image of a sample": "other images of samples"}
"""What is not scored, for one and for several."""


class LeftOut:
    """What is not scored in the archives, for one message about all of them."""

    def __init__(self) -> None:
        self._counts: dict[Location, Counter[str]] = {}

    def add(self, archive: Location, counted: Counter[str]) -> None:
        """Note what an archive has of each of ``_PLURALS``."""
        if counted.total():
            self._counts[archive] = counted

    def tell(self) -> None:
        """Print it, if there is anything."""
        if self._counts:
            several = f"{len(self._counts):,} archives"
            where = several if len(self._counts) > 1 else next(iter(self._counts))
            progress.say(f"{where}: not scored: {_written(sum(self._counts.values(), Counter()))}")


@dataclass(frozen=True)
class Packed:
    """``Source``: the images in an archive, whose names are those of the archive and of the member.

    What is not scored is noted in ``left_out``.
    """

    path: Location
    left_out: LeftOut

    def total(self) -> int | None:
        """Not known before all of it is read."""
        return None

    def images(self, after: Place) -> Iterator[Placed]:
        """As ``Source.images``. Also raise BadData for an archive that is hostile or encrypted."""
        reading = _Reading(self.path, after.number)
        found = reading.entries()
        for sample in ([entry] for entry in found) if reading.is_zip else _samples(found):
            yield from reading.images_of(sample)
        if not reading.images:
            there = f", but {_written(reading.others)}" if reading.others.total() else ""
            raise NoImages(f"no images in it{there}", "Name another archive.", where=self.path)
        self.left_out.add(self.path, reading.others)


@dataclass(frozen=True)
class _Entry:
    """A member: its number, the name of its sample, and the rest of its name; None is the ``item`` of no image.

    ``bytes`` is the size of an image, also of one that is not read again.
    """

    number: int
    sample: str
    suffix: str
    bytes: int
    item: Item | None


class _Reading:
    """One reading of an archive, for the images after so many members.

    It begins with the first member all the same, since which image of a sample is scored depends on its other members.
    """

    def __init__(self, path: Location, after: int) -> None:
        self.images = 0
        self.others: Counter[str] = Counter()
        self._path, self.is_zip, self._after = path, name_of(path) == "zip", after
        self._allowed = Allowance(path, allowance.max_bytes(path))

    def entries(self) -> Iterator[_Entry]:
        """The members, but for what walkers pass over, too."""
        with contextlib.closing(members(self._path, max_bytes=self._allowed.limit)) as found:
            for number, member in enumerate(found, 1):
                self._allowed.count_member()
                parts = self._allowed.parts(member.name)
                if parts and all(map(walker.is_walked, parts)):
                    stem, _, suffix = parts[-1].partition(".")
                    sample = "/".join((*parts[:-1], stem))
                    item = self._item(number, member, f"{self._path}/{'/'.join(parts)}")
                    size = member.size if item is not None and not item.problem else 0
                    yield _Entry(number, sample, suffix, size, item)

    def images_of(self, sample: list[_Entry]) -> Iterator[Placed]:
        """The images to score of members that stand side by side and have the name of one sample."""
        images = [entry for entry in sample if entry.item is not None]
        first = [entry for entry in images if "." not in entry.suffix]
        about_kept = sum(f".{entry.suffix}".endswith(review.SUFFIX) for entry in sample)
        self.others["other file"] += len(sample) - len(images) - about_kept
        if 1 == len(first) < len(images) < len(sample):
            self.others["other image of a sample"] += len(images) - 1
            images = [replace(first[0], number=sample[-1].number)]
        self.images += len(images)
        for entry in images:
            if entry.item is not None and entry.number > self._after:
                yield Placed(entry.item, Place(entry.number))

    def _item(self, number: int, member: Member, name: str) -> Item | None:
        named = PurePosixPath(name).suffix.lower() in IMAGE_SUFFIXES
        if member.kind is not Kind.FILE:
            return Item(name, None, "a link or special file in an archive, which is not read") if named else None
        if member.size > MAX_BYTES:
            return Item(name, None, f"{member.size // 10**6} MB, too large for an image") if named else None
        try:
            with contextlib.closing(member.chunks()) as chunks:
                start = b"" if named else next(chunks, b"")
                if not named and formats.recognize(start[: formats.HEAD_BYTES]) is None:
                    return None
                self._allowed.count_bytes(member.size)  # which no member exceeds
                if number <= self._after:
                    return Item(name, None)
                content = bytearray(start)
                for chunk in chunks:
                    content += chunk
        except BadData as error:
            if self.is_zip and self._allowed.bytes <= self._allowed.limit:  # its other members can be read
                return Item(name, None, error.reason)
            raise
        return Item(name, bytes(content))


def _samples(entries: Iterator[_Entry]) -> Iterator[list[_Entry]]:
    """The members that stand side by side and have the name of one sample."""
    group: list[_Entry] = []
    for entry in entries:
        too_many = len(group) == _MAX_SAMPLE or sum(each.bytes for each in group) > _MAX_SAMPLE_BYTES
        if group and (too_many or entry.sample != group[0].sample):
            yield group
            group = []
        group.append(entry)
    if group:
        yield group


def _written(counted: Counter[str]) -> str:
    """Counts of ``_PLURALS``, as in "2 other files"."""
    found = [(count, what) for what, count in sorted(counted.items()) if count]
    return ", ".join(f"{count:,} {what if count == 1 else _PLURALS[what]}" for count, what in found)
