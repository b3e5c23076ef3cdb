"""The messages of ``tlpipe pull``: the requests that the program on the device (pull_agent.py) gets, and its events.

As in tlpipe_edge/remote_job/messages.py: a request is a line of JSON, and so is an event, before the bytes that follow.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Annotated

from annotated_types import Predicate

from tlpipe_edge.contract.checksums import PathBelow
from tlpipe_edge.contract.codec import Misfit
from tlpipe_edge.contract.ranges import ROOM, Count, is_file_name
from tlpipe_edge.remote_job.messages import Text

IMAGE_SUFFIX = ".jpg"


def _is_image(text: str) -> bool:
    """LABEL/NAME.jpg, neither of them hidden"""
    parts = PurePosixPath(text).parts
    plain = len(parts) == 2 and "/".join(parts) == text and not any(part.startswith(".") for part in parts)
    return plain and is_file_name(parts[0]) and is_file_name(parts[1] + "x" * ROOM) and text.endswith(IMAGE_SUFFIX)


def _is_known(text: str) -> bool:
    """64 hexadecimal digits, or nothing"""
    return re.fullmatch("(?:[0-9a-f]{64})?", text) is not None


ImagePath = Annotated[PathBelow, Predicate(_is_image)]
"""The path of an image below the folder ``review``."""


@dataclass(frozen=True)
class KeptImage:
    """An image, and its sha256 as the .review.json beside it says it; empty if that does not say it."""

    path: ImagePath
    sha256: Annotated[str, Predicate(_is_known)]


@dataclass(frozen=True)
class Look:
    """List the images of the one of these folders that has a folder ``review``. ~/ is the home folder."""

    look: tuple[str, ...]


@dataclass(frozen=True)
class Fetch:
    """Send these images, which were listed. Each is answered by one event, in this order."""

    fetch: tuple[str, ...]


@dataclass(frozen=True)
class Free:
    """Delete these images if they still have these sha256. Each is answered by one event, in this order."""

    free: tuple[KeptImage, ...]


Request = Look | Fetch | Free


@dataclass(frozen=True)
class Listing:
    """The images below ``folder``, and how many more have no .review.json beside them."""

    folder: Text
    images: tuple[KeptImage, ...]
    others: Count

    def check(self) -> None:
        if len({image.path for image in self.images}) < len(self.images):
            raise Misfit("a path occurs twice", ".images")


@dataclass(frozen=True)
class NoFolder:
    """Not one of the folders has a folder ``review``, but as many as these."""

    there: tuple[Text, ...]


@dataclass(frozen=True)
class NotListed:
    """A folder cannot be listed."""

    folder: Text
    reason: Text


@dataclass(frozen=True)
class Sent:
    """An image. The ``sidecar`` bytes of its .review.json follow, and then its own."""

    path: ImagePath
    sidecar: Count


@dataclass(frozen=True)
class Gone:
    """An image is not there any more."""

    path: ImagePath


@dataclass(frozen=True)
class Unreadable:
    """An image, or the .review.json beside it, cannot be read."""

    path: ImagePath
    reason: Text


@dataclass(frozen=True)
class Freed:
    """An image is deleted, with its .review.json."""

    path: ImagePath


@dataclass(frozen=True)
class NotFreed:
    """An image is not deleted."""

    path: ImagePath
    reason: Text


Event = Listing | NoFolder | NotListed | Sent | Gone | Unreadable | Freed | NotFreed
KINDS: Mapping[str, type[Event]] = {
    "listing": Listing,
    "no-folder": NoFolder,
    "not-listed": NotListed,
    "sent": Sent,
    "gone": Gone,
    "unreadable": Unreadable,
    "freed": Freed,
    "not-freed": NotFreed,
}
