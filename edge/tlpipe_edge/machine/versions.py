"""The versions of installed distributions."""

import contextlib
import importlib.metadata


def versions(names: tuple[str, ...]) -> dict[str, str]:
    """The versions of those distributions that are installed."""
    found = {}
    for name in names:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return found
