"""Runs a script of web/tests/vectors with Node.js, which needs none of its packages."""

import shutil
import subprocess
from pathlib import Path

import pytest

WEB = Path(__file__).parents[2] / "web"
NODE = shutil.which("node")
SECONDS = 300
"""More than any of the scripts needs on a loaded machine."""


def _version(node: str) -> tuple[int, ...]:
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout
    return tuple(map(int, version.strip().lstrip("v").split(".")[:2]))


needs_node = pytest.mark.skipif(NODE is None or _version(NODE) < (20, 19), reason="there is no Node.js 20.19 or newer")


def run(script: str, folder: Path) -> None:
    """Run a script on a folder, into which it writes its results."""
    file = WEB / "tests" / "vectors" / script
    done = subprocess.run(
        [str(NODE), str(file), str(folder)], capture_output=True, text=True, timeout=SECONDS, check=False
    )
    assert done.returncode == 0, done.stderr
