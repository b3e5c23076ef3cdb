"""The user's cache on disk: what is costly to compute and can be computed again. Bounded: the oldest goes first."""

import contextlib
import os
import stat
from pathlib import Path

import platformdirs

from tlpipe.storage import atomic

LIMIT = 8_000_000_000
"""The bytes beyond which the oldest files go, but for those of the present run."""


def folder() -> Path:
    """Where the cache lies: the platform's place, $XDG_CACHE_HOME/tlpipe on Linux."""
    return Path(platformdirs.user_cache_path("tlpipe"))


def get(name: str) -> Path | None:
    """The file of this name, marked as used now, or None."""
    file = folder() / name
    try:
        os.utime(file)
    except OSError:
        return None
    return file


def put(name: str, content: bytes) -> Path:
    """Store a file whole, or not at all."""
    file = folder() / name
    file.parent.mkdir(parents=True, exist_ok=True)
    atomic.write_bytes(file, content)
    return file


def names(below: str) -> list[str]:
    """The names of all files in one folder of the cache."""
    return sorted(f"{below}/{entry.name}" for entry in (folder() / below).glob("[!.]*"))


def size() -> int:
    """How many bytes the cache holds."""
    return sum(size for _, size, _ in _files())


def shrink(*, limit: int = LIMIT, keep_since: float = 0.0) -> int:
    """Delete the files that were not used for longest until ``limit`` bytes are left; gives the bytes deleted.

    Files used at or after ``keep_since`` (seconds since the epoch) stay, whatever their size: a run keeps its own.
    """
    entries = sorted(_files())
    excess, deleted = sum(size for _, size, _ in entries) - limit, 0
    for used, size, entry in entries:
        if deleted >= excess or used >= keep_since > 0:
            break
        entry.unlink(missing_ok=True)
        deleted += size
    return deleted


def _files() -> list[tuple[float, int, Path]]:
    """When each file was last used, its bytes, and where it is; another run may delete files meanwhile."""
    found = []
    for entry in folder().rglob("*"):
        with contextlib.suppress(FileNotFoundError):
            status = entry.stat()
            if stat.S_ISREG(status.st_mode):
                found.append((status.st_mtime, status.st_size, entry))
    return found
