"""The names of kept images and of their folders."""

import os
import re
from collections.abc import Sequence
from datetime import UTC, datetime

from tlpipe_edge.contract.ranges import MAX_NAME_BYTES
from tlpipe_edge.contract.review import SUFFIX
from tlpipe_edge.images import walker

_STEM = re.compile(r"\d{8}T\d{6}\.\d{3}Z-[0-9a-f]{8}")
_NOT_IN_FAT = re.compile(r'[\x00-\x1f<>:"/\\|?*]|[. ]$')
"""What a name cannot have on a USB stick or an SD card of FAT or exFAT; on other disks only NUL and the slash."""


def folder_of(label: str, labels: Sequence[str]) -> str:
    """The name of the folder for images of ``label``: the label itself, or, if that cannot be one, ``class 3`` with its
    place among the ``labels`` of the model, from 0."""
    if walker.is_walked(label) and not _NOT_IN_FAT.search(label) and 0 < len(os.fsencode(label)) <= MAX_NAME_BYTES:
        return label
    name = f"class {labels.index(label)}"
    while name in labels:
        name += "_"
    return name


def stem_of(moment: datetime, sha256: str) -> str:
    """``20260301T120000.250Z-1a2b3c4d``: the names of images sort by their time."""
    milliseconds = moment.astimezone(UTC).isoformat(timespec="milliseconds")
    return re.sub("[:-]", "", milliseconds.removesuffix("+00:00")) + f"Z-{sha256[:8]}"


def is_description(name: str) -> bool:
    """Whether this is the name of a file that describes a kept image."""
    return name.endswith(SUFFIX) and _STEM.fullmatch(name.removesuffix(SUFFIX)) is not None
