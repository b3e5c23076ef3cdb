"""Runs a program on a terminal of its own."""

import os
import pty
import subprocess
import sys


def on_a_terminal(program: str) -> str:
    """What the program writes to a terminal."""
    ours, its = pty.openpty()
    with os.fdopen(ours, "rb", buffering=0) as terminal:
        done = subprocess.Popen(
            [sys.executable, "-c", program], stdin=its, stdout=its, stderr=its, env=os.environ | {"TERM": "xterm"}
        )
        os.close(its)
        written = b""
        try:
            while part := terminal.read(100_000):
                written += part
        except OSError:  # how Linux says that the other end is closed
            pass
        assert done.wait() == 0, written
    return written.decode()
