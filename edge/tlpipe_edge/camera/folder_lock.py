"""The lock of a folder that one camera at a time keeps images in, and whether that folder is still there."""

import contextlib
import errno
import fcntl
import os
from pathlib import Path

from tlpipe_edge.errors import Busy

NAME = ".tlpipe-edge.lock"
_UNSUPPORTED = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS)
"""What ``flock`` gives on a file system that has no locks, such as NFS without a lock daemon."""


class FolderLock:
    """The lock of ``flock`` on a hidden file in a folder: the kernel releases it when its owner ends.

    ``supported`` is False if the file system has no locks: then nothing is locked.
    """

    def __init__(self, folder: Path) -> None:
        """Take the lock. Raise Busy if another process has it, OSError if the file cannot be opened."""
        self._file, self.supported = folder / NAME, True
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        self._descriptor = os.open(self._file, flags, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in _UNSUPPORTED:
                self.supported = False
                return
            os.close(self._descriptor)
            if error.errno in (errno.EACCES, errno.EAGAIN):
                reason = "another tlpipe-edge process keeps images in it"
                raise Busy(reason, "Name another folder with --collect.", where=folder) from error
            raise

    def is_there(self) -> bool:
        """Whether the folder is still the one that was locked: a disk may have been unmounted, or mounted again."""
        try:
            return os.path.samestat(os.fstat(self._descriptor), self._file.lstat())
        except OSError:
            return False

    def release(self) -> None:
        """Release the lock. The file stays."""
        with contextlib.suppress(OSError):  # of a disk that was pulled out
            os.close(self._descriptor)
