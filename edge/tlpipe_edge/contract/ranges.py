"""The ranges of values in the documents: types with which their fields are annotated."""

from typing import Annotated

from annotated_types import Ge, Interval, Len, Predicate

MIN_MS = 1e-6
"""Minimum duration of a run: clocks count nanoseconds."""
MAX_MS = 1e9
"""Maximum duration: 11 days."""
MAX_COUNT = 10**15
"""More than any count, size or reading of a machine. It keeps charts and ratios far below the largest float."""
MAX_NAME_BYTES = 255
"""Maximum length of a file name on all usual file systems (a longer one gives ENAMETOOLONG)."""
ROOM = 50
"""Bytes for what a program adds to the beginning of a file name, such as "-metrics.json"."""
MAX_PATH_BYTES = 2000
"""Maximum length of a path. With the folder that it is relative to, Linux takes 4,095."""


def _is_path(text: str) -> bool:
    """a valid path"""
    try:
        encoded = text.encode(errors="surrogateescape")
    except UnicodeEncodeError:
        return False
    parts = encoded.split(b"/")
    return b"\0" not in encoded and len(encoded) <= MAX_PATH_BYTES and max(map(len, parts)) <= MAX_NAME_BYTES


def is_file_name(text: str) -> bool:
    """a file name without a folder"""
    return _is_path(text) and "/" not in text and text not in ("", ".", "..")


def _is_file_stem(text: str) -> bool:
    """the beginning of a file name"""
    return is_file_name(text) and is_file_name(text + "x" * ROOM)


Share = Annotated[float, Interval(ge=0, le=1)]
Count = Annotated[int, Interval(ge=0, lt=MAX_COUNT)]
Positive = Annotated[int, Interval(ge=1, lt=MAX_COUNT)]
Milliseconds = Annotated[float, Interval(ge=0, lt=MAX_MS)]
Reading = Annotated[float, Interval(ge=0, lt=MAX_COUNT)]
"""A frequency, a load, a rate or a size in memory."""
Celsius = Annotated[float, Interval(ge=-273.15, lt=MAX_COUNT)]
Difference = Annotated[float, Interval(ge=-1, le=1)]
"""The difference of two shares."""
Samples = Annotated[tuple[Milliseconds, ...], Len(1)]
Interval95 = Annotated[tuple[Share, ...], Len(2, 2)]
"""The lower and the upper bound of a 95 % interval."""
Sha256 = Annotated[str, Len(64, 64)]
Labels = Annotated[tuple[str, ...], Len(2)]
FileName = Annotated[str, Predicate(is_file_name)]
FileStem = Annotated[str, Predicate(_is_file_stem)]
FilePath = Annotated[str, Predicate(_is_path)]
Scale = Annotated[float, Ge(0)]
