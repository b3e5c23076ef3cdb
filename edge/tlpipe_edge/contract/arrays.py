"""Reads arrays that travel in .npz files: without pickles, and with a size limit."""

import sys
import warnings
from pathlib import Path
from typing import IO

import numpy as np

from tlpipe_edge.errors import BadData

MAX_BYTES = 2_000_000_000
"""Limit for the arrays of one file, decompressed: the scores of 100,000 images in 1,000 classes take 400 million."""


def load(file: Path, advice: str) -> dict[str, np.ndarray]:
    """All arrays of an .npz. Raise BadData if it is damaged, has pickles, or exceeds ``MAX_BYTES``."""
    try:
        with file.open("rb") as stream:
            return read(stream, MAX_BYTES)
    except (OSError, ValueError) as error:
        raise BadData(f"damaged ({error})", advice, where=file) from error


def read(stream: IO[bytes], max_bytes: int) -> dict[str, np.ndarray]:
    """All arrays of an .npz, of ``max_bytes`` at most. Raise ValueError if it is damaged, has pickles, or exceeds that;
    OSError if it cannot be read."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # of a header that is not as NumPy writes it
            return _arrays(stream, max_bytes)
    except (OSError, ValueError):
        raise
    except Exception as error:  # numpy and zipfile raise a dozen kinds for a damaged archive
        raise ValueError(str(error)) from error


def _arrays(stream: IO[bytes], max_bytes: int) -> dict[str, np.ndarray]:
    with np.load(stream, allow_pickle=False) as archive:
        # zipfile stops at the stated size of a member, so that this is the limit of what is decompressed.
        if sum(member.file_size for member in archive.zip.infolist()) > max_bytes:
            raise ValueError(f"more than {max_bytes // 10**6} MB")
        # Its CRC-32 is compared where a member ends, which NumPy may not reach if the shape is damaged.
        if (damaged := archive.zip.testzip()) is not None:
            raise ValueError(f"the checksum of {damaged} is wrong")
        found = dict(archive)
    for name, array in found.items():
        if not isinstance(array, np.ndarray):  # the bytes of a member that is something else
            raise ValueError(f"{name[:40]!r} is no array")
        if array.dtype.kind == "U" and not _is_text(array):
            raise ValueError(f"{name[:40]!r} has characters that are none")
    return found


def _is_text(array: np.ndarray) -> bool:
    """Whether all characters are in the range of Unicode. NumPy makes texts of others, too, which crash Python."""
    codes = np.frombuffer(array.tobytes(), np.dtype("u4").newbyteorder(array.dtype.byteorder))
    return not len(codes) or int(np.max(codes)) <= sys.maxunicode
