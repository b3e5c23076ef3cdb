"""Thumbnails of images, found by their sha256: only of files that still exist and have not changed."""

import base64
import hashlib
import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

import cv2

from tlpipe.data.dataset import Dataset
from tlpipe.runs import run_folder
from tlpipe_edge.contract.bundle import GOLDEN, Bundle
from tlpipe_edge.errors import TlpipeError
from tlpipe_edge.images import decode, formats

MAX_SIDE = 192
"""Maximum side of a thumbnail, in pixels: twice its size on the page, for high-resolution screens."""
JPEG_QUALITY = 78
MAX_BYTES = 64_000_000


def files_of_run(bundle: Bundle | None) -> dict[str, Path]:
    """sha256 -> file of each image of the run that a bundle comes from; nothing if the run is gone."""
    if bundle is None:
        return {}
    run = Path(os.path.normpath(bundle.path.absolute() / bundle.manifest.provenance.keras_file)).parent
    try:
        splits = Dataset.read(run_folder.checked(run, run_folder.SPLITS)).with_images().splits
    except (OSError, TlpipeError):
        return {}
    return {example.sha256: example.file for examples in splits.values() for example in examples}


def thumbnails(
    wanted: Mapping[str, str], *, run_files: Mapping[str, Path], bundle: Bundle | None, folders: tuple[Path, ...]
) -> dict[str, str]:
    """sha256 -> data URI of a JPEG without metadata, for those images that are found.

    ``wanted`` maps a sha256 to the path in a benchmark, relative to the current folder or to one of ``folders``.
    ``run_files`` are those of ``files_of_run``. A bundle adds its golden images.
    """
    missing = dict(wanted)
    found = {}
    for sha256, file in _places(missing, run_files, bundle, folders):
        if sha256 in missing and (uri := _thumbnail(file, sha256)):
            found[sha256] = uri
            del missing[sha256]
    return found


def _places(
    wanted: Mapping[str, str], run_files: Mapping[str, Path], bundle: Bundle | None, folders: tuple[Path, ...]
) -> Iterator[tuple[str, Path]]:
    """(sha256, file) of each place to search, the most likely first."""
    for sha256, named in tuple(wanted.items()):
        for folder in (Path(), *folders):
            yield sha256, folder / named
    for sha256 in tuple(wanted):
        if sha256 in run_files:
            yield sha256, run_files[sha256]
    if bundle is None:
        return
    for file in sorted((bundle.path / GOLDEN).glob("*.*")):
        for sha256 in tuple(wanted):
            yield sha256, file


def _thumbnail(file: Path, sha256: str) -> str | None:
    """A data URI; None if the file is not an image with this sha256.

    A benchmark may name any path: only image files are read.
    """
    try:
        if not stat.S_ISREG(file.stat().st_mode):
            return None
        with file.open("rb") as stream:
            head = stream.read(formats.HEAD_BYTES)
            if formats.recognize(head) is None:
                return None
            content = head + stream.read(MAX_BYTES + 1 - len(head))
        if len(content) > MAX_BYTES or hashlib.sha256(content).hexdigest() != sha256:
            return None
        pixels = decode.decode(content, min_side=MAX_SIDE)
    except (OSError, ValueError, TlpipeError):
        return None
    height, width = pixels.shape[:2]
    scale = min(1.0, MAX_SIDE / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.cvtColor(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2BGR)
    jpeg = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1].tobytes()
    return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode()
