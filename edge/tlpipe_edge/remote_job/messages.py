"""The messages between a device and a workstation over ssh: one line of JSON each, written and read by these types.

The device sends events. The line of an event has two more keys: ``event``, its kind, and ``bytes``, the number of bytes
that follow the line. The bootstrap on the device (tlpipe/remote/agent.py) writes its events without these types,
because it runs before this package is installed.
"""

import errno
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Annotated, Any, TypeVar

from annotated_types import Ge, Le, MaxLen, Predicate

from tlpipe_edge.contract import codec
from tlpipe_edge.contract.checksums import PathBelow
from tlpipe_edge.contract.codec import Misfit
from tlpipe_edge.contract.files import parse_json
from tlpipe_edge.contract.ranges import Count
from tlpipe_edge.errors import BadData, TlpipeError

MAX_LINE = 64_000_000
"""Maximum bytes of one line: enough for the sha256 of half a million files."""
MAX_OUTPUT = 256_000_000
"""Maximum bytes that the command may print."""
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""The errors of a full disk and of a quota."""
ADVICE_IF_FULL = "Free some space on the device, or name another folder there: $TLPIPE_CACHE."
_ADVICE = "Run it again; if the error persists, check what runs on the device."
MAX_TEXT = 1_000_000
"""Maximum characters of one text, such as a line on stderr."""

T = TypeVar("T")
Text = Annotated[str, MaxLen(MAX_TEXT)]
ExitCode = Annotated[int, Ge(-255), Le(255)]
"""The exit code of a process; a negative one is the signal that killed it."""


def _is_sha256(text: str) -> bool:
    """64 hexadecimal digits"""
    return re.fullmatch("[0-9a-f]{64}", text) is not None


@dataclass(frozen=True)
class File:
    """A file of a job: its path below the folder of the job, its sha256, its size in bytes."""

    path: PathBelow
    sha256: Annotated[str, Predicate(_is_sha256)]
    bytes: Count


@dataclass(frozen=True)
class Job:
    """The job for the device: run ``tlpipe-edge`` with these arguments in a folder with these files."""

    files: tuple[File, ...]
    arguments: tuple[str, ...]

    def check(self) -> None:
        if len({PurePosixPath(file.path) for file in self.files}) < len(self.files):
            raise Misfit("a path occurs twice", ".files")


@dataclass(frozen=True)
class Wheels:
    """The wheels for the bootstrap: that of tlpipe-edge, and those of a wheelhouse that replaces the package index."""

    wheel: File
    wheelhouse: tuple[File, ...] | None


@dataclass(frozen=True)
class Sent:
    """The size of the file that follows."""

    bytes: Annotated[int, Ge(0)]


@dataclass(frozen=True)
class Busy:
    """Another run holds the lock. Sent by the bootstrap."""


@dataclass(frozen=True)
class AwaitsWheels:
    """The bootstrap waits for ``Wheels``."""


@dataclass(frozen=True)
class Installing:
    """The bootstrap makes the virtual environment."""


@dataclass(frozen=True)
class NotInstalled:
    """The bootstrap cannot make the virtual environment: the end of the output, the version of Python, the machine."""

    said: Text
    python: Text
    machine: Text


@dataclass(frozen=True)
class AwaitsJob:
    """tlpipe-edge is installed and waits for a ``Job``."""


@dataclass(frozen=True)
class Missing:
    """The sha256 of the files to send, in this order. The bootstrap sends it, too, for wheels."""

    files: tuple[Text, ...]


@dataclass(frozen=True)
class Running:
    """The command has been started."""


@dataclass(frozen=True)
class Said:
    """A line of the command on stderr."""

    line: Text


@dataclass(frozen=True)
class Failed:
    """The job or the command ended with a TlpipeError of these fields."""

    code: ExitCode
    where: Text
    reason: Text
    advice: Text

    @classmethod
    def from_error(cls, error: TlpipeError) -> "Failed":
        """The event for an error."""
        return cls(error.exit_code, error.where, error.reason, error.advice)


@dataclass(frozen=True)
class Ended:
    """The command, or (sent by the bootstrap) the job, ended with this code, not 0, and without a TlpipeError."""

    code: ExitCode
    said: Text


@dataclass(frozen=True)
class Result:
    """The command ended with 0. Its output follows."""


Event = Busy | AwaitsWheels | Installing | NotInstalled | AwaitsJob | Missing | Running | Said | Failed | Ended | Result
KINDS: dict[str, type[Event]] = {
    "busy": Busy,
    "awaits-wheels": AwaitsWheels,
    "installing": Installing,
    "not-installed": NotInstalled,
    "awaits-job": AwaitsJob,
    "missing": Missing,
    "running": Running,
    "said": Said,
    "failed": Failed,
    "ended": Ended,
    "result": Result,
}
_NAMES = {kind: name for name, kind in KINDS.items()}


@dataclass(frozen=True)
class _Header:
    event: Text
    bytes: Annotated[int, Ge(0), Le(MAX_OUTPUT)]


def line_of(event: Event, *, size: int = 0) -> bytes:
    """The line of an event that ``size`` bytes follow."""
    fields: dict[str, Any] = codec.as_json(event)
    return json.dumps({"event": _NAMES[type(event)]} | fields | {"bytes": size}).encode() + b"\n"


def read_event(line: bytes, where: str, kinds: Mapping[str, type[T]]) -> tuple[T, int]:
    """The event in a line, one of these kinds by name, and the number of bytes that follow.

    Raise BadData, with ``where``, if there is none.
    """
    try:
        document = parse_json(line)
    except (ValueError, RecursionError) as error:
        raise BadData("a message that is not JSON", _ADVICE, where=where) from error
    header = codec.read(_Header, document, where, _ADVICE)
    kind = kinds.get(header.event)
    if kind is None:
        raise BadData(f"an unknown event {header.event[:40]!r}", _ADVICE, where=where)
    return codec.read(kind, document, f"{where}: {header.event}", _ADVICE), header.bytes
