"""Whatever an image comes as, a file, its bytes, an array or an image of Pillow, becomes RGB uint8 (H, W, 3)."""

import os
from pathlib import Path
from typing import Protocol, runtime_checkable

import cv2
import numpy as np
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from tlpipe_edge.errors import BadData, WrongUsage
from tlpipe_edge.images.decode import MAX_BYTES, Pixels, check_pixels, decode, from_pillow

ACCEPTED = (
    "Pass a path, encoded bytes, an open binary file, a PIL image, an RGB uint8 array (H, W, 3), or a list of them."
)


@runtime_checkable
class BinaryFile(Protocol):
    """What has ``read``: an open file, a BytesIO, an upload of a web framework."""

    def read(self, size: int = -1, /) -> bytes: ...


PIECE = 1 << 20
"""Bytes asked of a file at once: one that is asked for more sets memory aside for them."""

Source = str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryFile | Image.Image | np.ndarray


def pixels_of(source: Source, *, at_least: tuple[int, int] | None = None, bgr: bool = False) -> Pixels:
    """An image as RGB uint8 (H, W, 3), upright; ``at_least`` is that of ``decode``.

    An array is taken as it is, its channels turned round if it is ``bgr``, as OpenCV's are. An open file is read from
    where it stands. A JPEG that Pillow opened and has not loaded has the pixels of its file; of one that is loaded,
    Pillow's full size is resized, which differs from ``decode`` at reduced size.
    Raises MissingInput or BadData for what cannot be read or is no image, WrongUsage for ``bgr`` without an array.
    """
    if isinstance(source, np.ndarray):
        check_pixels(source)
        return np.asarray(cv2.cvtColor(source, cv2.COLOR_BGR2RGB), np.uint8) if bgr else source
    if bgr and source is not None:  # None is a frame that OpenCV could not read
        raise WrongUsage(f"bgr=True with {type(source).__name__}", "Only an array can be BGR: leave bgr out.")
    if isinstance(source, Path | str | bytes):
        return decode(source, at_least=at_least)
    if isinstance(source, os.PathLike):
        return decode(os.fsdecode(source), at_least=at_least)
    if isinstance(source, bytearray | memoryview):
        return decode(bytes(source), at_least=at_least)
    if isinstance(source, Image.Image):
        jpeg = _jpeg_not_loaded(source)
        return from_pillow(source) if jpeg is None else decode(jpeg, at_least=at_least)
    if isinstance(source, BinaryFile):
        return decode(_content(source), at_least=at_least)
    raise BadData(f"{type(source).__name__}, which is no image", ACCEPTED, where="image data")


def _content(file: BinaryFile) -> bytes:
    """The rest of a file; no more than ``MAX_BYTES``, for a stream may never end."""
    content, where = bytearray(), "image data"
    while len(content) <= MAX_BYTES:
        try:
            piece = file.read(PIECE)
        except Exception as error:  # uploads, archives and connections raise classes of their own
            reason = " ".join(str(error).split()) or type(error).__name__
            raise BadData(f"the file cannot be read ({reason})", "Open it again.", where=where) from error
        if not isinstance(piece, bytes):
            found = f"a file that gives {type(piece).__name__} where bytes belong"
            raise BadData(found, 'Open it with mode "rb".', where=where)
        if not piece and not content:
            raise BadData("the file is empty, or at its end", "Call its seek(0) first.", where=where)
        if not piece:
            return bytes(content)
        content += piece
    raise BadData(f"more than {MAX_BYTES // 10**6} MB, too large for an image", "Scale it down.", where=where)


def _jpeg_not_loaded(picture: Image.Image) -> bytes | None:
    """The file of a JPEG whose pixels Pillow has not loaded; the picture is left as it is."""
    if not isinstance(picture, JpegImageFile) or not picture.tile or picture.fp is None or picture.fp.closed:
        return None
    stands = picture.fp.tell()
    try:
        picture.fp.seek(0)
        return _content(picture.fp)
    finally:
        picture.fp.seek(stands)
