"""The versions of installed distributions."""

import contextlib
import importlib.metadata


def versions(names: tuple[str, ...]) -> dict[str, str]:
    """The version of each distribution that is installed."""
    found = {}
    for name in names:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return found
