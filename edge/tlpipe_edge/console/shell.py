"""Words of commands that people copy into their shell, as they work from the working folder."""

import os
import shlex
import shutil
import sys
from pathlib import Path


def program(name: str) -> str:
    """A program of this environment, with its path if the environment is not activated."""
    return name if shutil.which(name) else word(Path(sys.executable).with_name(name))


def word(path: Path) -> str:
    """A path as a word of a shell: relative if it lies below the working folder or beside it."""
    try:
        relative = os.path.relpath(path)
    except OSError:  # the working folder was deleted
        relative = str(path)
    return shlex.quote(relative if len(relative) < len(str(path)) else str(path))
