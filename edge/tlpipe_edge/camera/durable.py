"""Writes files and makes folders, for their owner alone, so that a pulled plug leaves all of a file or nothing."""

import contextlib
import errno
import os
from pathlib import Path

_BEFORE, _AFTER = ".", ".partial"


def write(file: Path, content: bytes) -> None:
    """Write ``content`` to a hidden file in the same folder, flush it to the disk, rename it to ``file``, and flush the
    folder. The mode is 0600. Raise OSError, and leave nothing, unless only the flush of the folder failed."""
    partial = file.with_name(f"{_BEFORE}{file.name}{_AFTER}")
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
        with os.fdopen(os.open(partial, flags, 0o600), "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        partial.replace(file)
    except BaseException:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
        raise
    sync_folder(file.parent)


def is_partial(name: str) -> bool:
    """Whether this is the name of what a killed ``write`` leaves."""
    return name.startswith(_BEFORE) and name.endswith(_AFTER)


def make_folder(folder: Path) -> None:
    """Make a folder in one that exists, unless it is there, and flush that. The mode is 0700. Raise OSError."""
    if not folder.is_dir():
        folder.mkdir(mode=0o700)
        sync_folder(folder.parent)


def sync_folder(folder: Path) -> None:
    """Flush which files are in a folder to the disk. Raise OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:  # some file systems cannot flush a folder
            raise
    finally:
        os.close(descriptor)
