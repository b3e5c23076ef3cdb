"""Keeps camera frames on the device, as JPEG with a description, for a person who sorts them and trains again.

A frame is kept because a rule says so (``consider``) or because someone asks for it (``keep``). What the rules keep is
written by a thread of its own: a frame of 1920 x 1080 takes 6 ms to encode and several to flush to an SSD (x86), and an
SD card may need a second. If that thread is behind, frames are dropped.
"""

import contextlib
import hashlib
import math
import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic

from tlpipe_edge.camera import dhash, review_names
from tlpipe_edge.camera.answer import Answer
from tlpipe_edge.camera.kept_images import KeptImages
from tlpipe_edge.camera.rules import Rules, When
from tlpipe_edge.camera.settings import Adjustable, Settings
from tlpipe_edge.classify.classifier import Classifier
from tlpipe_edge.console import progress
from tlpipe_edge.contract.review import Kept, Reason
from tlpipe_edge.errors import TlpipeError, Unavailable
from tlpipe_edge.images.encode import as_jpeg
from tlpipe_edge.machine import device

LIMIT_MB = 500
"""About 1,000 frames of 1920 x 1080: more than a person sorts at once, and a thirtieth of a card of 16 GB."""
PER_HOUR = 60
"""Frames that the rules keep in an hour: a scene that is unknown all day must not push everything else out."""
WAITING = 4
"""Maximum number of frames that wait to be written: 25 MB at 1920 x 1080."""
RETRY_SECONDS = 10.0
"""How long the rules keep nothing after the disk has failed."""
END_SECONDS = 5.0
"""How long the end of the program waits for the last images to be written; systemd waits 10 s for all of it."""
LOOK_SECONDS = 60.0
"""How often the folder is looked at for images that were sorted or deleted, while none is kept."""
_HOUR = 3600.0
_WITHOUT_QUOTA = (Reason.ASKED, Reason.EVERY)
"""Someone asks for single images, and every:N says itself how many there are."""


@dataclass(frozen=True, kw_only=True)
class Collection:
    """Where images are kept, which, and how many. ``limit`` is in bytes."""

    folder: Path
    when: When = field(default_factory=When)
    limit: int = LIMIT_MB * 10**6
    per_hour: int = PER_HOUR


@dataclass(frozen=True, kw_only=True)
class Origin:
    """The model that the answers come from, and this device; see Kept. ``labels`` are those of the model."""

    model: str
    recipe: str
    artifact_sha256: str
    labels: Sequence[str]
    device: str

    @classmethod
    def of(cls, classifier: Classifier) -> "Origin":
        """That of the answers of a classifier on this machine."""
        return cls(
            model=classifier.name,
            recipe=classifier.recipe,
            artifact_sha256=classifier.sha256,
            labels=classifier.labels,
            device=device.read().board,
        )


@dataclass(frozen=True)
class Status:
    """The images that were there when the folder was last looked at, ``LOOK_SECONDS`` ago or less unless the disk
    fails, and the bytes of their files. ``dropped`` counts the frames for which the disk was too slow.
    """

    kept: int
    bytes: int
    dropped: int


@dataclass(frozen=True)
class _Candidate:
    answer: Answer
    reason: Reason
    moment: datetime
    dhash: int


class Collector:
    """A context manager that keeps frames. ``consider`` is for one thread; ``keep`` and ``status`` are for any.

    If the disk fails, this is said once on stderr, and again when it works; the rules then try again after
    ``RETRY_SECONDS``.
    """

    def __init__(
        self,
        collection: Collection,
        origin: Origin,
        adjustable: Adjustable | None = None,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """``adjustable`` has the smoothing of the answers (see ``watch``).

        ``clock`` gives the time with its offset from UTC.
        """
        self._collection, self._origin, self._clock = collection, origin, clock
        self._adjustable = adjustable or Adjustable(Settings())
        self._images = KeptImages(collection.folder, limit=collection.limit)
        self._writing = threading.Lock()
        self._queue: queue.Queue[_Candidate | None] = queue.Queue(WAITING)
        self._pending: tuple[_Candidate, ...] = ()
        self._changing = threading.Lock()
        """For ``_pending``, ``_granted`` and ``_rules``, which two threads change."""
        self._thread = threading.Thread(target=self._write_all, name="collecting", daemon=True)
        self._dropped, self._problem, self._failed = 0, "", -math.inf
        self._open = False

    def __enter__(self) -> "Collector":
        """Raise WrongUsage if the folder is a file, Unavailable if it cannot be written to, Busy if another process
        keeps images in it."""
        self._images.__enter__()
        there = self._images.entries.values()
        self._granted = [each.time for each in there if each.reason not in _WITHOUT_QUOTA]
        last = max((each.time for each in there if each.reason is Reason.EVERY), default=-math.inf)
        self._rules = Rules(self._collection.when, self._adjustable, last=last)
        self._open = True
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Write what waits, for at most ``END_SECONDS`` in all."""
        end = monotonic() + END_SECONDS
        with contextlib.suppress(queue.Full):
            self._queue.put(None, timeout=max(0.0, end - monotonic()))
        self._thread.join(max(0.0, end - monotonic()))
        if self._writing.acquire(timeout=max(0.0, end - monotonic())):
            self._open = False
            self._images.__exit__()
            self._writing.release()

    @property
    def status(self) -> Status:
        """What is there, without a look at the disk."""
        there = self._images.entries
        return Status(len(there), sum(each.bytes for each in there.values()), self._dropped)

    def consider(self, answer: Answer) -> Reason | None:
        """Have the frame of the next answer kept if a rule says so; the reason, or None if it is not kept.

        It is not kept if it is a near duplicate of an image that is there, if the rules have kept as many as they may
        in an hour, if the disk has failed just now, or if too many frames wait for it.
        """
        moment = self._clock()
        now = moment.timestamp()
        with self._changing:
            reasons = self._rules.reasons(answer, now)
        if self._quota_is_used(now):
            reasons = tuple(each for each in reasons if each in _WITHOUT_QUOTA)
        if not reasons or 0 <= now - self._failed < RETRY_SECONDS:
            return None
        if self._queue.full():
            self._dropped += 1
            return None
        candidate = _Candidate(answer, reasons[0], moment, dhash.dhash(answer.frame))
        if self._is_there(candidate.dhash):
            return None
        with self._changing:
            self._rules.taken(reasons, now)
            self._pending = (*self._pending, candidate)
            if candidate.reason not in _WITHOUT_QUOTA:
                self._granted.append(now)
        self._queue.put(candidate)
        return candidate.reason

    def keep(self, answer: Answer) -> str:
        """Keep the frame of an answer because someone asks for it; its name, relative to the folder.

        It is written when this returns. Neither the rules nor the quota nor near duplicates matter. Raise Unavailable
        if it cannot be kept, Busy if another process keeps images in the folder now.
        """
        candidate = _Candidate(answer, Reason.ASKED, self._clock(), dhash.dhash(answer.frame))
        return self._write(candidate)

    def _quota_is_used(self, now: float) -> bool:
        with self._changing:
            self._granted = [each for each in self._granted if 0 <= now - each < _HOUR]
            return len(self._granted) >= self._collection.per_hour

    def _is_there(self, hashed: int) -> bool:
        """Whether a near duplicate is kept, and nobody has moved it away, or waits to be written."""
        if any(dhash.are_near(hashed, each.dhash) for each in self._pending):
            return True
        there = self._images.entries.values()
        near = (each for each in there if each.dhash is not None and dhash.are_near(hashed, each.dhash))
        return any(map(self._images.is_there, near))

    def _write_all(self) -> None:
        """The main function of the thread."""
        while True:
            try:
                candidate = self._queue.get(timeout=LOOK_SECONDS)
            except queue.Empty:
                self._look()
                continue
            if candidate is None:
                return
            try:
                self._write(candidate)
            except Exception:  # which is said; the next one may be kept
                self._give_back(candidate.moment.timestamp())
            finally:
                with self._changing:
                    self._pending = tuple(each for each in self._pending if each is not candidate)

    def _look(self) -> None:
        """Notice what was sorted or deleted."""
        with self._writing, contextlib.suppress(Exception):  # the next image that is to be kept says it
            if self._open:
                self._images.forget_moved()

    def _give_back(self, taken: float) -> None:
        """Let the rules have another frame for the one that was taken at this second."""
        with self._changing:
            self._rules.lost(taken)
            with contextlib.suppress(ValueError):
                self._granted.remove(taken)

    def _write(self, candidate: _Candidate) -> str:
        with self._writing:
            if not self._open:
                raise Unavailable("no images are kept any more", "Start the camera again.")
            try:
                name = self._add(candidate)
            except TlpipeError as error:
                self._failed = candidate.moment.timestamp()
                self._tell(error.what, error.advice)
                raise
            self._tell("", "")
            return name

    def _add(self, candidate: _Candidate) -> str:
        """The name of the image. Raise the errors of ``keep``."""
        try:
            image, kept = self._encoded(candidate)
            folder = review_names.folder_of(kept.label, self._origin.labels)
            stem = review_names.stem_of(candidate.moment, kept.sha256)
            return self._images.add(image, kept, folder=folder, stem=stem)
        except TlpipeError:
            raise
        except Exception as error:  # of OpenCV, or of a device that has no memory left
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            advice = "The camera goes on, and tries again with the next image."
            raise Unavailable(f"the image cannot be written ({reason})", advice) from error

    def _encoded(self, candidate: _Candidate) -> tuple[bytes, Kept]:
        answer, origin = candidate.answer, self._origin
        image = as_jpeg(answer.frame)
        return image, Kept(
            sha256=hashlib.sha256(image).hexdigest(),
            label=answer.label,
            best=answer.best,
            score=min(1.0, answer.score),  # an average of float32 may be a little more
            time=candidate.moment.isoformat(timespec="milliseconds"),
            reason=candidate.reason,
            model=origin.model,
            recipe=origin.recipe,
            artifact_sha256=origin.artifact_sha256,
            device=origin.device,
            dhash=dhash.as_text(candidate.dhash),
        )

    def _tell(self, problem: str, advice: str) -> None:
        """Say a new problem, or that there is none any more."""
        before, self._problem = self._problem, problem
        if problem and not before:
            progress.warn(f"no image is kept: {problem}. {advice}")
        elif before and not problem:
            progress.say("images are kept again")
