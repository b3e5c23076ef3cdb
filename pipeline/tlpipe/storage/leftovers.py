"""What killed commands leave in a folder: garbage, which is deleted, and results, which are brought to their end.

A command that writes NAME leaves beside it, if it is killed:

    .NAME.tlpipe-XXXXXXXX      the unfinished file or folder: garbage
    .NAME.lock                 its lock, which nobody holds: garbage
    .NAME.tlpipe-committed/    finished files and folders that belong in this folder (``atomic.together``): moved there
    .NAME.old.XXXXXXXX/NAME    the old NAME, moved aside (``exchange``): moved back if there is no NAME now
    .NAME.unfinished-KEY/      a checkpoint: garbage after ``CHECKPOINT_DAYS``, or when its result is there (``finish``)

All this belongs to the owner of the lock of NAME. Whoever else looks takes that lock without waiting, and leaves
everything of NAME alone if another process holds it. Names that do not match exactly are of other programs.
"""

import contextlib
import functools
import os
import re
import shutil
import stat
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from tlpipe.storage import locks
from tlpipe_edge.console import progress, shell
from tlpipe_edge.contract import kinds
from tlpipe_edge.contract.files import sha256_of
from tlpipe_edge.errors import Busy

CHECKPOINT_DAYS = 30
"""The age at which a checkpoint is garbage, counted from the newest of its files."""

CHECKPOINT = re.compile(r"\.(?P<name>.+)\.unfinished-(?P<key>[0-9a-f]{16})", re.DOTALL)
"""The whole name of a checkpoint folder."""

ADDED_BYTES = len("..unfinished-") + 16 + len("..lock")
"""At most so many does a hidden name have more than NAME: the lock of a checkpoint has the longest."""

_FINISHED = "finished"

_RANDOM = "[a-z0-9_]{8}"
"""What ``tempfile`` adds to a prefix."""
_TEMPORARY = re.compile(rf"\.(?P<name>.+)\.tlpipe-{_RANDOM}", re.DOTALL)
_COMMITTED = re.compile(r"\.(?P<name>.+)\.tlpipe-committed", re.DOTALL)
_LOCK = re.compile(r"\.(?P<name>.+)\.lock", re.DOTALL)
_OLD = re.compile(rf"\.(?P<name>.+)\.old\.{_RANDOM}", re.DOTALL)
_KINDS = (kinds.RUN, kinds.BUNDLE, kinds.REPORT)
_RESULTS, _GARBAGE = (_COMMITTED, _OLD), (_TEMPORARY, _LOCK, CHECKPOINT)


def temporary(path: Path) -> str:
    """The prefix of the temporary files and folders of those who write ``path``."""
    return f".{path.name}.tlpipe-"


def committed(path: Path) -> Path:
    """The folder of the results that are moved into the folder of ``path``, by those who write ``path``."""
    return path.with_name(f".{path.name}.tlpipe-committed")


def repair(*folders: Path) -> None:
    """Before results in these folders are read: bring back what was moved aside, and move in what was committed.

    Nothing is written if there is nothing to repair, nor where this process may not write.
    """
    for folder in map(Path.absolute, folders):
        for name, entries in _by_name(folder, _RESULTS).items():
            with contextlib.suppress(Busy, OSError), locks.locked(folder / name, patience=0):
                _settle(folder / name, entries)


def sweep(folder: Path) -> None:
    """Before something is written into a folder, which need not exist: repair its results, and delete its garbage.

    Garbage stays on a file system without locks, where nobody can tell whether its owner lives.
    """
    garbage: list[Path] = []
    for name, entries in _by_name(folder, _RESULTS + _GARBAGE).items():
        with contextlib.suppress(Busy, OSError), locks.locked(folder / name, patience=0) as certain:
            _settle(folder / name, entries)
            if certain:
                garbage += [entry for entry in entries if _TEMPORARY.fullmatch(entry.name)]
                garbage += [set_aside(entry, folder / name) for entry in entries if _is_spent(entry)]
    for entry in garbage:  # after the locks, which nobody shall wait for: no other owner will give these names again
        remove(entry)


def settle(path: Path) -> None:
    """Repair ``path``, whose lock this process holds, from what is beside it."""
    _settle(path, _by_name(path.parent, _RESULTS).get(path.name, []))


def move_in(path: Path) -> None:
    """Move what is committed by those who write ``path`` into its folder, by the owner of its lock.

    Whatever is still in ``committed`` has not been moved, so this can be killed and repeated.
    """
    source, replaced = committed(path), []
    try:
        for entry in sorted(source.iterdir()):
            target = path.with_name(entry.name)
            if target.is_dir() and not target.is_symlink():
                replaced.append(set_aside(target, path))
            entry.replace(target)
        source.rmdir()
    finally:
        for old in replaced:
            remove(old)


def set_aside(entry: Path, path: Path) -> Path:
    """Give a folder the name of garbage of those who write ``path``, as its own may be given again. Raise OSError."""
    aside = Path(tempfile.mkdtemp(prefix=temporary(path), dir=path.parent))
    try:
        return entry.replace(aside)
    except OSError:  # as for what is another user's
        remove(aside)
        raise


def remove(path: Path) -> None:
    """Delete a file, a link or a folder, as far as that is possible."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            path.unlink()


def _by_name(folder: Path, patterns: Iterable[re.Pattern[str]]) -> dict[str, list[Path]]:
    """What is left in a folder, by the NAME that it belongs to; nothing where this process may not write."""
    found: dict[str, list[Path]] = {}
    if os.access(folder, os.W_OK | os.X_OK):
        for entry in _hidden(folder):
            match = next(filter(None, (pattern.fullmatch(entry.name) for pattern in patterns)), None)
            if match and _is_ours(entry, match):
                found.setdefault(match["name"], []).append(entry)
    return found


def _hidden(folder: Path) -> Iterator[Path]:
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        yield from sorted(Path(entry) for entry in entries if entry.name.startswith("."))


def _is_ours(entry: Path, match: re.Match[str]) -> bool:
    """Whether an entry is what its name says: what was set aside has its name inside, and a lock has our mark.

    An empty lock is ours beside a result: from an earlier version, or from a process killed while it made the lock.
    """
    try:
        if match.re is _LOCK:
            status = entry.lstat()
            if not stat.S_ISREG(status.st_mode) or status.st_size > len(locks.MARK):
                return False
            result = entry.with_name(match["name"])
            return entry.read_bytes() == locks.MARK or (not status.st_size and any(k.is_at(result) for k in _KINDS))
        if match.re is _OLD:
            return {each.name for each in entry.iterdir()} <= {match["name"]}
        return match.re is _TEMPORARY or entry.is_dir()
    except OSError:
        return False


def _settle(path: Path, entries: Iterable[Path]) -> None:
    for entry in sorted(entries, key=lambda each: each.lstat().st_mtime, reverse=True):
        if _COMMITTED.fullmatch(entry.name):
            move_in(path)
        elif _OLD.fullmatch(entry.name):
            _bring_back(path, entry)


def _bring_back(path: Path, aside: Path) -> None:
    old = aside / path.name
    if os.path.lexists(old):
        if os.path.lexists(path):
            _warn_of_old(path, aside)
            return
        old.replace(path)
        progress.say(f"{path}: brought back; a command was killed while it replaced it")
    aside.rmdir()


@functools.cache
def _warn_of_old(path: Path, aside: Path) -> None:
    progress.warn(
        f"{aside}: an older {path.name}, which a command that was killed has left. "
        f"To delete it: rm -r {shell.word(aside)}"
    )


def finish(checkpoint: Path, result: Path, main: str) -> str:
    """Just before a finished ``result`` gets its name, note that the checkpoint is garbage from then on.

    Give the sha256 of its file ``main`` ("" if it is a file), by which the result is known, here and in a copy.
    """
    sha256 = sha256_of(result / main)
    if checkpoint.is_dir():
        with contextlib.suppress(OSError):  # as on a full disk: it is garbage later
            (checkpoint / _FINISHED).write_text(f"{sha256} {main}", "utf-8")
    return sha256


def is_finished(checkpoint: Path) -> bool:
    """Whether what stands under NAME is the result of the command of this checkpoint."""
    match = CHECKPOINT.fullmatch(checkpoint.name)
    try:
        sha256, main = (checkpoint / _FINISHED).read_text("utf-8").split(" ", 1)
        return match is not None and sha256 == sha256_of(checkpoint.with_name(match["name"]) / main)
    except (OSError, ValueError):
        return False


def _is_spent(entry: Path) -> bool:
    """Whether an entry is a checkpoint that nobody needs: its result is there, or its newest file is too old."""
    if not CHECKPOINT.fullmatch(entry.name):
        return False
    if is_finished(entry):
        return True
    newest = max(file.lstat().st_mtime for file in (entry, *entry.rglob("*")))
    return newest < time.time() - CHECKPOINT_DAYS * 86_400
