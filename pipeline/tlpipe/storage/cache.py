"""The user's cache on disk: what is costly to compute and can be computed again. Bounded: the oldest goes first.

An entry is a file, or a tree: a folder directly in ``TREES``, which is deleted whole or not at all. Who uses a tree
shares the lock of the file ``_USE`` in it.
"""

import contextlib
import os
import secrets
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tlpipe.storage import atomic, leftovers, locks
from tlpipe_edge.console import progress
from tlpipe_edge.errors import Busy, Unavailable
from tlpipe_edge.machine import cache

TREES = "archives"
"""The folder of the trees."""

LIMIT = 8_000_000_000
"""The bytes beyond which the oldest entries go, but for those of the present run."""

_USE = ".use"

_held: dict[Path, int] = {}
"""The trees that this process uses, with the file descriptors of their locks."""


def folder() -> Path:
    """Where the cache lies, such as ~/.cache/tlpipe, as an absolute path: runs store it. Raise as
    ``machine.cache.folder``.
    """
    return cache.folder("tlpipe", warn=progress.warn).absolute()


def used_by_libraries() -> None:
    """Before Keras or Matplotlib is imported: let them write beside this cache, if $TLPIPE_CACHE names a folder, or if
    the home folder cannot be written to, of which each would warn in its own way; and fontconfig, for Matplotlib. It is
    also the folder for temporary files, if the system has none.
    """
    path = folder()
    if not _temporary_folder():  # as in a container without /tmp
        tempfile.tempdir = os.environ["TMPDIR"] = str(path)
    named = bool(os.environ.get(cache.VARIABLE))
    if named or not os.access(os.path.expanduser("~"), os.W_OK | os.X_OK):  # noqa: PTH111
        variables = {"KERAS_HOME": "keras", "MPLCONFIGDIR": "matplotlib"} | (
            {"XDG_CACHE_HOME": "others"} if named else {}
        )
        for variable, name in variables.items():
            if not os.environ.get(variable):
                path.with_name(name).mkdir(exist_ok=True)
                os.environ[variable] = str(path.with_name(name))


def _temporary_folder() -> bool:
    """Whether the system has one. Python's last resort is the working folder, where TensorFlow would leave files."""
    try:
        found = tempfile.gettempdir()
    except OSError:
        return False
    return found in (os.environ.get("TMPDIR"), "/tmp", "/var/tmp") or found != os.getcwd()  # noqa: PTH109


def get(name: str) -> Path | None:
    """The file of this name, marked as used now, or None."""
    file = folder() / name
    try:
        os.utime(file)
    except OSError:
        return None
    return file


def put(name: str, content: bytes) -> Path:
    """Store a file whole, or not at all. Raise Unavailable if that fails."""
    file = folder() / name
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        atomic.write_bytes(file, content)
    except OSError as error:
        raise Unavailable(f"{error.strerror}", cache.ADVICE_IF_FULL, where=error.filename or file) from error
    return file


def hold(name: str) -> Path | None:
    """The tree of this name, marked as used now, or None. No process deletes it while this one runs."""
    tree = folder() / name
    if tree in _held and not locks.is_at(_held[tree], tree / _USE):  # it was replaced
        os.close(_held.pop(tree))
    if tree not in _held:
        with contextlib.suppress(OSError, locks.Unsupported):  # there is no such tree, or no locks
            descriptor = locks.acquire(tree / _USE, shared=True, wait=True)
            if descriptor is not None:
                _held[tree] = descriptor
    return get(name)


@contextlib.contextmanager
def temporary(name: str) -> Iterator[Path]:
    """A folder for what a command needs while it runs; what a killed one leaves does not stay, as ``shrink`` says."""
    path = folder() / f"{name}-{secrets.token_hex(4)}"
    leftovers.sweep(path.parent)
    with locks.locked(path), atomic.temporary(path) as made:
        yield made


def names(below: str) -> list[str]:
    """The names of all files in one folder of the cache."""
    return sorted(f"{below}/{entry.name}" for entry in (folder() / below).glob("[!.]*"))


def size() -> int:
    """How many bytes the cache holds."""
    return sum(size for _, size, _ in _entries())


def shrink(*, limit: int = LIMIT, keep_since: float = 0.0) -> int:
    """Delete the entries that were not used for longest until ``limit`` bytes are left; gives the bytes deleted.

    Entries used at or after ``keep_since`` (seconds since the epoch) stay, whatever their size: a run keeps its own. So
    do trees that a process holds. What killed commands have left in the cache is deleted first, and not counted.
    """
    _sweep()
    entries = sorted(_entries())
    excess, deleted = sum(size for _, size, _ in entries) - limit, 0
    for used, size, entry in entries:
        if deleted >= excess or used >= keep_since > 0:
            break
        if not entry.is_dir():
            entry.unlink(missing_ok=True)
            deleted += size
        elif _delete_tree(entry):
            deleted += size
    return deleted


def _entries() -> list[tuple[float, int, Path]]:
    """When each entry was last used, its bytes, and where it is; another run may delete files meanwhile.

    What is hidden is being written, or is a lock.
    """
    found = []
    trees: dict[Path, int] = {}
    root = folder()
    above = root / TREES
    for file in root.rglob("*"):
        with contextlib.suppress(FileNotFoundError):
            status = file.stat()
            if not stat.S_ISREG(status.st_mode) or _is_hidden(file.relative_to(root)):
                continue
            if not file.is_relative_to(above):
                found.append((status.st_mtime, status.st_size, file))
            elif file.parent != above:
                tree = above / file.relative_to(above).parts[0]
                trees[tree] = trees.get(tree, 0) + status.st_size
    for tree, size in trees.items():
        with contextlib.suppress(FileNotFoundError):
            found.append((tree.stat().st_mtime, size, tree))
    return found


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _sweep() -> None:
    """Delete what killed commands have left; of the trees also what earlier versions have, which named it otherwise."""
    above = folder() / TREES
    for place, folders, _ in os.walk(folder()):
        folders[:] = [] if Path(place) == above else [name for name in folders if not name.startswith(".")]
        leftovers.sweep(Path(place))
    for entry in above.glob(".*.*"):
        tree = above / entry.name.split(".")[1]
        with contextlib.suppress(Busy, OSError), locks.locked(tree, patience=0) as certain:
            if certain and not entry.name.endswith(".lock"):
                leftovers.remove(entry)


def _delete_tree(tree: Path) -> bool:
    """Delete a tree, unless a process holds or makes it. It is renamed first, so that no part of it has its name."""
    with contextlib.suppress(Busy, OSError, locks.Unsupported), locks.locked(tree, patience=0):
        use = locks.acquire(tree / _USE)
        if use is None:
            return False
        try:
            aside = leftovers.set_aside(tree, tree)
        finally:
            os.close(use)
        leftovers.remove(aside)
    return not tree.exists()
