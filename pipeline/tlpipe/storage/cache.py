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
from dataclasses import dataclass
from pathlib import Path

from tlpipe.storage import atomic, leftovers, locks
from tlpipe_edge.console import progress
from tlpipe_edge.errors import Busy, Unavailable
from tlpipe_edge.machine import cache

ARCHIVES = "archives"
"""The folder of the trees of unpacked archives."""

FEATURES = "features"
"""The folder of the trees of features."""

TREES = (ARCHIVES, FEATURES)

RECORDS = "runs"
"""The folder of the records which run uses what: they are no content, and stay until that is gone."""

KEPT_FREE = 500_000_000
"""The bytes that are left free on the disk, for the results of the command."""

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
    with writing(file):
        file.parent.mkdir(parents=True, exist_ok=True)
        atomic.write_bytes(file, content)
    return file


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Raise Unavailable if ``path`` in the cache cannot be written in this block."""
    try:
        yield
    except OSError as error:
        raise Unavailable(f"{error.strerror}", cache.ADVICE_IF_FULL, where=error.filename or path) from error


def hold(name: str, *, make: bool = False) -> Path | None:
    """The tree of this name, marked as used now, or None if there is none, unless this is to ``make`` one. No process
    deletes it while this one runs.

    Raise Unavailable if it cannot be made.
    """
    tree = folder() / name
    if tree in _held and not locks.is_at(_held[tree], tree / _USE):  # it was replaced
        os.close(_held.pop(tree))
    while tree not in _held:
        if make:
            with writing(tree):
                tree.mkdir(parents=True, exist_ok=True)
        try:
            descriptor = locks.acquire(tree / _USE, shared=True, wait=True)
        except FileNotFoundError:
            if make:
                continue  # another process has deleted the oldest entries just now
            break
        except (OSError, locks.Unsupported):
            break
        if descriptor is None:
            break
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


@dataclass(frozen=True, order=True)
class Entry:
    """When it was ``used`` last, in seconds since the epoch; its name and its bytes."""

    used: float
    name: str
    bytes: int


def entries() -> list[Entry]:
    """All that is in the cache, the oldest first."""
    root = folder()
    return sorted(Entry(used, path.relative_to(root).as_posix(), size) for used, size, path in _entries())


def size() -> int:
    """How many bytes the cache holds."""
    return sum(size for _, size, _ in _entries())


def delete(name: str) -> bool:
    """Delete an entry. False if it is a tree that a process uses: then it stays. Where the file system has no locks,
    nobody can tell. Raise OSError."""
    path = folder() / name
    if path.is_dir():
        return _delete_tree(path, without_locks=True)
    path.unlink(missing_ok=True)
    return True


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
        with contextlib.suppress(OSError):
            if not entry.is_dir():
                entry.unlink(missing_ok=True)
            # Features that are used are computed again; the images of an archive would be missing.
            elif not _delete_tree(entry, without_locks=entry.parent.name == FEATURES):
                continue
            deleted += size
    return deleted


def _entries() -> list[tuple[float, int, Path]]:
    """When each entry was last used, its bytes, and where it is; another run may delete files meanwhile.

    What is hidden is being written, or is a lock.
    """
    found = []
    root = folder()
    trees = {tree: 0 for above in TREES for tree in (root / above).glob("[!.]*") if tree.is_dir()}
    for file in root.rglob("*"):
        with contextlib.suppress(FileNotFoundError):
            status = file.stat()
            inside = file.relative_to(root)
            if not stat.S_ISREG(status.st_mode) or _is_hidden(inside) or inside.parts[0] == RECORDS:
                continue
            if inside.parts[0] not in TREES:
                found.append((status.st_mtime, status.st_size, file))
            elif len(inside.parts) > 2:
                tree = root / inside.parts[0] / inside.parts[1]
                trees[tree] = trees.get(tree, 0) + status.st_size
    for tree, size in trees.items():
        with contextlib.suppress(FileNotFoundError):
            found.append((tree.stat().st_mtime, size, tree))
    return found


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _sweep() -> None:
    """Delete what killed commands have left; of the trees also what earlier versions have, which named it otherwise."""
    above = folder() / ARCHIVES
    for place, folders, _ in os.walk(folder()):
        folders[:] = [] if Path(place) == above else [name for name in folders if not name.startswith(".")]
        leftovers.sweep(Path(place))
    for entry in above.glob(".*.*"):
        tree = above / entry.name.split(".")[1]
        with contextlib.suppress(Busy, OSError), locks.locked(tree, patience=0) as certain:
            if certain and not entry.name.endswith(".lock"):
                leftovers.remove(entry)


def _delete_tree(tree: Path, *, without_locks: bool) -> bool:
    """Delete a tree, unless a process holds or makes it; if nobody can tell, only if ``without_locks``. It is renamed
    first, so that no part of it has its name. Raise OSError."""
    with contextlib.suppress(Busy), locks.locked(tree, patience=0), contextlib.ExitStack() as held:
        try:
            use = locks.acquire(tree / _USE)
            if use is None:
                return False
            held.callback(os.close, use)
        except FileNotFoundError:
            return True
        except locks.Unsupported:
            if not without_locks:
                return False
        with contextlib.suppress(FileNotFoundError):  # another process was faster
            leftovers.remove(leftovers.set_aside(tree, tree))
    return not tree.exists()
