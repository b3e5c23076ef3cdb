"""The tags of the first page of a TIFF (TIFF 6.0, section 2). EXIF is a TIFF, too."""

import re
import struct
from dataclasses import dataclass
from enum import IntEnum


class Tag(IntEnum):
    """Tags that are read here (TIFF 6.0; DNG 1.4)."""

    NEW_SUBFILE_TYPE = 254
    BITS_PER_SAMPLE = 258
    COMPRESSION = 259
    PHOTOMETRIC = 262
    ORIENTATION = 274
    PLANAR_CONFIGURATION = 284
    TILE_WIDTH = 322
    TILE_LENGTH = 323
    SUB_IFDS = 330
    DNG_VERSION = 50706


_OF_PIXELS = frozenset(
    (254, 256, 257, 258, 259, 262, 266, 273, 277, 278, 279, 284, 292, 293, 317, 320, 322, 323, 324, 325, 332, 338, 339)
) | frozenset((347, *range(512, 522), 529, 530, 531, 532))
"""Tags without which the pixels cannot be decoded. Orientation is not among them: Pillow would turn the image."""
_WIDTHS = {1: 1, 3: 2, 4: 4}
"""Bytes of a value of the types BYTE, SHORT and LONG."""
_XMP_ORIENTATION = re.compile(rb'tiff:Orientation(?:="|>)([0-9])')


@dataclass(frozen=True)
class _Page:
    """The table of tags: ``count`` entries of ``size`` bytes from ``start`` on. ``here`` says how many are there."""

    order: str
    big: bool
    start: int
    count: int
    here: int

    @property
    def size(self) -> int:
        return 20 if self.big else 12


def _page(tiff: bytes) -> _Page | None:
    # Both orders of the bytes of 42: some cameras write the wrong one into EXIF, and Pillow reads it.
    if not re.match(rb"(?:II|MM)(?:\*\0|\0\*|\+\0\x08\0\0\0|\0\+\0\x08\0\0)", tiff):
        return None
    order, big = "<" if tiff[:2] == b"II" else ">", b"+" in tiff[2:4]
    try:
        (table,) = struct.unpack_from(order + ("Q" if big else "I"), tiff, 8 if big else 4)
        (count,) = struct.unpack_from(order + ("Q" if big else "H"), tiff, table)
    except (struct.error, OverflowError):
        return None
    start = table + (8 if big else 2)
    return _Page(order, big, start, count, min(count, (len(tiff) - start) // (20 if big else 12)))


def first_tags(tiff: bytes) -> dict[int, int]:
    """Tag -> its first value, as far as ``tiff`` has it; 0 if it is outside, or no whole number. Empty if no TIFF."""
    page = _page(tiff)
    if page is None:
        return {}
    tags = {}
    for at in range(page.start, page.start + page.here * page.size, page.size):
        tag, kind, count = struct.unpack_from(page.order + ("HHQ" if page.big else "HHI"), tiff, at)
        place, width = at + (12 if page.big else 8), _WIDTHS.get(kind, 0)
        if count * width > (8 if page.big else 4):
            (place,) = struct.unpack_from(page.order + ("Q" if page.big else "I"), tiff, place)
        value = tiff[place : place + width]
        tags[tag] = int.from_bytes(value, "little" if page.order == "<" else "big") if len(value) == width else 0
    return tags


def orientation(exif: bytes, xmp: bytes = b"") -> int:
    """The orientation 1-8 (Exif 2.3, 4.6.4), of EXIF or else of XMP; 1 if neither states it, or both are damaged."""
    while exif.startswith(b"Exif\0\0"):
        exif = exif[6:]
    stated = first_tags(exif).get(Tag.ORIENTATION)
    if stated is None and (in_xmp := _XMP_ORIENTATION.search(xmp)):
        stated = int(in_xmp[1])
    return stated if stated is not None and 1 <= stated <= 8 else 1


def only_pixels(tiff: bytes) -> bytes:
    """A TIFF of the first page, with the tags of its pixels alone. Raise ValueError if its tags are not all there."""
    page = _page(tiff)
    if page is None or page.here < page.count:
        raise ValueError("truncated")
    places = range(page.start, page.start + page.count * page.size, page.size)
    entries = [tiff[at : at + page.size] for at in places]
    kept = [entry for entry in entries if struct.unpack_from(page.order + "H", entry)[0] in _OF_PIXELS]
    table = struct.pack(page.order + ("Q" if page.big else "H"), len(kept)) + b"".join(kept)
    table += b"\0" * (8 if page.big else 4)  # there is no next page
    before = page.start - (8 if page.big else 2)
    return b"".join([tiff[:before], table, tiff[before + len(table) :]])
