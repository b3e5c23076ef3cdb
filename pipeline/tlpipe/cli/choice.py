"""The run or the bundle of a command: the one that the user names, or else the newest."""

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tlpipe.runs.run_folder import Run
    from tlpipe_edge.contract.bundle import Bundle


def written() -> str:
    """The command as it was typed."""
    return shlex.join(["tlpipe", *sys.argv[1:]])


def shown(path: Path) -> Path:
    """The path as a command prints it: from the working folder, if it is below that."""
    try:
        here = Path.cwd()
    except OSError:  # it was deleted, or its path cannot be read
        return path
    return path.relative_to(here) if path.is_relative_to(here) else path


def chosen_run(path: Path | None) -> "Run":
    """The run at ``path``, or the newest, which is then printed. Raise the errors of ``Run.open``, and MissingInput if
    there is no run."""
    from tlpipe.runs import places, run_folder
    from tlpipe_edge.console import progress

    if path is None:
        path = places.newest(places.RUNS, marker=run_folder.RUN_FILE, made_by="tlpipe train")
        progress.say(f"using the newest run, {path}")
    return run_folder.Run.open(path)


def chosen_bundle(path: Path | None) -> "Bundle":
    """The bundle at ``path``, or the newest, which is then printed; errors are as in ``chosen_run``."""
    from tlpipe.runs import places
    from tlpipe_edge.console import progress
    from tlpipe_edge.contract.bundle import MANIFEST

    if path is None:
        path = places.newest(places.EXPORTED, marker=MANIFEST, made_by="tlpipe export")
        progress.say(f"using the newest bundle, {path}")
    return places.bundle(path)
