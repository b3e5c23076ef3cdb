"""``tlpipe cache``: what the cache has, by the runs that use it, and how to clear it."""

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tlpipe.cli.options import Json

if TYPE_CHECKING:
    from tlpipe.storage.contents import Part

Runs = Annotated[
    list[Path],
    typer.Argument(metavar="RUN", help="Only what these run folders use. If left out, the whole cache."),
]
Clear = Annotated[
    bool,
    typer.Option(
        "--clear", help="Delete it, but for what a command uses now; with RUN, but for what other runs use, too."
    ),
]


def cache(runs: Runs = [], clear: Clear = False, as_json: Json = False) -> None:  # noqa: B006  (typer copies it)
    """Show what the cache has, by run, or clear it: features of images, unpacked archives, downloaded weights.

    All of it can be computed, unpacked or downloaded again.
    """
    from tlpipe.storage import cache as stored
    from tlpipe.storage import contents
    from tlpipe_edge.console import progress
    from tlpipe_edge.console.text import printable, size, terminal_width, wrapped

    cleared = contents.clear(runs) if clear else None
    parts = contents.parts(() if clear else runs)
    folder = stored.folder()
    free = shutil.disk_usage(folder).free
    if cleared is not None and cleared.in_use:
        stay = len(cleared.in_use)
        what = f"{stay} folders of the cache stay" if stay > 1 else "1 folder of the cache stays"
        progress.warn(f"{what}: a tlpipe command uses {'them' if stay > 1 else 'it'} now")
    if cleared is not None and cleared.shared:
        progress.say(f"{size(cleared.shared)} stay: other runs use them")
    if as_json:
        document = {"schema": 1, "folder": str(folder), "limit": stored.LIMIT, "free": free, "parts": _documents(parts)}
        if cleared is not None:
            document |= {"cleared": cleared.bytes, "shared": cleared.shared, "in_use": cleared.in_use}
        print(json.dumps(document, indent=2))
    elif cleared is not None:
        print(f"{size(cleared.bytes)} deleted from {printable(str(folder))}")
    else:
        print(_table(parts))
        used = f"{size(stored.size())} of at most {size(stored.LIMIT)} in {printable(str(folder))}"
        print(wrapped(f"{used}; {size(free)} are free on this disk", terminal_width()))


def _table(parts: "list[Part]") -> str:
    from tlpipe_edge.console.text import size, table, terminal_width

    rows = []
    for part in parts:
        gone = "" if part.run is None or Path(part.run).is_dir() else " (deleted)"
        used = "" if part.used is None else datetime.fromtimestamp(part.used).strftime("%Y-%m-%d %H:%M")
        rows.append((part.name + gone, size(part.bytes), size(part.shared) if part.shared else "", used))
    return table(("", "size", "also of other runs", "last used"), rows, width=terminal_width())


def _documents(parts: "list[Part]") -> list[dict[str, object]]:
    return [
        {
            "name": part.name,
            "run": part.run,
            "bytes": part.bytes,
            "shared_bytes": part.shared,
            "used": None if part.used is None else datetime.fromtimestamp(part.used, UTC).isoformat(timespec="seconds"),
        }
        for part in parts
    ]
