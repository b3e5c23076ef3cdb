"""Which files of a bundle a run benchmarks at its end."""

from enum import StrEnum


class Timed(StrEnum):
    """None; the file that is recommended before anything is timed, beside compiled Keras; or all, beside both ways to
    call Keras."""

    NONE = "none"
    RECOMMENDED = "recommended"
    ALL = "all"
