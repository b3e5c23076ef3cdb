"""Puts a new folder in the place of an old one, in one step where the system can."""

import ctypes
import errno
import os
import tempfile
from pathlib import Path

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2
_UNSUPPORTED = (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP)
"""What ``renameat2`` gives on a file system or a kernel that cannot exchange two paths."""


def exchange(new: Path, path: Path) -> None:
    """Let ``new`` and ``path``, both of which exist in one folder, change places.

    That is one step, by Linux's ``renameat2``. Without it, these are three renames: a process that is killed between
    them leaves ``.NAME.old.XXXXXXXX/NAME``, which ``leftovers.repair`` brings back.
    """
    if not _in_one_step(new, path):
        _in_three(new, path)


def _in_one_step(new: Path, path: Path) -> bool:
    """Whether the two have changed places; False if the system cannot do that in one step."""
    try:
        renameat2 = ctypes.CDLL(None, use_errno=True).renameat2
    except AttributeError:  # another C library, or another system
        return False
    if renameat2(_AT_FDCWD, os.fsencode(new), _AT_FDCWD, os.fsencode(path), _RENAME_EXCHANGE) == 0:
        return True
    code = ctypes.get_errno()
    if code in _UNSUPPORTED:
        return False
    raise OSError(code, os.strerror(code), str(path))


def _in_three(new: Path, path: Path) -> None:
    """If one of the first two renames fails, the old folder is where it was."""
    aside = Path(tempfile.mkdtemp(prefix=f".{path.name}.old.", dir=path.parent))
    old = aside / path.name
    try:
        path.replace(old)
        new.replace(path)
    except BaseException:
        if os.path.lexists(old):
            old.replace(path)
        aside.rmdir()
        raise
    old.replace(new)
    aside.rmdir()
