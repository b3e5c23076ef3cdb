"""The locks of files and folders, so that there is one writer at a time.

The lock of NAME is that of ``flock`` on the file ``.NAME.lock`` beside it: the kernel releases it when its owner ends,
however that happens. The owner removes the file, so who gets the lock of a file that is not there any more tries again.
"""

import contextlib
import errno
import fcntl
import functools
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tlpipe_edge.console import progress
from tlpipe_edge.errors import Busy

MARK = b"tlpipe\n"
"""The content of a lock file, by which it is told from those of other programs."""

PATIENCE = 0.5
"""Seconds until a lock counts as held: others hold it for milliseconds while they look for leftovers."""

_POLL = 0.02
_UNSUPPORTED = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS)
"""What ``flock`` gives on a file system that has no locks, such as NFS without a lock daemon."""


class Unsupported(Exception):
    """The file system has no locks."""


@contextmanager
def locked(path: Path, *, patience: float = PATIENCE, waiting: str = "") -> Iterator[bool]:
    """Hold the lock of a file or folder, which need not exist yet. Its parent folder must exist.

    If another process holds it for ``patience`` seconds, say ``waiting`` and wait until it is free; raise Busy if
    ``waiting`` is empty. Give False, after one warning, if the file system has no locks: then nothing is locked.
    """
    path = path.absolute()
    file = lock_file(path)
    try:
        descriptor = _acquired(path, file, patience, waiting)
    except Unsupported:
        _warn_once()
        yield False
        return
    try:
        yield True
    finally:
        if is_at(descriptor, file):
            with contextlib.suppress(OSError):  # as of another user in a sticky folder: there it stays, and is free
                file.unlink()
        os.close(descriptor)


def _acquired(path: Path, file: Path, patience: float, waiting: str) -> int:
    until = time.monotonic() + patience
    while (descriptor := acquire(file, mark=MARK)) is None:
        if time.monotonic() < until:
            time.sleep(_POLL)
        elif waiting:
            with progress.bar(waiting, total=None):
                while (descriptor := acquire(file, mark=MARK, wait=True)) is None:
                    pass
            return descriptor
        else:
            raise _busy(path)
    return descriptor


def check_free(path: Path) -> None:
    """Raise Busy if another process holds the lock of a file or folder. Nothing is written."""
    path = path.absolute()
    until = time.monotonic() + PATIENCE
    with contextlib.suppress(OSError, Unsupported):
        while (descriptor := acquire(lock_file(path), shared=True, create=False)) is None:
            if time.monotonic() >= until:
                raise _busy(path)
            time.sleep(_POLL)
        os.close(descriptor)


def lock_file(path: Path) -> Path:
    """The file whose lock is that of ``path``."""
    return path.parent / f".{path.name}.lock"


def acquire(
    file: Path, *, shared: bool = False, create: bool = True, wait: bool = False, mark: bytes = b""
) -> int | None:
    """A descriptor of ``file`` with its lock; closing it releases the lock. None if another process holds the lock.

    With ``create``, the file is made if it does not exist, with the content ``mark``. ``wait`` until the lock is free.
    Raise Unsupported if the file system has no locks, and OSError if the file cannot be opened.
    """
    operation = (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | (0 if wait else fcntl.LOCK_NB)
    while True:
        descriptor = _opened(file, create=create)
        try:
            fcntl.flock(descriptor, operation)
            if is_at(descriptor, file):  # or else its owner has removed it since it was opened
                if mark and not os.fstat(descriptor).st_size and _is_writable(descriptor):
                    _write_mark(descriptor, file, mark)
                return descriptor
        except OSError as error:
            if error.errno in _UNSUPPORTED:
                if create and os.fstat(descriptor).st_size <= len(mark):
                    file.unlink(missing_ok=True)
                os.close(descriptor)
                raise Unsupported from error
            os.close(descriptor)
            if error.errno in (errno.EACCES, errno.EAGAIN):
                return None
            if error.errno == errno.EBADF:  # NFS locks nothing that is open only to read, as another user's file is
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(file)) from error
            raise
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _opened(file: Path, *, create: bool) -> int:
    """A descriptor of ``file``: to write, or of another user's file only to read, which suffices for a lock."""
    flags = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    if not create:
        return os.open(file, flags | os.O_RDONLY)
    with contextlib.suppress(PermissionError):
        return os.open(file, flags | os.O_RDWR | os.O_CREAT, 0o644)
    try:
        return os.open(file, flags | os.O_RDONLY)
    except FileNotFoundError:  # its owner has removed it since then, or nothing may be written there
        return os.open(file, flags | os.O_RDWR | os.O_CREAT, 0o644)


def _is_writable(descriptor: int) -> bool:
    return fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDWR


def _write_mark(descriptor: int, file: Path, mark: bytes) -> None:
    with contextlib.suppress(OSError):  # as on a file system without modes
        os.fchmod(descriptor, 0o644)  # whatever the umask is: other users read it, to lock it
    try:
        os.write(descriptor, mark)
    except OSError:  # as on a full disk
        file.unlink(missing_ok=True)
        raise


def is_at(descriptor: int, file: Path) -> bool:
    """Whether the open file is the one of this path."""
    try:
        return os.path.samestat(os.fstat(descriptor), file.lstat())
    except FileNotFoundError:
        return False


def _busy(path: Path) -> Busy:
    return Busy("another tlpipe process is writing it", "Wait until that process has ended.", where=path)


@functools.cache
def _warn_once() -> None:
    progress.warn("this file system has no locks: do not let two tlpipe commands write to one folder at once")
