"""The image formats, one entry each: how a file is recognized by its first bytes, and what reads it."""

import re
import struct
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from io import BytesIO

from PIL import features
from PIL.ImageFile import ImageFile

from tlpipe_edge.images import metadata
from tlpipe_edge.images.metadata import Separated
from tlpipe_edge.images.tags import Tag, first_tags

HEAD_BYTES = 4096
"""How many first bytes of a file are enough to recognize it."""


def _always() -> bool:
    return True


@dataclass(frozen=True)
class Format:
    """A format that files are recognized as, by their first bytes (``matches``).

    ``suffixes`` are in lower case. ``reader`` names the module and the class that decode it, imported on first use;
    empty if nothing here does. It gets what ``separate`` leaves. ``advice`` says what to do where it is not
    ``readable``.
    """

    name: str
    suffixes: tuple[str, ...]
    matches: Callable[[bytes], bool]
    reader: str = ""
    separate: Callable[[bytes], Separated] = metadata.as_it_is
    advice: str = "Convert it to JPEG."
    available: Callable[[], bool] = _always

    @property
    def readable(self) -> bool:
        """Whether this machine reads it."""
        return bool(self.reader) and _is_available(self)

    @property
    def everywhere(self) -> bool:
        """Whether every machine with tlpipe-edge reads it."""
        return bool(self.reader) and self.available is _always

    def open(self, content: bytes) -> ImageFile:
        """The image with its size, not decoded yet. Raise any exception for damaged bytes.

        Not Image.open: it has its own size limit, which only a global variable changes.
        """
        module, name = self.reader.split(":")
        opened: ImageFile = getattr(import_module(module), name)(BytesIO(content))
        return opened


def recognize(head: bytes) -> Format | None:
    """The format of a file that begins with ``head``: ``HEAD_BYTES``, or all of it. None if it is no known image.

    The name of a file does not matter.
    """
    return next((form for form in FORMATS if form.matches(head)), None)


@cache
def _is_available(form: Format) -> bool:
    return form.available()


def _begins(pattern: bytes) -> Callable[[bytes], bool]:
    return lambda head: re.match(pattern, head, re.DOTALL) is not None


def _is_bmp(head: bytes) -> bool:
    """Two letters are not enough: a text may begin with them. The size of the second header follows."""
    return head[:2] == b"BM" and head[14:18] in {struct.pack("<I", size) for size in (12, 16, 40, 52, 56, 64, 108, 124)}


def _brands(head: bytes) -> list[bytes]:
    """The brands of an ISO base media file, the major one first; empty if it is none (ISO/IEC 14496-12, 4.3)."""
    if head[4:8] != b"ftyp":
        return []
    end = min(len(head), int.from_bytes(head[:4], "big"))
    return [head[8:12], *(head[at : at + 4] for at in range(16, end - 3, 4))]


def _is_avif(head: bytes) -> bool:
    major, *compatible = _brands(head) or [b""]
    return major in (b"avif", b"avis") or (major in _ANY_CODEC and b"avif" in compatible)


def _is_heif(head: bytes) -> bool:
    major, *_ = _brands(head) or [b""]
    return major in (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"hevm", b"hevs", *_ANY_CODEC)


_ANY_CODEC = (b"mif1", b"msf1")
"""Brands of images, and of sequences, of any codec (ISO/IEC 23008-12, 10.2)."""

_TIFF = rb"II\*\0|MM\0\*|II\+\0\x08\0\0\0|MM\0\+\0\x08\0\0"
_CFA, _LINEAR_RAW = 32803, 34892
"""Values of ``Tag.PHOTOMETRIC`` of sensor data (DNG 1.4)."""


def _is_raw(head: bytes) -> bool:
    """Raw photographs: by their own signatures, and TIFFs whose first page is only a preview or sensor data."""
    if re.match(rb"II\*\0....CR|IIR[OS]|MMOR|IIU\0|FUJIFILMCCD-RAW|....ftypcrx ", head, re.DOTALL):
        return True  # CR2, ORF, RW2, RAF, CR3
    tags = first_tags(head)
    preview = tags.get(Tag.NEW_SUBFILE_TYPE, 0) & 1 and Tag.SUB_IFDS in tags  # NEF, ARW
    return bool(preview) or Tag.DNG_VERSION in tags or tags.get(Tag.PHOTOMETRIC) in (_CFA, _LINEAR_RAW)


def _pillow_has(feature: str) -> Callable[[], bool]:
    return lambda: feature in (*features.modules, *features.codecs) and bool(features.check(feature))


JPEG = Format("JPEG", (".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"), _begins(rb"\xff\xd8\xff"), "cv2:imdecode")
FORMATS = (
    JPEG,
    Format("PNG", (".png", ".apng"), _begins(rb"\x89PNG\r\n\x1a\n"), "PIL.PngImagePlugin:PngImageFile", metadata.png),
    Format("BMP", (".bmp", ".dib"), _is_bmp, "PIL.BmpImagePlugin:BmpImageFile"),
    Format("GIF", (".gif",), _begins(rb"GIF8[79]a"), "PIL.GifImagePlugin:GifImageFile"),
    Format("WebP", (".webp",), _begins(rb"RIFF....WEBP"), "PIL.WebPImagePlugin:WebPImageFile", metadata.webp),
    Format(
        "AVIF",
        (".avif", ".avifs"),
        _is_avif,
        "PIL.AvifImagePlugin:AvifImageFile",
        metadata.iso_media,
        "Install Pillow 11.3 or newer, or convert it to JPEG.",
        _pillow_has("avif"),
    ),
    Format(
        "HEIC",
        (".heic", ".heif", ".hif", ".heics", ".heifs"),
        _is_heif,
        "pi_heif:HeifImageFile",
        metadata.iso_media,
        "pip install pi-heif, or convert it to JPEG.",
        lambda: find_spec("pi_heif") is not None,
    ),
    Format(
        "raw photograph",
        (".dng", ".cr2", ".cr3", ".nef", ".nrw", ".arw", ".sr2", ".orf", ".rw2", ".raf", ".pef", ".srw"),
        _is_raw,
        advice="Develop it, and save it as JPEG.",
    ),
    Format(
        "TIFF",
        (".tif", ".tiff"),
        _begins(_TIFF),
        "PIL.TiffImagePlugin:TiffImageFile",
        metadata.tiff,
        "Install a Pillow with libtiff, or convert it to JPEG.",
        _pillow_has("libtiff"),
    ),
    Format(
        "JPEG 2000",
        (".jp2", ".j2k", ".jpf", ".jpx", ".j2c"),
        _begins(rb"\0\0\0\x0cjP  \r\n\x87\n|\xff\x4f\xff\x51"),
    ),
    Format("JPEG XL", (".jxl",), _begins(rb"\0\0\0\x0cJXL \r\n\x87\n|\xff\x0a")),
    Format("PSD", (".psd", ".psb"), _begins(rb"8BPS")),
)
"""All formats that are recognized. Raw photographs come before TIFF, because some are TIFFs, too."""
