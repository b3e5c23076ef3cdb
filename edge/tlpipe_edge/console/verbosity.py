"""What this process prints to stderr."""

from enum import IntEnum


class Verbosity(IntEnum):
    """Warnings and errors only; headings, results and bars as well; details as well."""

    QUIET = 0
    NORMAL = 1
    VERBOSE = 2


_chosen = Verbosity.NORMAL


def verbosity() -> Verbosity:
    """What this process prints."""
    return _chosen


def set_verbosity(wanted: Verbosity) -> None:
    """Set what this process prints from now on."""
    global _chosen  # noqa: PLW0603  (a process has one stderr)
    _chosen = wanted
