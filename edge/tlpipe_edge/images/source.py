"""Turns a path, the bytes of a file, an open file, an array or a Pillow image into RGB uint8 (H, W, 3)."""

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
    """Anything with ``read``: an open file, a BytesIO, an upload of a web framework."""

    def read(self, size: int = -1, /) -> bytes: ...


PIECE = 1 << 20
"""Bytes of one read: a larger request may allocate that much memory."""

Source = str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryFile | Image.Image | np.ndarray


def pixels_of(source: Source, *, min_side: tuple[int, int] | None = None, bgr: bool = False) -> Pixels:
    """An image as RGB uint8 (H, W, 3), upright; ``min_side`` is as in ``decode``.

    An array is used as it is, or converted from BGR with ``bgr``, as for OpenCV. An open file is read from its current
    position. If Pillow opened a JPEG and has not loaded it, its file is decoded. If it is loaded, its pixels at full
    size are used, which can differ from those of ``decode`` at reduced size.
    Raise MissingInput or BadData if it cannot be read or is not an image, WrongUsage for ``bgr`` without an array.
    """
    if isinstance(source, np.ndarray):
        check_pixels(source)
        return np.asarray(cv2.cvtColor(source, cv2.COLOR_BGR2RGB), np.uint8) if bgr else source
    if bgr and source is not None:  # None is a frame that OpenCV could not read
        raise WrongUsage(f"bgr=True with {type(source).__name__}", "Only an array can be BGR: leave bgr out.")
    if isinstance(source, Path | str | bytes):
        return decode(source, min_side=min_side)
    if isinstance(source, os.PathLike):
        return decode(os.fsdecode(source), min_side=min_side)
    if isinstance(source, bytearray | memoryview):
        return decode(bytes(source), min_side=min_side)
    if isinstance(source, Image.Image):
        jpeg = _jpeg_not_loaded(source)
        return from_pillow(source) if jpeg is None else decode(jpeg, min_side=min_side)
    if isinstance(source, BinaryFile):
        return decode(_content(source), min_side=min_side)
    raise BadData(f"expected an image, got {type(source).__name__}", ACCEPTED, where="image data")


def _content(file: BinaryFile) -> bytes:
    """The rest of a file; at most ``MAX_BYTES``, because a stream may never end."""
    content, where = bytearray(), "image data"
    while len(content) <= MAX_BYTES:
        try:
            piece = file.read(PIECE)
        except Exception as error:  # uploads, archives and connections raise their own classes
            reason = " ".join(str(error).split()) or type(error).__name__
            raise BadData(f"the file cannot be read ({reason})", "Open it again.", where=where) from error
        if not isinstance(piece, bytes):
            found = f"a file that gives {type(piece).__name__}, not bytes"
            raise BadData(found, 'Open it with mode "rb".', where=where)
        if not piece and not content:
            raise BadData("the file is empty, or at its end", "Call its seek(0) first.", where=where)
        if not piece:
            return bytes(content)
        content += piece
    raise BadData(f"more than {MAX_BYTES // 10**6} MB, too large for an image", "Scale it down.", where=where)


def _jpeg_not_loaded(image: Image.Image) -> bytes | None:
    """The bytes of a JPEG whose pixels Pillow has not loaded, or None; the position in its file is restored."""
    if not isinstance(image, JpegImageFile) or not image.tile or image.fp is None or image.fp.closed:
        return None
    position = image.fp.tell()
    try:
        image.fp.seek(0)
        return _content(image.fp)
    finally:
        image.fp.seek(position)
