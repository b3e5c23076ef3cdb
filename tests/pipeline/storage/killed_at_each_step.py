"""A program: kills a writer at each step that touches a disk, and prints what the next commands find.

Its arguments are the kind of writer, a folder, and "fallback" for a system that cannot exchange two paths. It prints a
line of JSON for each kill: what a reader finds, and the hidden entries that are left after the next writer.
"""

import itertools
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from tlpipe.storage import atomic, exchange, leftovers

STEPS = {
    *("open", "os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.chmod", "fcntl.flock"),
    "ctypes.dlsym",  # of renameat2
}
"""The audit events of Python before each."""


def make_folder(place: Path) -> None:
    with atomic.directory(place / "new", marker="a") as partial:
        fill(partial, "new")


def replace_folder(place: Path) -> None:
    with atomic.directory(place / "out", marker="a", overwrite=True) as partial:
        fill(partial, "new")


def replace_file(place: Path) -> None:
    atomic.write_text(place / "out/a", "new")


def replace_several(place: Path) -> None:
    with atomic.together(place / "out/deeper") as partial:
        fill(partial, "new")


def repair(place: Path) -> None:
    """After a kill of ``replace_several``, and after one between the renames of ``replace_folder``."""
    leftovers.repair(place, place / "out", place / "other")


WRITERS: dict[str, Callable[[Path], None]] = {
    each.__name__: each for each in (make_folder, replace_folder, replace_file, replace_several, repair)
}


def prepare(place: Path, writer: str) -> None:
    fill(place / "out", "old")
    if writer == "repair":
        fill(place / "out/.deeper.tlpipe-committed", "new")
        fill(place / ".other.old.abcd_123/other", "old")


def fill(folder: Path, text: str) -> None:
    (folder / "deeper").mkdir(parents=True)
    for file in ("a", "deeper/b"):
        (folder / file).write_text(text)


def found(place: Path) -> dict[str, str]:
    files = {file.relative_to(place): file for file in sorted(place.rglob("*")) if file.is_file()}
    return {str(name): file.read_text() for name, file in files.items() if not any(p[0] == "." for p in name.parts)}


def main() -> None:
    writer, folder = sys.argv[1], Path(sys.argv[2])
    if sys.argv[3:] == ["fallback"]:
        exchange._in_one_step = lambda *_: False  # type: ignore[assignment]
    for number in itertools.count():
        place = folder / str(number)
        prepare(place, writer)
        child = os.fork()
        if not child:
            die_before(number)
            WRITERS[writer](place)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        leftovers.repair(place, place / "out")
        read = found(place)
        leftovers.sweep(place)
        leftovers.sweep(place / "out")
        hidden = [
            file.name for file in place.rglob(".*") if not (file.name[-5:] == ".lock" and not file.stat().st_size)
        ]
        print(json.dumps([os.WIFSIGNALED(status), read, hidden]))
        if not os.WIFSIGNALED(status):
            assert status == 0
            break


def die_before(number: int) -> None:
    """Kill this process before this step."""
    steps = itertools.count()

    def hook(event: str, _: object) -> None:
        if event in STEPS and next(steps) == number:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


if __name__ == "__main__":
    main()
