"""The one decoder and the one resize: a file, bytes or a camera frame -> RGB uint8 (H, W, 3), as the manifest says.

Training, calibration, evaluation and the camera all come through here, so that their pixels cannot differ.
JPEG goes through OpenCV, which can decode at a half, a quarter or an eighth of the size in a fraction of the time,
everything else through Pillow. Colour profiles are not applied, by either.
"""

import re
import stat
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from tlpipe_edge.contract.manifest import Crop, ImageSpec
from tlpipe_edge.errors import BadData, MissingInput

Pixels = NDArray[np.uint8]
"""An upright photograph: RGB, shape (H, W, 3), C-contiguous."""

VERSION = 3
"""Counts up when the pixels change that a file comes to, so that what was computed from older ones is not used."""

MAX_PIXELS = 100_000_000
"""Larger images are refused by their header: decoding one would take hundreds of megabytes."""

MAX_BYTES = 4 * MAX_PIXELS + 1_000_000
"""Larger files are not read: so many hold ``MAX_PIXELS`` with four bytes each, and what surrounds them."""

# Not Image.open: that has a size limit of its own, which only a global variable lifts.
_READERS: dict[bytes, type[ImageFile]] = {
    rb"\xff\xd8\xff": JpegImageFile,
    rb"\x89PNG\r\n\x1a\n": PngImageFile,
    rb"BM": BmpImageFile,
    rb"GIF8[79]a": GifImageFile,
    rb"(?s)RIFF....WEBP": WebPImageFile,
}

FORMATS = tuple(str(reader.format) for reader in _READERS.values())
"""The formats that are read, as Pillow names them: told by their first bytes, never by a file's name."""


class UnreadableImage(BadData):
    """An image that cannot be decoded."""


_REDUCED = {8: cv2.IMREAD_REDUCED_COLOR_8, 4: cv2.IMREAD_REDUCED_COLOR_4, 2: cv2.IMREAD_REDUCED_COLOR_2}
_AS_RGB = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION
_LETTERBOX_GREY = 128


def decode(source: Path | str | bytes, *, at_least: int | tuple[int, int] | None = None) -> Pixels:
    """Decode an image, a path or its encoded bytes, to RGB uint8 (H, W, 3), upright as EXIF orientation 1-8 says.

    With ``at_least`` a JPEG may come out reduced by 2, 4 or 8, so long as its short side keeps that many pixels (or,
    of a pair, the short side the first number and the long side the second).
    Of an animation the first frame counts. Grey becomes RGB; of 16 bits the upper 8 are kept, as Pillow does for
    colour; CMYK is converted without a profile; transparency is laid on white.

    Raises MissingInput when there is no such file, BadData when it is not a regular file, cannot be read or has more
    than ``MAX_BYTES``, UnreadableImage when it is no image of ``FORMATS``, has more than ``MAX_PIXELS`` pixels, or is
    truncated or damaged beyond decoding.
    """
    name, data = ("image data", source) if isinstance(source, bytes) else (str(source), _read(Path(source)))
    advice = "Replace it or leave it out."
    if not data:
        raise UnreadableImage("0 bytes", advice, where=name)
    reader = next((reader for signature, reader in _READERS.items() if re.match(signature, data)), None)
    if reader is None:
        raise UnreadableImage(f"not an image that is read here ({', '.join(FORMATS)})", "Convert it.", where=name)
    try:
        stream = BytesIO(data)
        picture = reader(stream)
        width, height = picture.size
        if width * height > MAX_PIXELS:
            found = f"{width}x{height} pixels, more than {MAX_PIXELS // 10**6} million"
            raise UnreadableImage(found, "Scale it down.", where=name)
        if reader is JpegImageFile:
            # Pillow has read up to the pixels: an EOI marker before that would be the one of an embedded thumbnail.
            if data.rfind(b"\xff\xd9", stream.tell()) < 0:
                raise UnreadableImage("truncated JPEG", advice, where=name)
            short, long = at_least if isinstance(at_least, tuple) else (at_least, at_least)
            reduce_by = min(min(width, height) // short, max(width, height) // long) if short and long else 1
            pixels = _decode_jpeg(data, reduce_by=reduce_by)
        else:
            pixels = _convert(picture)
        return _upright(pixels, picture)
    except UnreadableImage:
        raise
    except Exception as error:  # decoders raise many classes for hostile bytes: at least nine in Pillow alone
        reason = " ".join(str(error).split()) or type(error).__name__
        raise UnreadableImage(f"cannot be decoded as {reader.format} ({reason})", advice, where=name) from error


def needed(spec: ImageSpec) -> tuple[int, int]:
    """The ``at_least`` of ``decode`` that costs a picture for ``spec`` no resolution: pixels of short and long side.

    The square of a crop, and the two axes of a stretch, need the short side; a letterbox shows the long side whole
    and the short one smaller, so there the long side alone has to keep its pixels.
    """
    return (1 if spec.crop == Crop.LETTERBOX else spec.size, spec.size)


def load(source: Path | str | bytes, spec: ImageSpec) -> Pixels:
    """``decode``, no larger than ``needed``, and ``resize``: (size, size, 3). Raises as ``decode`` does."""
    return resize(decode(source, at_least=needed(spec)), spec)


def from_pillow(picture: Image.Image) -> Pixels:
    """The pixels of an image of Pillow, by the rules of ``decode``.

    Raises BadData where it cannot be loaded, has more than ``MAX_PIXELS`` pixels, or is of floats or of 32-bit integers
    ("F", "I"), which have no range of their own.
    """
    if picture.width * picture.height > MAX_PIXELS:
        found = f"{picture.width}x{picture.height} pixels, more than {MAX_PIXELS // 10**6} million"
        raise BadData(found, "Scale it down.", where="image data")
    if picture.mode == "F" or (picture.mode == "I" and picture.format != "PNG"):  # Pillow < 11: a PNG of 16 bits
        found = f'a PIL image of mode "{picture.mode}", whose range is not known'
        raise BadData(found, 'Scale it to 0 to 255 and convert it to "L".', where="image data")
    try:
        return _upright(_convert(picture), picture)
    except Exception as error:  # as in decode: Pillow loads the file now
        reason = " ".join(str(error).split()) or type(error).__name__
        advice = 'Open it again, or convert it to "RGB".'
        raise BadData(f"the PIL image cannot be loaded ({reason})", advice, where="image data") from error


def check_pixels(image: object) -> None:
    """Raise BadData for what is no RGB uint8 array (H, W, 3), or has no pixels."""
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8 or image.shape[2:] != (3,) or image.size == 0:
        found = f"{image.dtype} {image.shape}" if isinstance(image, np.ndarray) else type(image).__name__
        advice = "Pass RGB pixels, 0 to 255; grey or RGBA as a PIL image, several images as a list."
        raise BadData(f"{found} where uint8 (height, width, 3) belongs", advice, where="image data")


def resize(image: Pixels, spec: ImageSpec) -> Pixels:
    """An RGB uint8 (H, W, 3) array, such as a camera frame, as a new (size, size, 3) one.

    ``center-crop`` takes the largest centred square, ``stretch`` ignores the aspect ratio, ``letterbox`` centres the
    whole image on mid-grey: normalized to -1..1 that is about 0, as the network's own zero padding is.
    Raises BadData for an array of another dtype or shape, or without pixels.
    """
    check_pixels(image)
    height, width = image.shape[:2]
    if spec.crop == Crop.STRETCH:
        return _scale(image, spec.size, spec.size)
    if spec.crop == Crop.CENTER:
        side = min(height, width)
        top, left = (height - side) // 2, (width - side) // 2
        return _scale(image[top : top + side, left : left + side], spec.size, spec.size)
    inner_height, inner_width = (max(1, round(length * spec.size / max(height, width))) for length in (height, width))
    top, left = (spec.size - inner_height) // 2, (spec.size - inner_width) // 2
    boxed = np.full((spec.size, spec.size, 3), _LETTERBOX_GREY, np.uint8)
    boxed[top : top + inner_height, left : left + inner_width] = _scale(image, inner_height, inner_width)
    return boxed


def _scale(image: Pixels, height: int, width: int) -> Pixels:
    """Average blocks of whole pixels while a side is at least twice too long, then interpolate linearly.

    Of less than twice the pixels a linear interpolation leaves hardly one out, so that nothing aliases, and it is seven
    times as fast as an average over the exact areas. OpenCV 4.11 gives the same bits on x86-64 and aarch64 (measured).
    What no block covers is cut off evenly at both ends: together less than one pixel of the result.
    """
    rows, columns = max(1, image.shape[0] // height), max(1, image.shape[1] // width)
    if rows > 1 or columns > 1:
        blocks = (image.shape[1] // columns, image.shape[0] // rows)
        top, left = image.shape[0] % rows // 2, image.shape[1] % columns // 2
        covered = image[top : top + blocks[1] * rows, left : left + blocks[0] * columns]
        image = np.asarray(cv2.resize(covered, blocks, interpolation=cv2.INTER_AREA), np.uint8)
    return np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)


def _read(path: Path) -> bytes:
    """The bytes of a regular file: reading a FIFO would block, and a device may never end."""
    try:
        status = path.stat()
        if stat.S_ISREG(status.st_mode) and status.st_size <= MAX_BYTES:
            return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise MissingInput("no such file", "Check the path.", where=path) from error
    except (OSError, ValueError) as error:
        raise BadData(f"cannot be read ({getattr(error, 'strerror', error)})", "Check the file.", where=path) from error
    if stat.S_ISREG(status.st_mode):
        raise BadData(f"{status.st_size // 10**6} MB, too large for an image", "Name an image file.", where=path)
    kind = "a folder" if stat.S_ISDIR(status.st_mode) else "a device, pipe or socket"
    raise BadData(f"{kind}, not an image file", "Name an image file.", where=path)


def _decode_jpeg(data: bytes, *, reduce_by: int) -> Pixels:
    """RGB, both sides divided by at most ``reduce_by`` and rounded up; raises ValueError where OpenCV gives up."""
    flag = next((flag for factor, flag in _REDUCED.items() if factor <= reduce_by), cv2.IMREAD_COLOR)
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flag | _AS_RGB)
    if pixels is None:
        raise ValueError("OpenCV found no pixels")
    return np.asarray(pixels, np.uint8)


def _convert(picture: Image.Image) -> Pixels:
    """RGB from any mode that these formats have; raises whatever Pillow raises for a truncated or damaged file."""
    picture.load()
    if picture.mode.startswith("I"):  # 16-bit grey: Pillow's own conversion clips it at 255
        grey = (np.asarray(picture) >> 8).astype(np.uint8)
        return np.stack([grey] * 3, axis=-1)
    if picture.has_transparency_data:
        white = Image.new("RGBA", picture.size, "white")
        return np.array(Image.alpha_composite(white, picture.convert("RGBA")).convert("RGB"))
    return np.array(picture.convert("RGB"))


def _upright(pixels: Pixels, picture: Image.Image) -> Pixels:
    """``pixels`` turned as the EXIF tag Orientation of ``picture`` says (Exif 2.3, 4.6.4): transpose, then mirror."""
    try:
        orientation = picture.getexif().get(ExifTags.Base.Orientation)
    except Exception:  # damaged EXIF makes no damaged photograph
        orientation = None
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return np.ascontiguousarray(pixels)
