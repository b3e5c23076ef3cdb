"""Places where programs have to run: without a home, with nothing to write to, in an old locale."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

READS_ALL = "+dac_read_search"
"""The Python of these tests may lie in a folder that only root can read; nothing more can be written with it."""
NOBODY = [
    *("setpriv", "--reuid", "12345", "--regid", "12345", "--clear-groups"),
    *("--inh-caps", READS_ALL, "--ambient-caps", READS_ALL),
]
READ_ONLY = ["unshare", "--mount", "sh", "-c", 'mount -o remount,ro,bind / && exec "$@"', "sh"]
"""A root file system that is read-only, with no /tmp on another one."""


def bare(**variables: str) -> dict[str, str]:
    """As ``env -i`` leaves it, but for the places of the code."""
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH", "COVERAGE_PROCESS_START") if name in os.environ}
    return kept | variables


def run(
    module: str,
    *arguments: str | Path,
    within: Sequence[str] = (),
    environment: Mapping[str, str],
    folder: Path | None = None,
    closed: str = "",
) -> "subprocess.CompletedProcess[bytes]":
    """Run ``python -m module`` there, without a terminal; ``closed`` is of a shell, such as ``<&-``.

    Skip the test if this user may not.
    """
    if within and not _allowed(tuple(within)):
        pytest.skip(f"{within[0]} is not allowed here: it needs root")
    program = ["sh", "-c", f'exec "$@" {closed}', "sh"] if closed else []
    command = [*within, *program, sys.executable, "-m", module, *map(str, arguments)]
    return subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env=dict(environment),
        cwd=folder,
        timeout=300,
        check=False,
    )


def _allowed(within: tuple[str, ...]) -> bool:
    return subprocess.run([*within, "true"], capture_output=True, check=False).returncode == 0
