"""Builds the library of interposed.c, and says at which call it kills a command, or lets the call fail."""

import ctypes
import mmap
import shutil
import subprocess
from dataclasses import dataclass
from enum import IntFlag
from pathlib import Path

SOURCE = Path(__file__).with_suffix(".c")
VARIABLE = "TLPIPE_INTERPOSED"


class Kind(IntFlag):
    """The kinds of calls that change files, as in interposed.c."""

    CREATE = 1
    WRITE = 2
    SYNC = 4
    RENAME = 8
    REMOVE = 16
    FOLDER = 32
    ATTRIBUTE = 64


ALL = Kind(127)
CALLS = 100_000
"""Of a command, whose kinds are kept."""


@dataclass(frozen=True)
class Plan:
    """Hit the first call of these kinds from number ``at`` on (from 1; 0 for none): with the errno ``fault``, and if it
    is ``lasting`` all later ones, too; a ``fault`` of 0 kills the command before the call.
    """

    at: int = 0
    fault: int = 0
    lasting: bool = False
    kinds: Kind = ALL


class _Control(ctypes.Structure):
    _fields_ = (
        ("armed", ctypes.c_int64),
        ("count", ctypes.c_int64),
        ("hits", ctypes.c_int64),
        ("at", ctypes.c_int64),
        ("kinds", ctypes.c_int64),
        ("fault", ctypes.c_int64),
        ("lasting", ctypes.c_int64),
        ("main", ctypes.c_int64),
        ("root", ctypes.c_char * 4096),
        ("hit", ctypes.c_char * 4096),
        ("calls", ctypes.c_ubyte * CALLS),
    )


class Control:
    """The file that the processes of a command share."""

    def __init__(self, file: Path) -> None:
        if not file.exists():
            file.write_bytes(bytes(ctypes.sizeof(_Control)))
        with file.open("r+b") as stream:
            self._shared = _Control.from_buffer(mmap.mmap(stream.fileno(), ctypes.sizeof(_Control)))

    def arm(self, plan: Plan, *, root: Path, main: int) -> None:
        """Count from now on what the command with the process ``main`` does below ``root``."""
        shared = self._shared
        shared.armed = shared.count = shared.hits = 0
        shared.kinds, shared.at, shared.fault = plan.kinds, plan.at, plan.fault
        shared.lasting, shared.main = plan.lasting, main
        shared.root, shared.hit = str(root).encode(), b""
        shared.armed = 1

    def disarm(self) -> tuple[tuple[int, ...], str]:
        """Stop counting; the kinds of the calls, and the one that was hit, such as "unlink work/bench.json"."""
        self._shared.armed = 0
        return tuple(self._shared.calls[: min(self._shared.count, CALLS)]), self._shared.hit.decode(errors="replace")


def built(folder: Path) -> Path | None:
    """The library, compiled into ``folder``; None without a C compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        return None
    library = folder / "interposed.so"
    command = [compiler, "-shared", "-fPIC", "-O1", "-o", library, SOURCE, "-ldl"]
    subprocess.run(command, check=True)
    return library
