"""Make a slow fixture once per session: the first worker of pytest-xdist that needs it makes it for all workers."""

import fcntl
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest


def once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """Return the session's folder ``name``. The first call runs ``make(folder)`` to fill it. Do not change its files.

    Other workers wait meanwhile. If ``make`` fails, the next caller tries again.
    """
    folder = factory.getbasetemp() / name
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parents[1] / name  # the session's folder, which holds those of the workers
    done = folder.with_name(f"{name}.done")
    with folder.with_name(f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            make(folder)
            done.touch()
    return folder
