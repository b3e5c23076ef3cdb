"""The versions of installed distributions."""

import contextlib
import importlib.metadata

Names = tuple[str | tuple[str, ...], ...]
"""Distributions; several of one package, of which one is installed, are a tuple."""


def versions(names: Names) -> dict[str, str]:
    """The version of each distribution that is installed; of several of one package by the name of the first."""
    found: dict[str, str] = {}
    for name in names:
        same = (name,) if isinstance(name, str) else name
        for distribution in same:
            with contextlib.suppress(importlib.metadata.PackageNotFoundError):
                found.setdefault(same[0], importlib.metadata.version(distribution))
    return found
