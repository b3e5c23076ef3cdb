"""Interrupts a program while it imports its modules, at the same place each time."""

import os
import signal
import subprocess
import sys
import tomllib
from pathlib import Path

PLAIN = "interrupt()"
SWALLOWED = """
import weakref
class Lock: pass
lock = Lock()
reference = weakref.ref(lock, lambda _: interrupt())
del lock
"""
"""In a callback, as the import system has them for its locks: Python only prints what these raise."""


def interrupted(command: list[str], folder: Path, interrupt: str) -> "subprocess.CompletedProcess[str]":
    """Run Python with ``command``; what it imports as typer interrupts the process, and does nothing else."""
    stub = "import os, signal\ndef interrupt(): os.kill(os.getpid(), signal.SIGINT)\n"
    (folder / "typer.py").write_text(f"{stub}{interrupt}\nraise SystemExit('it was not interrupted')\n")
    path = os.pathsep.join(filter(None, (str(folder), os.environ.get("PYTHONPATH"))))
    before = signal.signal(signal.SIGINT, signal.SIG_DFL)  # a shell's background job ignores it, and so would a child
    try:
        return subprocess.run(
            [sys.executable, *command],
            env=os.environ | {"PYTHONPATH": path},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    finally:
        signal.signal(signal.SIGINT, before)


def entry(project: Path, name: str) -> list[str]:
    """The arguments of Python that do what the installed program of this name does, by its pyproject.toml."""
    module, function = tomllib.loads(project.read_text())["project"]["scripts"][name].split(":")
    return ["-c", f"from {module} import {function}; {function}()"]
