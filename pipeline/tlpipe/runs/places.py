"""The folders of results: the newest one, a bundle, and the next free name."""

from pathlib import Path

from tlpipe.storage import leftovers
from tlpipe_edge.console import progress
from tlpipe_edge.contract import kinds
from tlpipe_edge.contract.bundle import Bundle
from tlpipe_edge.errors import MissingInput

RUNS, EXPORTED, REPORTS = kinds.RUN.parent, kinds.BUNDLE.parent, kinds.REPORT.parent
"""The default folders for results."""


def newest(parent: Path, *, marker: str, made_by: str) -> Path:
    """The folder below ``parent`` whose ``marker`` file is the newest. Raise MissingInput if there is none."""
    leftovers.repair(parent)
    found = [file for file in parent.glob(f"[!.]*/{marker}") if file.is_file()]
    if not found:
        raise MissingInput(f"there are no results in {parent}/ yet", f"Run {made_by} first, or name a folder.")
    return max(found, key=lambda file: file.stat().st_mtime).parent


def bundle(path: Path | str) -> Bundle:
    """The bundle at ``path``, after what a killed command has left of it is repaired. Raise as ``Bundle.open``."""
    path = Path(path)
    leftovers.repair(path.parent, path)
    return Bundle.open(path)


def free(usual: Path, *, overwrite: bool) -> Path:
    """``usual``; if it exists and must not be replaced, ``unused``, which is then printed."""
    path = usual if overwrite else unused(usual)
    if path != usual:
        progress.say(f"{usual} exists: writing to {path}")
    return path


def unused(path: Path) -> Path:
    """``path``, or the first of path-2, path-3, ... that does not exist."""
    leftovers.repair(path.parent)
    candidate, number = path, 1
    while candidate.exists():
        number += 1
        candidate = path.with_name(f"{path.name}-{number}")
    return candidate
