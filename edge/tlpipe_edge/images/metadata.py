"""Separates the pixels of a file from its metadata, so that damaged or huge metadata is in the way of no decoder.

Of the metadata only the orientation is used.
"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from tlpipe_edge.images.tags import Tag, first_tags, only_pixels, orientation

MAX_TEXT = 1 << 20
"""Compressed metadata is expanded to at most this many bytes, and only if it may state the orientation."""


@dataclass(frozen=True)
class Separated:
    """The file without its metadata, its orientation 1-8 as in EXIF, and a size that the decoder would allocate."""

    content: bytes
    orientation: int = 1
    size: tuple[int, int] = (1, 1)


@dataclass(frozen=True)
class JpegHeader:
    """What a JPEG states before its pixels; ``end`` is where these begin."""

    size: tuple[int, int]
    orientation: int
    end: int


def as_it_is(data: bytes) -> Separated:
    """For formats whose metadata cannot be in the way, and has no orientation."""
    return Separated(data)


def jpeg_header(data: bytes) -> JpegHeader:
    """Read the segments up to the first scan (ITU-T T.81, B.1). Raise ValueError if they are damaged or truncated."""
    size, exif, xmp, at = None, b"", b"", 2
    while (at := data.find(b"\xff", at)) >= 0 and at + 4 <= len(data):
        marker = data[at + 1]
        if marker in _FILL or marker in _ALONE:
            at += 1 if marker == 0xFF else 2
            continue
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        segment, end = data[at + 4 : at + 2 + length], at + 2 + length
        if length < 2 or end > len(data) or marker == 0xD9:
            break
        if marker in _FRAMES and len(segment) >= 6:
            height, width = struct.unpack_from(">HH", segment, 1)
            size = (width, height)
        elif marker == 0xE1 and segment.startswith(b"Exif\0\0"):
            exif = exif or segment
        elif marker == 0xE1 and segment.startswith(b"http://ns.adobe.com/xap/1.0/\0"):
            xmp = segment
        elif marker == 0xDA and size and all(size):
            return JpegHeader(size, orientation(exif, xmp), end)
        at = end
    raise ValueError("its header is truncated or damaged")


_FILL = (0x00, 0xFF)
_ALONE = (0x01, *range(0xD0, 0xD9))
"""Markers without a segment. EOI, 0xD9, ends the file."""
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


def png(data: bytes) -> Separated:
    """The critical chunks and tRNS (PNG, third edition, 5). Their checksums are left to the decoder."""
    kept, exif, old_exif, xmp, at = [data[:8]], b"", b"", b"", 8
    while at + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        end = at + 12 + length
        if not kind.isalpha() or kind == b"IEND":
            break
        if kind[:1].isupper() or kind == b"tRNS":
            kept.append(data[at:end])
        elif zlib.crc32(data[at + 4 : end - 4]) == int.from_bytes(data[end - 4 : end], "big"):
            content = data[at + 8 : end - 4]
            if kind == b"eXIf":
                exif = content
            elif content.startswith(b"Raw profile type exif\0"):  # of ImageMagick, before there was eXIf
                old_exif = _hexadecimal(content.partition(b"\0")[2], compressed=kind == b"zTXt")
            elif content.startswith(b"XML:com.adobe.xmp\0"):
                xmp = _international(content)
        at = end
    kept.append(data[at:])
    return Separated(b"".join(kept), orientation(exif or old_exif, xmp))


def _expanded(content: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(content, MAX_TEXT)
    except zlib.error:
        return b""


def _hexadecimal(text: bytes, *, compressed: bool) -> bytes:
    """EXIF in a text of three lines and then hexadecimal digits; empty if it is damaged."""
    try:
        return bytes.fromhex("".join((_expanded(text[1:]) if compressed else text).decode("latin-1").split("\n")[3:]))
    except ValueError:
        return b""


def _international(content: bytes) -> bytes:
    """The text of an iTXt chunk; empty if it is damaged."""
    _, _, rest = content.partition(b"\0")
    text = rest[2:].split(b"\0", 2)[-1]
    return _expanded(text) if rest[:1] == b"\1" else text


def webp(data: bytes) -> Separated:
    """The chunks of a WebP that hold pixels (RFC 9649, 2.7). A file without VP8X has no others."""
    if data[12:16] != b"VP8X" or len(data) < 30:
        return Separated(data)
    kept, exif, xmp, at, declared = [], b"", b"", 12, 4
    while at + 8 <= len(data):
        kind, length = struct.unpack_from("<4sI", data, at)
        end = at + 8 + length + length % 2
        if kind in (b"VP8X", b"VP8 ", b"VP8L", b"ALPH", b"ANIM", b"ANMF"):
            kept.append(data[at:end])
            declared += end - at
        elif kind == b"EXIF":
            exif = data[at + 8 : end]
        elif kind == b"XMP ":
            xmp = data[at + 8 : end]
        at = end
    kept[0] = kept[0][:8] + bytes([kept[0][8] & ~_WITH_METADATA]) + kept[0][9:]
    size = (int.from_bytes(data[24:27], "little") + 1, int.from_bytes(data[27:30], "little") + 1)
    head = struct.pack("<4sI4s", b"RIFF", declared & 0xFFFFFFFF, b"WEBP")
    return Separated(b"".join([head, *kept]), orientation(exif, xmp), size)


_WITH_METADATA = 0x20 | 0x08 | 0x04
"""Flags of VP8X: there is a colour profile, EXIF, XMP."""


def tiff(data: bytes) -> Separated:
    """The first page. Raise ValueError if it is truncated, or Pillow would decode it wrongly."""
    tags = first_tags(data)
    bits, white_is_zero = tags.get(Tag.BITS_PER_SAMPLE, 1), tags.get(Tag.PHOTOMETRIC, 0) == 0
    planes = tags.get(Tag.PLANAR_CONFIGURATION) == 2 and tags.get(Tag.COMPRESSION, 1) == 1
    if bits == 12 or (bits == 16 and (white_is_zero or planes)):
        raise ValueError("12 bits, or 16 bits in planes or of which 0 is white, are not supported")
    size = (tags.get(Tag.TILE_WIDTH, 1), tags.get(Tag.TILE_LENGTH, 1))
    return Separated(only_pixels(data), orientation(data), size)


def iso_media(data: bytes) -> Separated:
    """An AVIF or HEIC whose metadata describes no image (reference "cdsc", ISO/IEC 14496-12): none is read.

    The orientation of its EXIF does not count: these formats have their own (ISO/IEC 23008-12, 6.5.10). pi-heif 1.4
    dies by a signal for metadata of a damaged type.
    """
    content = bytearray(data)
    for start, end in _boxes(data, b"meta", 0, len(data)):
        for first, last in _boxes(data, b"iref", start + 4, end):  # both begin with a version and flags
            for reference, _ in _boxes(data, b"cdsc", first + 4, last):
                content[reference - 4 : reference] = b"none"
    return Separated(bytes(content))


def _boxes(data: bytes, kind: bytes, at: int, end: int) -> Iterator[tuple[int, int]]:
    """Where the contents of the boxes of a ``kind`` begin and end, of those between ``at`` and ``end``."""
    while at + 8 <= end:
        size, head = int.from_bytes(data[at : at + 4], "big"), 8
        found = data[at + 4 : at + 8]
        if size == 1:
            size, head = int.from_bytes(data[at + 8 : at + 16], "big"), 16
        after = end if size == 0 else at + max(size, head)
        if found == kind and head == 8:
            yield at + head, min(after, end)
        at = after
