"""Reads arrays that travel in .npz files: without pickles, and with a size limit."""

from pathlib import Path

import numpy as np

from tlpipe_edge.errors import BadData

MAX_BYTES = 2_000_000_000
"""Limit for the arrays of one file, decompressed: the scores of 100,000 images in 1,000 classes take 400 million."""


def load(file: Path, advice: str) -> dict[str, np.ndarray]:
    """All arrays of an .npz. Raise BadData if it is damaged, has pickles, or exceeds ``MAX_BYTES``."""
    try:
        with file.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
            # zipfile stops at the stated size of a member, so that this is the limit of what is decompressed.
            if sum(member.file_size for member in archive.zip.infolist()) > MAX_BYTES:
                raise ValueError(f"more than {MAX_BYTES // 10**6} MB")
            return dict(archive)
    except Exception as error:  # numpy and zipfile raise a dozen kinds for a damaged archive
        raise BadData(f"damaged ({error})", advice, where=file) from error
