"""Writes files and folders atomically, and locks folders, so that there is one writer at a time."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import filelock

from tlpipe_edge.errors import Busy, Unavailable, WrongUsage


def write_bytes(file: Path, content: bytes) -> None:
    """Write ``content`` to a temporary file in the same folder, flush it to the disk, and rename it to ``file``."""
    handle, name = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        Path(name).chmod(0o644)
        Path(name).replace(file)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def write_text(file: Path, content: str) -> None:
    """``write_bytes`` for text, as UTF-8."""
    write_bytes(file, content.encode())


def refuse_existing(path: Path, *, overwrite: bool, marker: str) -> None:
    """Raise WrongUsage if ``path`` exists and ``overwrite`` is not set, WrongUsage or Unavailable if it cannot be made.

    A folder without the file ``marker`` is never replaced, unless it is empty. Raise Busy if another process holds the
    lock of ``path``.
    """
    _refuse_existing(path, overwrite=overwrite, marker=marker)
    check_free(path)


def _refuse_existing(path: Path, *, overwrite: bool, marker: str) -> None:
    if path.exists() and not overwrite:
        raise WrongUsage("exists already", "Name another path, or pass --overwrite to replace it.", where=path)
    if path.exists() and not (path / marker).is_file() and not (path.is_dir() and not any(path.iterdir())):
        raise WrongUsage(f"not replaced: it holds something else (no {marker})", "Name another path.", where=path)
    for parent in path.absolute().parents:
        if parent.exists() and not parent.is_dir():
            raise WrongUsage("is a file, not a folder", "Name another path.", where=parent)
    check_writable(next(parent for parent in path.absolute().parents if parent.exists()))


def check_writable(folder: Path) -> None:
    """Raise Unavailable if this process may not write files into the folder."""
    if not os.access(folder, os.W_OK | os.X_OK):
        raise Unavailable("cannot be written to", "Name another path, or change its permissions.", where=folder)


@contextmanager
def directory(path: Path, *, marker: str, overwrite: bool = False) -> Iterator[Path]:
    """A temporary folder, which becomes ``path`` at the end of the block; an exception leaves everything as it was.

    The block holds the lock of ``path``. Raise the errors of ``refuse_existing``.
    """
    path = path.absolute()
    path.parent.mkdir(parents=True, exist_ok=True)
    with locked(path):
        _refuse_existing(path, overwrite=overwrite, marker=marker)
        partial = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
        partial.chmod(0o755)
        try:
            yield partial
            if path.exists():
                _exchange(path, partial)
            else:
                partial.replace(path)
        finally:
            shutil.rmtree(partial, ignore_errors=True)


def _exchange(path: Path, new: Path) -> None:
    """Replace ``path`` by ``new``, and delete the old folder; if that fails, the old folder is restored."""
    aside = Path(tempfile.mkdtemp(prefix=f".{path.name}.old.", dir=path.parent))
    old = path.replace(aside / path.name)
    try:
        new.replace(path)
    except BaseException:
        old.replace(path)
        aside.rmdir()
        raise
    shutil.rmtree(aside)


def check_free(path: Path) -> None:
    """Raise Busy if another process holds the lock of a file or folder."""
    path = path.absolute()
    if _lock_file(path).exists():  # a lock that is held, or of a process that was killed
        with locked(path):
            pass


def _lock_file(path: Path) -> Path:
    return path.parent / f".{path.name}.lock"


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock of a file or folder, which need not exist yet. Raise Busy if another process holds it."""
    lock = filelock.FileLock(_lock_file(path), timeout=0)
    try:
        lock.acquire()
    except filelock.Timeout as error:
        raise Busy("another tlpipe process is writing it", "Wait until that process has ended.", where=path) from error
    try:
        yield
    finally:
        Path(lock.lock_file).unlink(missing_ok=True)
        lock.release()
