"""What unfinished commands are found by (their KEY), what they stand on, and where they write."""

import dataclasses
import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tlpipe.data.reading import Reading
from tlpipe.runs.config import PACKAGES, Training
from tlpipe.runs.places import free, unused
from tlpipe.runs.run_folder import Run
from tlpipe.storage import checkpoint, locks
from tlpipe.storage.checkpoint import Checkpoint
from tlpipe.storage.resume import Resume
from tlpipe_edge.console import progress
from tlpipe_edge.contract.limits import Limits
from tlpipe_edge.errors import Busy
from tlpipe_edge.machine.versions import versions


def basis(**sha256s: str) -> dict[str, str]:
    """The hashes of inputs, by what they are called in messages, and the versions on which results depend."""
    return sha256s | {f"the version of {name}": version for name, version in versions(PACKAGES).items()}


def sha256_of_text(text: str) -> str:
    """The sha256 of a text, in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


def training_key(
    data: Path,
    training: Training,
    fractions: Mapping[str, float] | None,
    reading: Reading,
    *,
    crop_auto: bool,
    strict: bool,
    within: str = "",
) -> str:
    """The KEY of the first stage; ``within`` is that of the ``run`` that it is a step of."""
    arguments = {
        "data": data.resolve(),
        "training": dataclasses.asdict(training),
        "fractions": dict(fractions or {}),
        "reading": reading_key(reading),
        "crop_auto": crop_auto,
        "strict": strict,
        "within": within,
    }
    return checkpoint.key("train", arguments)


def export_key(run: Run, formats: Sequence[str], limits: Limits, resume: Resume) -> str:
    """The KEY of an export in these number formats, within these limits."""
    arguments = {
        "run": run.path.resolve(),
        "stage": run.best,
        "formats": formats,
        "limits": dataclasses.astuple(limits),
        "within": resume.within,
    }
    return checkpoint.key("export", arguments)


def reading_key(reading: Reading) -> dict[str, object]:
    """The part of a KEY that says how data are read."""
    images = reading.images
    return {"format": reading.format, "images": None if images is None else images.resolve()}


def chosen(
    usual: Path, key: str, *steps: str, overwrite: bool, is_own: Callable[[Path], bool] = lambda _: False
) -> Path:
    """Where a command writes that names no folder: where it was, if it is unfinished, or else ``free``.

    If something else is there by now (``is_own`` tells of what exists), the unfinished command moves to a free name,
    with those of its ``steps`` (their KEYs) that write the same folder.
    """
    for target in () if overwrite else checkpoint.targets(usual, key):
        if not target.exists() or is_own(target):
            return target
        there = unused(usual)
        try:
            with locks.locked(target), locks.locked(Checkpoint(target, key).folder):
                for each in (key, *steps):
                    Checkpoint(target, each).move(there)
        except (Busy, OSError):  # another process replaces it, or goes on with it; or it is another user's
            continue
        progress.say(f"{target} exists: continuing in {there}")
        return there
    return free(usual, overwrite=overwrite)
