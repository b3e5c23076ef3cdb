"""The only decoder and the only resize: a file, bytes or a camera frame -> RGB uint8 (H, W, 3), as the manifest says.

Training, calibration, evaluation and the camera all use it, so that their pixels cannot differ. OpenCV decodes JPEG,
because it can decode at a half, a quarter or an eighth of the size in a fraction of the time. Pillow decodes the other
formats, HEIC with pi-heif (``formats``). None of them applies colour profiles.
"""

import stat
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image

from tlpipe_edge.contract.manifest import Crop, ImageSpec
from tlpipe_edge.errors import BadData, MissingInput
from tlpipe_edge.images import formats
from tlpipe_edge.images.metadata import jpeg_header
from tlpipe_edge.images.tags import orientation

Pixels = NDArray[np.uint8]
"""An upright image: RGB, shape (H, W, 3), C-contiguous."""

VERSION = 4
"""Incremented when the decoded pixels of a file change, so that results computed from the old pixels are not used."""

MAX_PIXELS = 100_000_000
"""Larger images are refused by their header: decoding one would take hundreds of megabytes."""

MAX_BYTES = 4 * MAX_PIXELS + 1_000_000
"""Larger files are not read: this is enough for ``MAX_PIXELS`` of four bytes each, and headers."""


class UnreadableImage(BadData):
    """An image that cannot be decoded."""


_REDUCED = {8: cv2.IMREAD_REDUCED_COLOR_8, 4: cv2.IMREAD_REDUCED_COLOR_4, 2: cv2.IMREAD_REDUCED_COLOR_2}
_AS_RGB = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION
_LETTERBOX_GREY = 128


def decode(source: Path | str | bytes, *, min_side: int | tuple[int, int] | None = None) -> Pixels:
    """Decode an image, a path or its encoded bytes, to RGB uint8 (H, W, 3), upright as EXIF orientation 1-8 says.

    With ``min_side`` a JPEG may be decoded at 1/2, 1/4 or 1/8 of its size, as long as the short side keeps that many
    pixels (with a pair: the short side the first number, and the long side the second).
    Of an animation, the first frame is taken. Grey becomes RGB. Of 16 bits the upper 8 are kept, as Pillow does for
    colour. CMYK is converted without a profile. Transparent pixels are blended with white, unless all of them are fully
    transparent: then their colours are used. Damaged or huge metadata does not matter.

    Raise MissingInput if there is no such file, BadData if it is not a regular file, cannot be read or has more than
    ``MAX_BYTES``, UnreadableImage if its format is not ``readable``, has more than ``MAX_PIXELS`` pixels, or is
    truncated or damaged.
    """
    name, data = ("image data", source) if isinstance(source, bytes) else (str(source), _read(Path(source)))
    advice = "Replace it or leave it out."
    if not data:
        raise UnreadableImage("0 bytes", advice, where=name)
    form = formats.recognize(data)
    if form is None:
        raise UnreadableImage("not an image of a known format", "Convert it to JPEG, or leave it out.", where=name)
    if not form.readable:
        raise UnreadableImage(f"{form.name}, which is not read here", form.advice, where=name)
    try:
        return _decode_jpeg(data, min_side=min_side) if form is formats.JPEG else _decode_other(data, form)
    except BadData as error:
        raise UnreadableImage(error.reason, error.advice, where=name) from error
    except Exception as error:  # decoders raise many classes for damaged bytes: at least nine in Pillow alone
        reason = " ".join(str(error).split()) or type(error).__name__
        raise UnreadableImage(f"cannot be decoded as {form.name} ({reason})", advice, where=name) from error


def needed(spec: ImageSpec) -> tuple[int, int]:
    """The ``min_side`` of ``decode`` (short side, long side) that loses no resolution for ``spec``.

    A centre crop and a stretch need ``spec.size`` pixels on the short side. A letterbox shows the whole long side, and
    the short side smaller, so it needs them on the long side only.
    """
    return (1 if spec.crop == Crop.LETTERBOX else spec.size, spec.size)


def load(source: Path | str | bytes, spec: ImageSpec) -> Pixels:
    """``decode`` at the size that is ``needed``, then ``resize``: (size, size, 3). Raise the errors of ``decode``."""
    return resize(decode(source, min_side=needed(spec)), spec)


def from_pillow(image: Image.Image) -> Pixels:
    """The pixels of a Pillow image, by the rules of ``decode``.

    Raise BadData if it cannot be loaded, has more than ``MAX_PIXELS`` pixels, or has floats or 32-bit integers ("F",
    "I"), whose range is unknown.
    """
    _check_size(*image.size)
    _check_mode(image)
    try:
        pixels = _convert(image)
    except Exception as error:  # as in decode: only now does Pillow load the file
        reason = " ".join(str(error).split()) or type(error).__name__
        advice = 'Open it again, or convert it to "RGB".'
        raise BadData(f"the PIL image cannot be loaded ({reason})", advice, where="image data") from error
    try:
        stated = image.getexif().get(ExifTags.Base.Orientation)
    except Exception:  # damaged EXIF does not make the image unreadable
        stated = None
    return _upright(pixels, stated or 1)


def check_pixels(image: object) -> None:
    """Raise BadData if ``image`` is not an RGB uint8 array (H, W, 3), or has no pixels."""
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8 or image.shape[2:] != (3,) or image.size == 0:
        found = f"{image.dtype} {image.shape}" if isinstance(image, np.ndarray) else type(image).__name__
        advice = "Pass RGB pixels, 0 to 255; grey or RGBA as a PIL image, several images as a list."
        raise BadData(f"{found}, expected uint8 (height, width, 3)", advice, where="image data")


def resize(image: Pixels, spec: ImageSpec) -> Pixels:
    """Resize an RGB uint8 (H, W, 3) array, such as a camera frame, to (size, size, 3).

    ``center-crop`` takes the largest centred square. ``stretch`` ignores the aspect ratio. ``letterbox`` centres the
    whole image on mid-grey, which is about 0 after normalization to -1..1, like the zero padding of the network.
    Raise BadData if the array has another dtype or shape, or no pixels.
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
    """If a side is at least twice too long, average blocks of whole pixels; then interpolate linearly.

    Linear interpolation by a factor below 2 uses nearly every pixel, so it does not alias, and it is seven times as
    fast as an average over the exact areas. OpenCV 4.11 gives the same bits on x86-64 and aarch64 (measured). Pixels
    outside the blocks are cut off, half of them at each end: together less than one pixel of the result.
    """
    rows, columns = max(1, image.shape[0] // height), max(1, image.shape[1] // width)
    if rows > 1 or columns > 1:
        blocks = (image.shape[1] // columns, image.shape[0] // rows)
        top, left = image.shape[0] % rows // 2, image.shape[1] % columns // 2
        covered = image[top : top + blocks[1] * rows, left : left + blocks[0] * columns]
        image = np.asarray(cv2.resize(covered, blocks, interpolation=cv2.INTER_AREA), np.uint8)
    return np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)


def _read(path: Path) -> bytes:
    """The bytes of a regular file. Reading a FIFO would block, and a device may never end."""
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


def _check_size(width: int, height: int) -> None:
    """Raise BadData if that are more than ``MAX_PIXELS``."""
    if width * height > MAX_PIXELS:
        found = f"{width}x{height} pixels, more than {MAX_PIXELS // 10**6} million"
        raise BadData(found, "Scale it down.", where="image data")


def _check_mode(image: Image.Image) -> None:
    """Raise BadData for floats and 32-bit integers, whose range is unknown, and for HEIC of deep grey.

    Pillow < 11 gives a PNG of 16 bits the mode "I". pi-heif 1.4 takes the depth of grey from the header, and writes out
    of its memory if the pixels have another one; of colours it does not.
    """
    if image.mode == "F" or (image.mode == "I" and image.format != "PNG"):
        found = f'an image of mode "{image.mode}" (32 bits), whose range is unknown'
    elif image.mode.startswith("I") and image.format == "HEIF":
        found = "grey of more than 8 bits in HEIC, which is not supported"
    else:
        return
    raise BadData(found, "Scale it to 0 to 255, and convert it to 8 bits.", where="image data")


def _decode_jpeg(data: bytes, *, min_side: int | tuple[int, int] | None) -> Pixels:
    """RGB, upright; both sides may be divided by 2, 4 or 8, rounded up. Raise BadData or ValueError."""
    header = jpeg_header(data)
    _check_size(*header.size)
    if data.rfind(b"\xff\xd9", header.end) < 0:  # one before the pixels belongs to an embedded thumbnail
        raise BadData("truncated JPEG", "Replace it or leave it out.", where="image data")
    short, long = min_side if isinstance(min_side, tuple) else (min_side, min_side)
    reduce_by = min(min(header.size) // short, max(header.size) // long) if short and long else 1
    flag = next((flag for factor, flag in _REDUCED.items() if factor <= reduce_by), cv2.IMREAD_COLOR)
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flag | _AS_RGB)
    if pixels is None:
        raise ValueError("OpenCV found no pixels")
    return _upright(np.asarray(pixels, np.uint8), header.orientation)


def _decode_other(data: bytes, form: formats.Format) -> Pixels:
    """RGB, upright. Raise BadData for too many pixels or of an unknown range, and what the reader raises."""
    separated = form.separate(data)
    _check_size(*separated.size)
    image = form.open(separated.content)
    _check_size(*image.size)
    _check_mode(image)
    pixels = _convert(image)
    # That of an AVIF is not in its EXIF: Pillow states it there.
    turned = orientation(image.info.get("exif", b"")) if form.name == "AVIF" else separated.orientation
    return _upright(pixels, turned)


def _convert(image: Image.Image) -> Pixels:
    """RGB from any mode of these formats. Raise the errors of Pillow for a truncated or damaged file."""
    image.load()
    if image.mode.startswith("I"):  # 16-bit grey: Pillow's own conversion clips it at 255
        grey = (np.asarray(image) >> 8).astype(np.uint8)
        return np.stack([grey] * 3, axis=-1)
    if not image.has_transparency_data:
        return np.array(image.convert("RGB"))
    transparent = image.convert("RGBA")
    if transparent.getchannel("A").getextrema() == (
        0,
        0,
    ):  # nothing would be left: no program shows such a file as empty
        return np.asarray(transparent)[:, :, :3].copy()
    white = Image.new("RGBA", image.size, "white")
    return np.array(Image.alpha_composite(white, transparent).convert("RGB"))


def _upright(pixels: Pixels, orientation: int) -> Pixels:
    """``pixels`` turned by an EXIF orientation (Exif 2.3, 4.6.4): transpose, then mirror."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return np.ascontiguousarray(pixels)
