"""Which files of a bundle a run benchmarks at its end."""

from enum import StrEnum


class Timed(StrEnum):
    """The file that is recommended before anything is timed, with Keras beside it; all files, with Keras; or none."""

    NONE = "none"
    RECOMMENDED = "recommended"
    ALL = "all"
