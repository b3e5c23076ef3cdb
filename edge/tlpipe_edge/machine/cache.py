"""Where both programs keep what can be computed again: one folder for all their caches."""

import atexit
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from tlpipe_edge.errors import BadConfiguration, Unavailable

VARIABLE = "TLPIPE_CACHE"
"""The environment variable that names the folder."""
ADVICE_IF_FULL = f"Free some space, or name another folder for the cache: ${VARIABLE}."
_ADVICE = f"Name a folder for it: ${VARIABLE}."


class NoFolder(Unavailable):
    """Nothing can be written on this machine, not even a temporary folder."""


def folder(name: str, *, warn: Callable[[str], None]) -> Path:
    """The folder of the cache ``name``, which is there and can be written to.

    It is below $TLPIPE_CACHE, below the platform's place ($XDG_CACHE_HOME or ~/.cache), or, if that cannot be written
    to, below a temporary folder that only this user can read. ``warn`` gets the warning about the last one, once; it is
    removed at the end of the program. The programs that this one starts use the same.

    Raise BadConfiguration if $TLPIPE_CACHE is no absolute path, Unavailable if it cannot be written to, and NoFolder if
    there is no temporary folder either.
    """
    named = os.environ.get(VARIABLE)
    if named:
        path = _named(named) / name
        problem = _problem(path)
        if problem:
            raise Unavailable(problem, "Name another folder, or unset it.", where=f"${VARIABLE} ({named})")
        return path
    place = _platform_place()
    problem = "the user has no home folder" if place is None else _problem(place / name)
    if place is not None and problem is None:
        return place / name
    where = "" if place is None else f"{place / name}: "
    return _made(_temporary(f"{where}{problem}", warn) / name)


def _named(written: str) -> Path:
    """The folder that $TLPIPE_CACHE names. systemd and Docker give a ~ as it is written.

    Raise BadConfiguration for a relative path, which would be another cache in each working folder.
    """
    path = Path(os.path.expanduser(written))  # noqa: PTH111  (which leaves a ~ without a home folder as it is)
    if not path.is_absolute():
        reason = "a relative path, so each working folder would have a cache of its own"
        raise BadConfiguration(reason, "Name it by its absolute path, or unset it.", where=f"${VARIABLE} ({written})")
    return path


def _platform_place() -> Path | None:
    """The folder for the caches of this user, or None if there is no home folder."""
    named = os.environ.get("XDG_CACHE_HOME", "")
    if os.path.isabs(named):  # noqa: PTH117  (a relative one is to be ignored, says the specification)
        return Path(named)
    try:
        home = Path.home()
    except RuntimeError:
        return None
    return home / "Library" / "Caches" if sys.platform == "darwin" else home / ".cache"


def _problem(path: Path) -> str | None:
    """Make the folder; what is wrong if it cannot be made or written to."""
    try:
        _made(path)
    except OSError as error:
        return f"{error.strerror}"
    return None if os.access(path, os.W_OK | os.X_OK) else "cannot be written to"


def _made(path: Path) -> Path:
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def _temporary(problem: str, warn: Callable[[str], None]) -> Path:
    """A new temporary folder, which $TLPIPE_CACHE names from now on, for the programs that this one starts."""
    try:
        path = Path(tempfile.mkdtemp(prefix="tlpipe-"))
    except OSError as error:
        raise NoFolder(f"no cache and no temporary folder can be written to ({problem})", _ADVICE) from error
    os.environ[VARIABLE] = str(path)
    atexit.register(_remove, path, os.getpid())
    warn(f"the cache is not kept ({problem}). {_ADVICE}")
    return path


def _remove(path: Path, process: int) -> None:
    if os.getpid() == process:  # a fork runs this, too
        shutil.rmtree(path, ignore_errors=True)
