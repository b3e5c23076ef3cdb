"""What an archive of images may hold: the names, the number and the size of its members, and all their bytes.

It is for what is unpacked as for what is only read: an archive from elsewhere may claim anything.
"""

import os
import re
from dataclasses import dataclass

from tlpipe.data import content
from tlpipe.data.location import Location
from tlpipe.data.members import Member, too_much
from tlpipe_edge.errors import BadData
from tlpipe_edge.images.decode import MAX_BYTES

MAX_MEMBERS = 5_000_000
MAX_RATIO = 100
"""Bytes unpacked for one of the archive, beyond ``FREE_OF_RATIO``. Images are compressed already: theirs is about 1."""
FREE_OF_RATIO = 1_000_000_000
_MAX_NAME, _MAX_PATH = 255, 2000
"""Bytes of a name, and of a path: file systems take 255 and 4096."""
_DRIVE = re.compile(r"[A-Za-z]:[/\\]")


def max_bytes(archive: Location) -> int:
    """The maximum number of bytes that the members of an archive come to."""
    return int(max(FREE_OF_RATIO, MAX_RATIO * content.size(archive)))


@dataclass
class Allowance:
    """What has been taken of an archive so far. All methods raise BadData for what is too much."""

    archive: Location
    limit: int
    members: int = 0
    bytes: int = 0

    def count_member(self) -> None:
        """Count a member, whatever it is."""
        self.members += 1
        if self.members > MAX_MEMBERS:
            raise self.refused(f"more than {MAX_MEMBERS} members")

    def count_bytes(self, size: int) -> None:
        """Count bytes of an image or a list."""
        self.bytes += size
        if self.bytes > self.limit:
            raise too_much(self.archive, self.limit)

    def check_size(self, member: Member) -> None:
        """Raise BadData for an image that ``decode`` would not read."""
        if member.size > MAX_BYTES:
            raise self.refused(f"{short(member.name)}: {member.size} bytes, too large for an image")

    def parts(self, name: str) -> tuple[str, ...]:
        """The parts of a path, which stays inside of the archive and could be one of a file system."""
        parts = tuple(part for part in name.split("/") if part not in ("", "."))
        if name.startswith("/") or _DRIVE.match(name) or ".." in parts:
            raise self.refused(f"{short(name)}: a path that leaves the archive")
        try:
            encoded = os.fsencode(name)
        except UnicodeEncodeError as error:
            raise self.refused(f"{short(name)}: a name that is not Unicode") from error
        if b"\0" in encoded:
            raise self.refused(f"{short(name)}: a name with a zero byte")
        if len(encoded) > _MAX_PATH or any(len(part) > _MAX_NAME for part in encoded.split(b"/")):
            raise self.refused(f"{short(name)}: a name that is too long for a file")
        return parts

    def refused(self, reason: str) -> BadData:
        """The error for an archive that is not as those of images are."""
        advice = "Check where it is from, or unpack it yourself, and name the folder."
        return BadData(f"refused: {reason}", advice, where=self.archive)


def short(name: str) -> str:
    """A name from an archive, quoted, at most 80 characters of it."""
    return repr(name if len(name) <= 80 else f"{name[:77]}...")
