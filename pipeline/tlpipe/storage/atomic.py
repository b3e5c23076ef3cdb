"""A file or folder appears whole or not at all, and a folder has one writer at a time."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import filelock

from tlpipe_edge.errors import Busy, WrongUsage


def write_bytes(file: Path, content: bytes) -> None:
    """Write ``content`` to a temporary neighbour, flush it to the disk, and rename it to ``file``."""
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
    """Raise WrongUsage where ``path`` exists already and the user did not say that it may go, or cannot come to be.

    What has no file ``marker`` is not ours to replace, unless it is empty.
    """
    if path.exists() and not overwrite:
        raise WrongUsage("exists already", "Name another place, or pass --overwrite to replace it.", where=path)
    if path.exists() and not (path / marker).is_file() and not (path.is_dir() and not any(path.iterdir())):
        raise WrongUsage(f"not replaced, for it holds something else (no {marker})", "Name another place.", where=path)
    for parent in path.absolute().parents:
        if parent.exists() and not parent.is_dir():
            raise WrongUsage("a file, so that nothing can be made below it", "Name another place.", where=parent)


@contextmanager
def directory(path: Path, *, marker: str, overwrite: bool = False) -> Iterator[Path]:
    """A folder to fill, which becomes ``path`` at the end of the block; an exception leaves everything as it was.

    Holds the lock of ``path`` meanwhile. Raises WrongUsage as ``refuse_existing`` does, Busy where another process
    fills it.
    """
    path = path.absolute()
    path.parent.mkdir(parents=True, exist_ok=True)
    with locked(path):
        refuse_existing(path, overwrite=overwrite, marker=marker)
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
    """Put ``new`` in the place of ``path``, and delete what was there; if that fails, it is back where it was."""
    aside = Path(tempfile.mkdtemp(prefix=f".{path.name}.old.", dir=path.parent))
    old = path.replace(aside / path.name)
    try:
        new.replace(path)
    except BaseException:
        old.replace(path)
        aside.rmdir()
        raise
    shutil.rmtree(aside)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock of a file or folder, which need not exist yet. Raises Busy where another process holds it."""
    lock = filelock.FileLock(path.parent / f".{path.name}.lock", timeout=0)
    try:
        lock.acquire()
    except filelock.Timeout as error:
        raise Busy("another run is working on it", "Wait for it to end, or name another place.", where=path) from error
    try:
        yield
    finally:
        Path(lock.lock_file).unlink(missing_ok=True)
        lock.release()
