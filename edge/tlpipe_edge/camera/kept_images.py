"""The images that are kept in a folder for review: written whole or not at all, and within a limit.

The description of an image is there before the image, and is deleted after it: an image without a description would
count as sorted. A killed program leaves at most a description without its image, or a hidden file, and both are deleted
when the folder is opened again.
"""

import contextlib
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tlpipe_edge.camera import durable
from tlpipe_edge.camera.dhash import from_text
from tlpipe_edge.camera.folder_lock import FolderLock
from tlpipe_edge.camera.review_names import is_description
from tlpipe_edge.console import progress
from tlpipe_edge.contract import codec, review
from tlpipe_edge.contract.review import REVIEW, SUFFIX, Kept, Reason
from tlpipe_edge.errors import BadData, MissingInput, Unavailable, WrongUsage

FREE_SHARE = 0.05
FREE_BYTES = 200_000_000
"""This share of the disk stays free, or so many bytes if they are less: for logs and updates on the card that the
device starts from."""
IMAGE = ".jpg"


@dataclass(frozen=True)
class Entry:
    """An image that was kept. ``name`` is relative to the folder; ``bytes`` are those of both files; ``time`` is in
    seconds since 1970."""

    name: str
    bytes: int
    reason: Reason
    score: float
    time: float
    dhash: int | None

    @staticmethod
    def of(name: str, size: int, kept: Kept) -> "Entry":
        """That of an image with its description."""
        hashed = None if kept.dhash is None else from_text(kept.dhash)
        seconds = datetime.fromisoformat(kept.time).timestamp()
        return Entry(name, size, kept.reason, kept.score, seconds, hashed)

    @property
    def usefulness(self) -> tuple[bool, float, float]:
        """The order in which images are deleted: what someone asked for last, the most certain first, the oldest first.
        Scores that differ by less than a hundredth are equal."""
        return self.reason is Reason.ASKED, -round(self.score, 2), self.time


class KeptImages:
    """A context manager that holds the lock of a folder and keeps images in it. One thread at a time may call ``add``
    and ``forget_moved``.

    ``entries`` are the images that were there when one of these was last called, by name: a new mapping after each
    change, so any thread may read it.
    """

    def __init__(self, folder: Path, *, limit: int) -> None:
        """``limit`` is in bytes, for the images with their descriptions."""
        self.folder, self._limit = folder, limit
        self.entries: Mapping[str, Entry] = {}
        self._lock: FolderLock | None = None

    def __enter__(self) -> "KeptImages":
        """Raise WrongUsage if the folder is a file, Unavailable if it cannot be written to, Busy if it is locked."""
        with self._disk_errors():
            for path in (self.folder, *self.folder.parents):
                if path.exists() and not path.is_dir():
                    raise WrongUsage("is a file, not a folder", "Name a folder with --collect.", where=path)
            self.folder.parent.mkdir(parents=True, exist_ok=True)
            durable.make_folder(self.folder)
            self._open()
        return self

    def __exit__(self, *_: object) -> None:
        if self._lock is not None:
            self._lock.release()

    def add(self, image: bytes, kept: Kept, *, folder: str, stem: str) -> str:
        """Keep the bytes of a JPEG with its description, as ``stem`` in the ``folder`` of its label; its name, relative
        to the folder of ``--collect``.

        If the limit would be exceeded, the least useful images are deleted before; those that someone asked for only if
        someone asks for this one. Raise Unavailable if it cannot be kept, Busy if another process has the folder now.
        """
        description = codec.indented(codec.as_json(kept)).encode() + b"\n"
        size = len(image) + len(description)
        with self._disk_errors():
            self._still_there()
            self._forget_moved()
            self._check_free(size)
            self._make_room(size, asked=kept.reason is Reason.ASKED)
            file = self.folder / REVIEW / folder / (stem + IMAGE)
            durable.make_folder(file.parent.parent)
            durable.make_folder(file.parent)
            try:
                durable.write(review.beside(file), description)
                durable.write(file, image)
            except OSError:
                if not file.exists():
                    review.beside(file).unlink(missing_ok=True)
                    raise
        entry = Entry.of(f"{REVIEW}/{folder}/{file.name}", size, kept)
        self.entries = {**self.entries, entry.name: entry}
        return entry.name

    def forget_moved(self) -> None:
        """Forget the images that were sorted or deleted since they were kept, as ``add`` does, too. Raise the same
        errors."""
        with self._disk_errors():
            self._still_there()
            self._forget_moved()

    def is_there(self, entry: Entry) -> bool:
        """Whether the file of an image is still there. Any thread may ask."""
        return os.path.lexists(self.folder / entry.name)

    @contextlib.contextmanager
    def _disk_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            reason = f"cannot be written to ({error.strerror})"
            advice = "Check the disk and its permissions, or name another folder with --collect."
            raise Unavailable(reason, advice, where=self.folder) from error

    def _open(self) -> None:
        """Take the lock, delete what a killed program left, and read what is there."""
        lock = FolderLock(self.folder)
        try:
            if not lock.supported:
                progress.warn(f"{self.folder}: no locks on this disk: do not let two cameras keep images in it")
            durable.make_folder(self.folder / REVIEW)
            if not os.access(self.folder / REVIEW, os.W_OK | os.X_OK):
                raise PermissionError(0, "Permission denied")
            found = dict(_found(self.folder))
        except BaseException:
            lock.release()
            raise
        if self._lock is not None:
            self._lock.release()
        self._lock, self.entries = lock, found

    def _still_there(self) -> None:
        """Open the folder again if another one is at its path, as after a disk was mounted again. It is never made
        again: it would be on the disk below."""
        if self._lock is not None and self._lock.is_there():
            return
        if not self.folder.is_dir():
            advice = "Mount its disk, or create it again."
            raise Unavailable("is not there any more", advice, where=self.folder)
        self._open()

    def _check_free(self, size: int) -> None:
        disk = shutil.disk_usage(self.folder)
        spare = min(FREE_SHARE * disk.total, FREE_BYTES)
        if disk.free - size < spare:
            reason = f"less than {spare / 1e6:.0f} MB would stay free on its disk"
            raise Unavailable(reason, "Free some space, or name a folder of another disk.", where=self.folder)

    def _make_room(self, size: int, *, asked: bool) -> None:
        excess = self._excess(size)
        victims = []
        for each in sorted(self.entries.values(), key=lambda entry: entry.usefulness):
            if excess <= 0 or (each.reason is Reason.ASKED and not asked):
                break
            victims.append(each)
            excess -= each.bytes
        if excess > 0:
            reason = f"{self._limit / 1e6:.0f} MB are not enough beside the images that someone asked for"
            raise Unavailable(reason, "Sort those images, or raise --collect-limit.", where=self.folder)
        for each in victims:
            file = self.folder / each.name
            file.unlink(missing_ok=True)
            durable.sync_folder(file.parent)
            review.beside(file).unlink(missing_ok=True)
            self._forget(each)

    def _excess(self, size: int) -> int:
        return sum(each.bytes for each in self.entries.values()) + size - self._limit

    def _forget_moved(self) -> None:
        for each in [*self.entries.values()]:
            file = self.folder / each.name
            if not file.exists():
                review.beside(file).unlink(missing_ok=True)
                self._forget(each)

    def _forget(self, entry: Entry) -> None:
        self.entries = {name: each for name, each in self.entries.items() if each is not entry}


def _found(folder: Path) -> Iterator[tuple[str, Entry]]:
    """The images below a folder that have a valid description. What a killed program left is deleted."""
    unread = []
    with os.scandir(folder / REVIEW) as labels:
        places = sorted(Path(each.path) for each in labels if each.is_dir(follow_symlinks=False))
    for place in places:
        for description in _descriptions(place):
            image = place / (description.name.removesuffix(SUFFIX) + IMAGE)
            try:
                size = image.stat().st_size + description.stat().st_size
                entry = Entry.of(str(image.relative_to(folder)), size, review.read(description))
            except (BadData, MissingInput, FileNotFoundError):
                unread.append(description)
                continue
            yield entry.name, entry
    if unread:
        progress.warn(f"{len(unread)} descriptions of kept images cannot be read, and stay: {unread[0]}")


def _descriptions(place: Path) -> list[Path]:
    """Those beside images in the folder of a label, sorted; what a killed program left is deleted."""
    names = sorted(each.name for each in place.iterdir())
    images = {Path(name).stem for name in names if not name.endswith(SUFFIX)}
    found = []
    for name in names:
        if is_description(name) and name.removesuffix(SUFFIX) in images:
            found.append(place / name)
        elif is_description(name) or durable.is_partial(name):
            (place / name).unlink(missing_ok=True)
    return found
