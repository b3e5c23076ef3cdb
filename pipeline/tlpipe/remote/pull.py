"""Fetches the images that a camera kept on a device, to be sorted by a person, and frees the device of them."""

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tlpipe.remote import copies, ssh
from tlpipe.remote.address import DeviceFolder
from tlpipe.remote.copies import Copy, State
from tlpipe.remote.pull_messages import (
    KINDS,
    Event,
    Fetch,
    Free,
    Freed,
    Gone,
    KeptImage,
    Listing,
    Look,
    NoFolder,
    NotFreed,
    NotListed,
    Request,
    Sent,
    Unreadable,
)
from tlpipe.storage import locks
from tlpipe_edge.console import progress
from tlpipe_edge.console.text import printable
from tlpipe_edge.contract import review
from tlpipe_edge.errors import BadData, MissingInput, Unavailable, WrongUsage

BATCH = 32
"""Images of one request: the device does not wait for the next one, and is freed soon."""

_OTHER_LOGIN = "Log in as the user that the camera runs as."


@dataclass(frozen=True)
class Problem:
    """An image on the device that was not fetched, or not deleted there, and why."""

    path: str
    reason: str


@dataclass(frozen=True)
class Pulled:
    """What is in ``folder`` now of the images of a device.

    ``labels`` counts the images by the folder that they are in, which the model chose: those ``fetched`` now, and those
    that were ``here`` already. ``moved`` ones were fetched, and a person has moved, changed or deleted them here; they
    stay on the device. ``freed`` ones were deleted there. ``damaged`` ones were not fetched, also because other files
    have their names here, and ``not_freed`` ones not deleted there.
    """

    folder: Path
    labels: Mapping[str, int]
    fetched: int
    here: int
    moved: int
    freed: int
    damaged: tuple[Problem, ...] = ()
    not_freed: tuple[Problem, ...] = ()

    def check(self) -> None:
        """Raise BadData if images were not fetched, Unavailable if images could not be deleted on the device."""
        if self.damaged:
            reason = f"{_counted(len(self.damaged))} not fetched; the first: {_said(self.damaged[0])}"
            advice = "All others are here. Delete what is damaged on the device, or move away here what has its name."
            raise BadData(reason, advice, where=self.folder)
        if self.not_freed:
            reason = f"{_counted(len(self.not_freed))} not deleted on the device; the first: {_said(self.not_freed[0])}"
            raise Unavailable(reason, _OTHER_LOGIN, where=self.folder)


def pull(source: DeviceFolder, into: Path, *, free: bool = False) -> Pulled:
    """Copy the images of ``source``/review, which ``tlpipe-edge camera --collect`` keeps, to ``into``/review.

    What is there already is not fetched again, so a stopped pull is continued. No file here is replaced. With ``free``,
    images are deleted on the device when their copies are verified and on the disk here, if they are still the same.
    Raise MissingInput if there is no such folder, WrongUsage if it is ambiguous or ``into`` cannot be a folder,
    Unavailable if the device fails, BadData if it sends anything else, Busy if another process copies to ``into``.
    Images that are damaged there are in the result: see ``Pulled.check``.
    """
    folder = into / review.REVIEW
    for place in (folder, into, *into.absolute().parents):
        if os.path.lexists(place) and not place.is_dir():
            raise WrongUsage("is a file, not a folder", "Name a folder with --into.", where=place)
    progress.say(f"{source.address}: connecting")
    with ssh.connected(source.address, ssh.PULL) as connection:
        device = _Device(connection, source)
        listing = device.listing()
        into.mkdir(parents=True, exist_ok=True)
        with locks.locked(folder):
            copies.recover(folder)
            pulling = _Pulling(device, folder, free=free)
            where = f"{source.address}: {listing.folder}"
            with progress.bar(f"{where}: fetching images", total=len(listing.images)) as advance:
                for start in range(0, len(listing.images), BATCH):
                    batch = listing.images[start : start + BATCH]
                    pulling.add(batch)
                    advance(len(batch))
    pulling.tell(where, listing)
    return pulling.pulled()


@dataclass
class _Pulling:
    """Copies batches of images to ``folder``, and counts."""

    device: "_Device"
    folder: Path
    free: bool
    counts: "Counter[State | type[Event]]" = field(default_factory=Counter)
    labels: Counter[str] = field(default_factory=Counter)
    damaged: list[Problem] = field(default_factory=list)
    not_freed: list[Problem] = field(default_factory=list)

    def add(self, batch: Sequence[KeptImage]) -> None:
        """Fetch those that are missing here, and free the device of those that are here."""
        here: dict[KeptImage, Path] = {}
        missing = []
        for image in batch:
            copy = self._found(image)
            if copy is None:
                continue
            if copy.state is State.HERE:
                here[image] = copy.file
            elif copy.state is State.MISSING:
                missing.append(image)
            else:
                self.counts[State.MOVED] += 1
        before = set(here)
        for image, event, content in self.device.fetch(missing):
            if file := self._stored(image, event, content):
                here[image] = file
        if self.free and here:
            safe = copies.flush({file: image.sha256 for image, file in here.items()})
            self.counts[State.MOVED] += sum(file not in safe for file in here.values())
            here = {image: file for image, file in here.items() if file in safe}
        self.counts[State.HERE] += len(before & here.keys())
        self.counts[Sent] += len(here.keys() - before)
        self.labels.update(image.path.split("/")[0] for image in here)
        if self.free and here:
            self._free(tuple(here))

    def _found(self, image: KeptImage) -> Copy | None:
        """Where it is or should be here; None if it cannot be fetched."""
        if not image.sha256:
            self._add_damaged(image, f"its {review.SUFFIX} does not say its sha256")
            return None
        try:
            return copies.find(self.folder / image.path, image.sha256)
        except BadData as error:
            self._add_damaged(image, error.reason)
            return None

    def _stored(self, image: KeptImage, event: Event, content: bytes) -> Path | None:
        """Where the image is here now, if it is."""
        if isinstance(event, Sent):
            sidecar, content = content[: event.sidecar], content[event.sidecar :]
            try:
                copy = copies.store(self.folder / image.path, image.sha256, sidecar, content)
            except BadData as error:
                self._add_damaged(image, error.reason)
                return None
            if copy.state is State.MOVED:
                self.counts[State.MOVED] += 1
                return None
            if copy.file.name != Path(image.path).name:
                progress.say(f"{image.path}: another image has its name here, so it is named {copy.file.name}")
            return copy.file
        self.counts[Gone] += isinstance(event, Gone)
        if isinstance(event, Unreadable):
            self._add_damaged(image, f"cannot be read there ({event.reason})")
        return None

    def _free(self, images: Sequence[KeptImage]) -> None:
        for event in self.device.free(images):
            self.counts[type(event)] += 1
            if isinstance(event, NotFreed):
                self.not_freed.append(Problem(event.path, event.reason))
                progress.warn(f"{_said(self.not_freed[-1])}; not deleted on the device")

    def _add_damaged(self, image: KeptImage, reason: str) -> None:
        self.damaged.append(Problem(image.path, reason))
        progress.warn(f"{_said(self.damaged[-1])}; not fetched")

    def tell(self, where: str, listing: Listing) -> None:
        """Say what was not fetched, and what was deleted there."""
        if here := self.counts[State.HERE]:
            progress.say(f"{where}: {here} of {_counted(len(listing.images))} were here already")
        if moved := self.counts[State.MOVED]:
            stay = ", and stay on the device" if self.free else ""
            progress.say(f"{where}: {moved} were fetched before and moved here: not fetched again{stay}")
        if listing.others:
            progress.say(f"{where}: {listing.others} have no {review.SUFFIX} beside them: not fetched")
        if self.free:
            progress.say(f"{where}: {_counted(self.counts[Freed])} deleted on the device")

    def pulled(self) -> Pulled:
        """The result."""
        return Pulled(
            self.folder,
            dict(sorted(self.labels.items())),
            self.counts[Sent],
            self.counts[State.HERE],
            self.counts[State.MOVED],
            self.counts[Freed],
            tuple(self.damaged),
            tuple(self.not_freed),
        )


class _Device:
    """The program on the device: requests and what it answers, which is checked."""

    def __init__(self, connection: ssh.Connection, source: DeviceFolder) -> None:
        self._connection, self._source = connection, source
        self._events = connection.events(KINDS)

    def listing(self) -> Listing:
        """The images there. Raise MissingInput, WrongUsage or Unavailable if there is no such folder."""
        folders = self._source.meant
        self._connection.send(Look(folders))
        match next(self._events)[0]:
            case Listing() as listing:
                return listing
            case NoFolder(()):
                reason = f"no folder {review.REVIEW} in {' or '.join(folders)} on the device"
                advice = "Name the folder of tlpipe-edge camera --collect DIR."
                raise MissingInput(reason, advice, where=self._source)
            case NoFolder(there):
                place = self._source.address
                advice = f"Write {place}/~/{self._source.path} or {place}//{self._source.path}."
                raise WrongUsage(printable(f"it may be {' or '.join(there)}"), advice, where=self._source)
            case NotListed(folder, reason):
                where = f"{self._source.address}: {printable(folder)}"
                raise Unavailable(printable(f"cannot be listed ({reason})"), _OTHER_LOGIN, where=where)
        raise self._unexpected()

    def fetch(self, images: Sequence[KeptImage]) -> Iterator[tuple[KeptImage, Event, bytes]]:
        """What became of each image there, with its content."""
        if images:
            yield from self._each(images, Fetch(tuple(image.path for image in images)), (Sent, Gone, Unreadable))

    def free(self, images: Sequence[KeptImage]) -> Iterator[Event]:
        """What became of each image there."""
        for _, event, _ in self._each(images, Free(tuple(images)), (Freed, Gone, NotFreed)):
            yield event

    def _each(
        self, images: Sequence[KeptImage], request: Request, kinds: tuple[type[Event], ...]
    ) -> Iterator[tuple[KeptImage, Event, bytes]]:
        self._connection.send(request)
        for image in images:
            event, content = next(self._events)
            if not isinstance(event, kinds) or getattr(event, "path", None) != image.path:
                raise self._unexpected()
            yield image, event, content

    def _unexpected(self) -> BadData:
        return BadData("it sends what was not asked for", "Check what runs there.", where=self._source.address)


def _counted(images: int) -> str:
    return f"{images} image{'s' * (images != 1)}"


def _said(problem: Problem) -> str:
    return f"{printable(problem.path)}: {printable(problem.reason)}"
