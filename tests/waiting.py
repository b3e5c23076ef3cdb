"""Waiting for what another thread or process does: looking often, and giving up late, as machines may be loaded."""

import time
from collections.abc import Callable

PATIENCE = 60.0
"""Seconds."""


def wait_until(condition: Callable[[], object]) -> None:
    """Look again and again until it holds."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it did not come to hold"
        time.sleep(0.02)
