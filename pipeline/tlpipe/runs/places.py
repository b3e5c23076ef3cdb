"""Where results lie when no place was named: the newest there is, or the next free name."""

from pathlib import Path

from tlpipe_edge.errors import MissingInput

RUNS, EXPORTED, REPORTS = Path("runs"), Path("exported"), Path("reports")
"""Where results go when no place is named."""


def newest(below: Path, *, marker: str, made_by: str) -> Path:
    """The folder below ``below`` whose ``marker`` file is newest. Raises MissingInput where there is none."""
    found = [file for file in below.glob(f"[!.]*/{marker}") if file.is_file()]
    if not found:
        raise MissingInput(f"nothing below {below}/ yet", f"Make something with {made_by} first, or name a folder.")
    return max(found, key=lambda file: file.stat().st_mtime).parent


def unused(path: Path) -> Path:
    """``path``, or the first of path-2, path-3, ... that does not exist."""
    candidate, number = path, 1
    while candidate.exists():
        number += 1
        candidate = path.with_name(f"{path.name}-{number}")
    return candidate
