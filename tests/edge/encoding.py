"""Encoded images of every format, and what is refused."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tlpipe_edge.errors import BadData
from tlpipe_edge.images import decode
from tlpipe_edge.images.formats import FORMATS


def _reads(name: str) -> bool:
    return next(form for form in FORMATS if form.name == name).readable


AVIF = pytest.param("AVIF", marks=pytest.mark.skipif(not _reads("AVIF"), reason="this Pillow reads no AVIF"))
KINDS = ("JPEG", "PNG", "BMP", "GIF", "WEBP", "TIFF", AVIF)
"""The formats that Pillow reads and writes, as it names them."""
HEIC = Path(__file__).parents[1] / "data" / "heic"
"""A folder of small files; nothing here writes HEIC."""
needs_pi_heif = pytest.mark.skipif(not _reads("HEIC"), reason="pi-heif is not installed")
ORIENTATION = 0x0112
STORED = {  # how the upright picture lies in the file (Exif 2.3, 4.6.4), in Pillow's counter-clockwise words
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def photograph(width: int = 96, height: int = 64) -> Image.Image:
    """Smooth, so that JPEG hardly changes it, and without symmetry."""
    y, x = np.mgrid[0:height, 0:width] / [[[height]], [[width]]]
    return Image.fromarray((255 * np.stack([x, y, x * y], axis=-1)).astype(np.uint8))


def encoded(picture: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def turned(picture: Image.Image, orientation: int, kind: str) -> bytes:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    how = STORED[orientation]
    return encoded(picture if how is None else picture.transpose(how), kind, exif=exif)


def difference(one: np.ndarray, other: np.ndarray | Image.Image) -> float:
    """The mean absolute difference, in steps of 0 to 255."""
    assert one.shape == np.shape(other)
    return float(np.abs(one.astype(int) - np.asarray(other)).mean())


def png_chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png_header(width: int, height: int) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + png_chunk(b"IHDR", header)
        + png_chunk(b"IDAT", zlib.compress(b""))
        + png_chunk(b"IEND", b"")
    )


def reason(source: Path | str | bytes) -> str:
    with pytest.raises(BadData) as caught:
        decode.decode(source)
    assert "\n" not in caught.value.what and caught.value.advice
    return caught.value.what
