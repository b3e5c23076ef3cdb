"""What a command that was stopped has computed, in a folder beside its target: the same command continues from there.

The folder of the target NAME is ``.NAME.unfinished-KEY``. KEY stands for the command and all arguments on which its
result depends, so that several commands do not disturb each other. ``about.json`` says what the parts are computed
from (hashes of images and models, versions); if that has changed, they are not used. A part is a file with its sha256;
one that is damaged is as if it were absent. A result that grows row by row is in a ``Growing`` file beside the parts,
one of which says how far it goes. The folder is used only while the lock of the target is held (by ``run``, whose steps
lock what they write, that of the folder itself), and deleted when the target is there.
"""

import hashlib
import io
import json
import os
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from tlpipe.storage import atomic, leftovers
from tlpipe_edge.console import progress
from tlpipe_edge.contract import arrays, checksums
from tlpipe_edge.contract.files import parse_json
from tlpipe_edge.errors import BadData

SCHEMA = 1
SHARE = 20
"""A save takes at most about 1/20 of the time: the next one waits for so many times the seconds that it took."""

_ABOUT = "about.json"
_RECORD = "record"
_PART, _GROWING = ".part", ".growing"
_PIECE = 1 << 20
"""Bytes that are read at once."""

Values = Mapping[str, object]
"""A JSON object."""


def key(command: str, arguments: Values) -> str:
    """The KEY of a command with these arguments, which are JSON, or paths."""
    document = {"command": command, "arguments": arguments}
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def targets(usual: Path, key: str) -> Iterator[Path]:
    """The targets that unfinished commands with this KEY write: ``usual`` itself, and usual-2, usual-3, ..."""
    pattern = re.compile(re.escape(usual.name) + r"(-\d+)?")
    for about in sorted(usual.parent.glob(f".*.unfinished-{key}/{_ABOUT}")):
        name = leftovers.CHECKPOINT.fullmatch(about.parent.name)
        if name is not None and pattern.fullmatch(name["name"]) and not leftovers.is_finished(about.parent):
            yield usual.with_name(name["name"])


@dataclass(frozen=True)
class Part:
    """A saved part: a JSON object with arrays, and when it was saved, in seconds since the epoch."""

    record: dict[str, object]
    arrays: dict[str, np.ndarray]
    saved: float


@dataclass(frozen=True)
class Mark:
    """How many bytes of a growing file are valid, and their sha256."""

    bytes: int
    sha256: str


class Growing:
    """A file that rows are appended to: a ``Mark``, saved in a part, says how much of it is on the disk."""

    def __init__(self, file: Path, stream: io.FileIO, length: int, sha256: "hashlib._Hash") -> None:
        """``stream`` stands at ``length``, the end of the file, whose content has this ``sha256``."""
        self.file = file
        self._stream, self._length, self._sha256 = stream, length, sha256
        self._waiting = bytearray()

    def append(self, content: bytes) -> None:
        """Write at the end. Raise OSError."""
        self._waiting += content
        if len(self._waiting) > _PIECE:
            self._write()

    def mark(self) -> Mark:
        """What ``Checkpoint.growing`` goes back to, once that is on the disk."""
        sha256 = self._sha256.copy()
        sha256.update(self._waiting)
        return Mark(self._length + len(self._waiting), sha256.hexdigest())

    def flushed(self) -> Mark:
        """Flush it to the disk, and give the mark at its end. Raise OSError."""
        self._write()
        os.fsync(self._stream.fileno())
        return self.mark()

    def close(self) -> None:
        """Close it. What was appended since ``flushed`` is lost."""
        self._stream.close()

    def _write(self) -> None:
        self._sha256.update(self._waiting)
        self._length += len(self._waiting)
        while self._waiting:  # not by a buffered file, which tries again at its end what has failed
            del self._waiting[: self._stream.write(self._waiting)]


class Checkpoint:
    """The saved parts of a command that writes ``target``. Nothing is on the disk before the first part is saved."""

    def __init__(self, target: Path, key: str) -> None:
        self.target, self.key = target, key
        self.folder = target.absolute().with_name(f".{target.absolute().name}.unfinished-{key}")
        self.reached = ""
        self._basis: dict[str, str] = {}
        self._due, self._failed = 0.0, False

    def open(self, basis: Mapping[str, str], *, restart: bool = False) -> bool:
        """Whether there are parts to continue from. Those of another ``basis`` are deleted, with a message.

        ``basis`` has the sha256 of the inputs, and the versions, by what they are called in the message. ``restart``
        deletes all parts.
        """
        self._basis = dict(basis)
        if not os.path.lexists(self.folder):  # False also for a name that is too long
            return False
        reason = "--restart" if restart else self._changed()
        if reason is None:
            return True
        if (self.folder / _ABOUT).exists():
            self.begin_anew(reason)
        self.delete()
        return False

    def _changed(self) -> str | None:
        """Why the parts cannot be used, or None."""
        try:
            about = parse_json((self.folder / _ABOUT).read_text("utf-8"))
            checksums.check_seal(about, self.folder / _ABOUT, "")
            stored = {**about["basis"]} if about["schema"] == SCHEMA else None  # TypeError unless it is an object
        except (OSError, ValueError, KeyError, TypeError, RecursionError, BadData):
            return "damaged"
        if stored is None:
            return "of another version of tlpipe"
        differ = [name for name in {**self._basis, **stored} if self._basis.get(name) != stored.get(name)]
        return f"changed since: {', '.join(differ)}" if differ else None

    def load(self, name: str) -> Part | None:
        """The part of this name; None if there is none, or with a warning, if it is damaged."""
        file = self._file(name)
        try:
            saved = file.stat().st_mtime
            digest, content = file.read_bytes().split(b"\n", 1)
            if self._sha256(name, content) != digest:
                raise ValueError("another sha256")
            found = arrays.read(io.BytesIO(content), max_bytes=len(content))
            record = parse_json(found.pop(_RECORD).tobytes())
            if not isinstance(record, dict):
                raise ValueError("no record")
            return Part(record, found, saved)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, RecursionError):
            self.discard(name)
            return None

    def growing(self, name: str, mark: Mark | None = None) -> Growing | None:
        """The growing file of this name: empty, or as it was at the ``mark``, without what was appended since.

        None if its content is another one. Raise OSError if it cannot be written.
        """
        self._create()
        file = self.folder / f"{name}{_GROWING}"
        if mark is None:
            return Growing(file, file.open("wb", buffering=0), 0, hashlib.sha256())
        sha256 = hashlib.sha256()
        try:
            stream = file.open("r+b", buffering=0)
        except FileNotFoundError:
            return None
        left = mark.bytes
        while piece := stream.read(min(left, _PIECE)):
            sha256.update(piece)
            left -= len(piece)
        if left or sha256.hexdigest() != mark.sha256:
            stream.close()
            return None
        stream.truncate(mark.bytes)
        stream.seek(mark.bytes)
        return Growing(file, stream, mark.bytes, sha256)

    def begin_anew(self, reason: str) -> None:
        """Delete all parts, with a message: the inputs are not those that the command was stopped with."""
        progress.say(f"not continuing the unfinished {self.target} ({reason}): it begins anew")
        self.delete()

    def discard(self, name: str) -> None:
        """Forget a part that does not fit, with a warning."""
        progress.warn(f"a saved part of the unfinished {self.target} is damaged, so it is computed again: {name}")
        leftovers.remove(self._file(name))

    def due(self) -> bool:
        """Whether a part that was saved before should be saved again now, by ``SHARE``."""
        return time.monotonic() >= self._due

    def save(self, name: str, record: Values, arrays: Mapping[str, np.ndarray] | None = None, *, reached: str) -> None:
        """Save a part, or replace it; ``reached`` is where the command would continue, as in "after epoch 7".

        If the disk is full, there is a warning, once, and the command goes on.
        """
        start = time.monotonic()
        encoded = np.frombuffer(json.dumps(record, default=str).encode(), np.uint8)
        buffer = io.BytesIO()
        parts = {_RECORD: encoded, **(arrays or {})}
        np.savez(buffer, **parts)  # type: ignore[arg-type, unused-ignore]  # NumPy 2's stub
        content = buffer.getvalue()
        try:
            self._create()
            atomic.write_bytes(self._file(name), self._sha256(name, content) + b"\n" + content)
        except OSError as error:
            if not self._failed:
                progress.warn(f"{self.folder}: cannot be written ({error.strerror}); if this is stopped, work is lost")
            self._failed = True
            if not any(file for suffix in (_PART, _GROWING) for file in self.folder.glob(f"*{suffix}")):
                self.delete()
            return
        self.reached = reached
        now = time.monotonic()
        self._due = now + SHARE * (now - start)

    def _create(self) -> None:
        if not (self.folder / _ABOUT).exists():
            self.folder.mkdir(exist_ok=True)
            about = {"schema": SCHEMA, "basis": self._basis, "begun": datetime.now(UTC).isoformat(timespec="seconds")}
            atomic.write_text(self.folder / _ABOUT, json.dumps(checksums.sealed(about), indent=2) + "\n")

    def say_continuing(self, reached: str, part: Part) -> None:
        """Print that the command continues from a ``part``, and where that is."""
        self.reached = reached
        ago = _ago(time.time() - part.saved)
        progress.say(f"continuing the unfinished {self.target} {reached}, saved {ago} ago; --restart begins anew")

    def outlook(self) -> str:
        """What the same command would do if this one ended now; "" if it would begin anew."""
        return f"The same command continues {self.reached}." if self.reached else ""

    def finish(self, result: Path, main: str = "") -> str:
        """Note that nothing is left to continue as soon as ``result`` has the name of the target.

        Give the sha256 of its file ``main``, or of ``result`` itself, if that is a file.
        """
        return leftovers.finish(self.folder, result, main)

    def delete(self) -> None:
        """Delete all parts: at once for others, who might look at them."""
        self.reached = ""
        if not os.path.lexists(self.folder):
            return
        try:
            leftovers.remove(leftovers.set_aside(self.folder, self.target.absolute()))
        except OSError:  # as in a folder that is not writable any more
            leftovers.remove(self.folder)

    def move(self, target: Path) -> None:
        """Make these the parts for another target in the same folder."""
        if os.path.lexists(self.folder):
            moved = Checkpoint(target, self.key)
            moved.delete()
            self.folder.replace(moved.folder)

    def _sha256(self, name: str, content: bytes) -> bytes:
        """Of a part with its place: it is damaged under another name, or in the checkpoint of another command."""
        return hashlib.sha256(f"{self.key} {name}\n".encode() + content).hexdigest().encode()

    def _file(self, name: str) -> Path:
        return self.folder / f"{name}{_PART}"


def _ago(seconds: float) -> str:
    """The duration in words."""
    for unit, length in (("days", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"
