"""Writes files and folders whole or not at all: a process may be killed at any step.

A result is made under a temporary name beside its own, under the lock of its name, and then renamed. Where that leaves
something behind, ``leftovers`` says what it is, and the next command puts it right.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tlpipe.storage import disk_errors, leftovers, locks
from tlpipe.storage.exchange import exchange
from tlpipe_edge.errors import Busy, Unavailable, WrongUsage


def write_bytes(file: Path, content: bytes) -> None:
    """Write ``content`` to a temporary file in the same folder, flush it to the disk, and rename it to ``file``.

    If another process writes the same file, this one follows.
    """
    file = file.absolute()
    leftovers.sweep(file.parent)
    with disk_errors.naming(file), locks.locked(file, waiting=f"another tlpipe process writes {file.name}: waiting"):
        handle, name = tempfile.mkstemp(prefix=leftovers.temporary(file), dir=file.parent)
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
    leftovers.sweep(path.absolute().parent)
    _refuse_existing(path, overwrite=overwrite, marker=marker)
    locks.check_free(path)


def _refuse_existing(path: Path, *, overwrite: bool, marker: str) -> None:
    check_name(path)
    if path.exists() and not overwrite:
        raise WrongUsage("exists already", "Name another path, or pass --overwrite to replace it.", where=path)
    if path.exists() and not (path / marker).is_file() and not (path.is_dir() and not any(path.iterdir())):
        raise WrongUsage(f"not replaced: it holds something else (no {marker})", "Name another path.", where=path)
    _check_parents(path)


def refuse_existing_file(file: Path, *, overwrite: bool) -> None:
    """Raise WrongUsage if ``file`` is a folder, or exists and ``overwrite`` is not set, WrongUsage or Unavailable if it
    cannot be made."""
    check_name(file)
    if file.is_dir():
        raise WrongUsage("a folder", "Name a file in it.", where=file)
    if os.path.lexists(file) and not overwrite:
        raise WrongUsage("exists already", "Name another path, or pass --overwrite to replace it.", where=file)
    _check_parents(file)


def _check_parents(path: Path) -> None:
    for parent in path.absolute().parents:
        if parent.exists() and not parent.is_dir():
            raise WrongUsage("is a file, not a folder", "Name another path.", where=parent)
    check_writable(next(parent for parent in path.absolute().parents if parent.exists()))


def check_name(path: Path) -> None:
    """Raise WrongUsage if there is no room in a file name for the hidden ones of who writes ``path``."""
    there = next(parent for parent in path.absolute().parents if parent.exists())
    longest = os.pathconf(there, "PC_NAME_MAX") - leftovers.ADDED_BYTES
    if len(os.fsencode(path.name)) > longest:
        raise WrongUsage(f"its name has more than {longest} bytes", "Name a shorter one with --out.", where=path)


def check_writable(folder: Path) -> None:
    """Raise Unavailable if this process may not write files into the folder."""
    if not os.access(folder, os.W_OK | os.X_OK):
        raise Unavailable("cannot be written to", "Name another path, or change its permissions.", where=folder)


@contextmanager
def directory(path: Path, *, marker: str, overwrite: bool = False) -> Iterator[Path]:
    """A temporary folder, which becomes ``path`` at the end of the block; an exception leaves everything as it was.

    The block holds the lock of ``path``. An old folder is replaced in one step (``exchange``) by one of its mode.
    Raise the errors of ``refuse_existing``.
    """
    path = path.absolute()
    path.parent.mkdir(parents=True, exist_ok=True)
    leftovers.sweep(path.parent)
    with disk_errors.naming(path), locks.locked(path):
        leftovers.settle(path)
        _refuse_existing(path, overwrite=overwrite, marker=marker)
        with temporary(path) as partial:
            yield partial
            _refuse_existing(path, overwrite=overwrite, marker=marker)  # what came meanwhile has no lock, as by cp
            if os.path.lexists(path):
                if path.is_dir():
                    shutil.copymode(path, partial)
                exchange(partial, path)
            else:
                partial.replace(path)


@contextmanager
def together(path: Path) -> Iterator[Path]:
    """A temporary folder, all of whose files and folders are moved into the folder of ``path`` at the end of the block.

    They replace those of the same names there, in one step for all: when the temporary folder has its last name
    (``leftovers.committed``), the next command moves what a killed one has not (``leftovers.repair``). An exception
    leaves everything as it was. The block holds the lock of ``path``, which is one of the files or folders that it
    writes. Raise Busy if another process holds it, or if another one has replaced the folder of ``path`` meanwhile.
    """
    path = path.absolute()
    leftovers.sweep(path.parent)
    with disk_errors.naming(path), locks.locked(path):
        leftovers.settle(path)
        with temporary(path) as partial:
            try:
                yield partial
                partial.replace(leftovers.committed(path))
                leftovers.move_in(path)
            except FileNotFoundError as error:
                if partial.exists():
                    raise
                raise Busy("another tlpipe process has replaced it", "Try again.", where=path.parent) from error


@contextmanager
def temporary(path: Path) -> Iterator[Path]:
    """A folder beside ``path``, whose lock this process holds; what is there at the end of the block is deleted."""
    partial = Path(tempfile.mkdtemp(prefix=leftovers.temporary(path), dir=path.parent))
    partial.chmod(0o755)
    try:
        yield partial
    finally:
        leftovers.remove(partial)
