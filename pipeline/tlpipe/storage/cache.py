"""The user's cache on disk: what is costly to compute and can be computed again. Bounded: the oldest goes first.

An entry is a file, or a tree: a folder directly in ``TREES``, which is deleted whole or not at all.
"""

import contextlib
import fcntl
import os
import shutil
import stat
import tempfile
from pathlib import Path

from tlpipe.storage import atomic
from tlpipe_edge.console import progress
from tlpipe_edge.errors import Busy, Unavailable
from tlpipe_edge.machine import cache

TREES = "archives"
"""The folder of the trees."""

LIMIT = 8_000_000_000
"""The bytes beyond which the oldest entries go, but for those of the present run."""

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
    try:
        tempfile.gettempdir()
    except OSError:  # as in a container without /tmp
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
    if tree not in _held and tree.parent.is_dir():
        with contextlib.suppress(OSError):  # a file system without locks
            descriptor = os.open(_use(tree), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            fcntl.flock(descriptor, fcntl.LOCK_SH)
            _held[tree] = descriptor
    return get(name)


def names(below: str) -> list[str]:
    """The names of all files in one folder of the cache."""
    return sorted(f"{below}/{entry.name}" for entry in (folder() / below).glob("[!.]*"))


def size() -> int:
    """How many bytes the cache holds."""
    return sum(size for _, size, _ in _entries())


def shrink(*, limit: int = LIMIT, keep_since: float = 0.0) -> int:
    """Delete the entries that were not used for longest until ``limit`` bytes are left; gives the bytes deleted.

    Entries used at or after ``keep_since`` (seconds since the epoch) stay, whatever their size: a run keeps its own. So
    do trees that a process holds.
    """
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
    """When each entry was last used, its bytes, and where it is; another run may delete files meanwhile."""
    found = []
    trees: dict[Path, int] = {}
    above = folder() / TREES
    for file in folder().rglob("*"):
        with contextlib.suppress(FileNotFoundError):
            status = file.stat()
            if not stat.S_ISREG(status.st_mode):
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


def _use(tree: Path) -> Path:
    """The file whose lock those who use the tree share."""
    return tree.parent / f".{tree.name}.use"


def _delete_tree(tree: Path) -> bool:
    """Delete a tree, unless a process holds or makes it. It is renamed first, so that no part of it has its name."""
    partial = tree.name.startswith(".")  # of ``atomic.directory``, or of a deletion that was killed
    if partial:
        target = tree.name.split(".")[1]
        with contextlib.suppress(Busy), atomic.locked(tree.parent / target):
            shutil.rmtree(tree, ignore_errors=True)
        return not tree.exists()
    with contextlib.suppress(OSError), _use(tree).open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        aside = tempfile.mkdtemp(prefix=f".{tree.name}.", dir=tree.parent)
        tree.rename(Path(aside, tree.name))
        shutil.rmtree(aside, ignore_errors=True)
    return not tree.exists()
