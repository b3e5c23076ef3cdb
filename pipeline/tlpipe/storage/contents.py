"""What the cache has, by the runs that use it, and how it is cleared."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tlpipe.storage import cache, used_by
from tlpipe.storage.cache import Entry
from tlpipe_edge.errors import MissingInput

OTHERS = {"prefixes": "frozen layers, converted", "weights": "downloaded weights"}
"""What a folder of the cache has besides what runs use."""


@dataclass(frozen=True)
class Part:
    """A part of the cache: what the ``run`` uses, or, if that is None, what ``name`` says.

    ``shared`` of the ``bytes`` are of other runs that are there, too. ``used`` is when it was used last, in seconds
    since the epoch, None if the cache has nothing of it any more.
    """

    name: str
    run: str | None
    entries: tuple[Entry, ...]
    shared: int

    @property
    def bytes(self) -> int:
        """The size of all entries."""
        return sum(entry.bytes for entry in self.entries)

    @property
    def used(self) -> float | None:
        """When the newest of the entries was used."""
        return max((entry.used for entry in self.entries), default=None)


@dataclass(frozen=True)
class Cleared:
    """The bytes that were deleted, those that stay for other runs, and what stays, as a command uses it now."""

    bytes: int
    shared: int
    in_use: tuple[str, ...]


def parts(runs: Sequence[Path] = ()) -> list[Part]:
    """What these runs use, or, without any, the whole cache. Raise MissingInput if nothing is known of one of them."""
    entries = {entry.name: entry for entry in cache.entries()}
    uses = {use.run: use.trees for use in used_by.uses()}
    found = []
    for run, trees in uses.items():
        others = {tree for other, its in uses.items() if other != run and Path(other).is_dir() for tree in its}
        own = tuple(entries[tree] for tree in trees if tree in entries)
        found.append(Part(run, run, own, sum(entry.bytes for entry in own if entry.name in others)))
    if runs:
        wanted = [str(run.absolute()) for run in runs]
        for run in wanted:
            if run not in uses:
                raise MissingInput("nothing in the cache is known to be of this run", "See tlpipe cache.", where=run)
        return [part for part in found if part.run in wanted]
    of_runs = {tree for trees in uses.values() for tree in trees}
    return [*(part for part in found if part.entries), *_others(entries.values(), of_runs)]


def _others(entries: Iterable[Entry], of_runs: set[str]) -> list[Part]:
    named: dict[str, list[Entry]] = {}
    for entry in entries:
        folder = entry.name.partition("/")[0]
        if folder in cache.TREES and entry.name not in of_runs:
            named.setdefault("features and images of no known run", []).append(entry)
        elif folder not in cache.TREES:
            named.setdefault(OTHERS.get(folder, "other"), []).append(entry)
    return [Part(name, None, tuple(those), 0) for name, those in sorted(named.items())]


def clear(runs: Sequence[Path] = ()) -> Cleared:
    """Delete what these runs use, but for what other runs that are there use, too; without any, all of the cache.

    What a command uses now stays. Raise as ``parts``, and Unavailable if something cannot be deleted.
    """
    found = parts(runs)
    kept: set[str] = set()
    if runs:
        own = {part.run for part in found}
        others = (use for use in used_by.uses() if use.run not in own and Path(use.run).is_dir())
        kept = {tree for use in others for tree in use.trees}
    named = {entry.name: entry for part in found for entry in part.entries}
    chosen = {name: entry for name, entry in named.items() if name not in kept}
    shared = sum(entry.bytes for name, entry in named.items() if name in kept)
    deleted, in_use = 0, []
    for name, entry in chosen.items():
        with cache.writing(cache.folder() / name):
            if cache.delete(name):
                deleted += entry.bytes
            else:
                in_use.append(name)
    left = {entry.name for entry in cache.entries()}
    for use in used_by.uses():
        if left.isdisjoint(use.trees):
            used_by.forget(use.run)
    return Cleared(deleted, shared, tuple(in_use))
