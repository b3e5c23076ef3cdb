"""Other processes that hold a lock, until a test lets them go."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HOLDING = """
import sys
from pathlib import Path
from tlpipe.storage import locks
with locks.locked(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def started(program: str, *arguments: Path) -> "subprocess.Popen[str]":
    """Python with this source, and pipes."""
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", program, *map(str, arguments)]
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True)


@contextmanager
def holding(program: str, *arguments: Path) -> Iterator["subprocess.Popen[str]"]:
    """A process that has printed "held"; it goes on when its stdin ends, and is killed at the end of the block."""
    with started(program, *arguments) as process:
        try:
            assert process.stdout and process.stdout.readline() == "held\n", process.communicate()
            yield process
        finally:
            process.kill()


@contextmanager
def held(path: Path) -> Iterator["subprocess.Popen[str]"]:
    """Another process holds the lock of ``path``."""
    with holding(HOLDING, path) as process:
        yield process
