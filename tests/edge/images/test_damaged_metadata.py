"""Damaged, huge and unknown metadata is in the way of no pixels; damage to the pixels is still an error."""

import io
import struct
import tracemalloc
import zlib

import numpy as np
import pytest
from encoding import AVIF, HEIC, difference, encoded, needs_pi_heif, photograph, png_chunk, reason
from PIL import Image

from tlpipe_edge.images import decode

pytestmark = pytest.mark.arm64

BEFORE_PIXELS = 8 + 25
"""Where the first chunk after IHDR begins."""
MEGABYTES = bytes(3_000_000)


def with_chunks(*chunks: bytes, at: int = BEFORE_PIXELS) -> bytes:
    content = encoded(photograph(), "PNG")
    return content[:at] + b"".join(chunks) + content[at:]


def bad_checksum(chunk: bytes) -> bytes:
    return chunk[:-1] + bytes([chunk[-1] ^ 1])


@pytest.mark.parametrize(
    "chunk",
    [
        png_chunk(b"iCCP", b"huge\0\0" + zlib.compress(MEGABYTES)),
        png_chunk(b"iCCP", b"damaged\0\0no zlib"),
        png_chunk(b"iCCP", b"method\0\7"),
        png_chunk(b"iCCP", b""),
        png_chunk(b"zTXt", b"huge\0\0" + zlib.compress(MEGABYTES)),
        png_chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(MEGABYTES)),
        png_chunk(b"zTXt", b"Raw profile type exif\0\0no zlib"),
        png_chunk(b"tEXt", b"Raw profile type exif\0\nexif\n 9\nno digits"),
        png_chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(MEGABYTES)),
        png_chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0no zlib"),
        png_chunk(b"iTXt", b"XML:com.adobe.xmp"),
        png_chunk(b"tEXt", b"huge\0" + MEGABYTES),
        png_chunk(b"eXIf", b"MM\0*\xff\xff\xff\xff"),
        png_chunk(b"eXIf", b""),
        png_chunk(b"pHYs", b""),
        png_chunk(b"gAMA", b"1"),
        png_chunk(b"acTL", b""),
        png_chunk(b"fcTL", b""),
        png_chunk(b"prVt", b"unknown"),
        bad_checksum(png_chunk(b"tEXt", b"Comment\0hello")),
    ],
    ids=lambda chunk: f"{chunk[4:8].decode()}-{len(chunk)}",
)
def test_a_png_is_read_whatever_its_ancillary_chunks_hold(chunk: bytes) -> None:
    assert difference(decode.decode(with_chunks(chunk)), photograph()) == 0


def test_more_text_than_pillow_reads_in_all() -> None:
    text = png_chunk(b"tEXt", b"part\0" + bytes(1_000_000))
    assert difference(decode.decode(with_chunks(*[text] * 70)), photograph()) == 0


def test_a_compressed_text_is_not_expanded() -> None:
    expanding = zlib.compressobj(9)
    bomb = b"".join(expanding.compress(bytes(1_000_000)) for _ in range(40)) + expanding.flush()
    texts = (b"iCCP", b"x\0\0"), (b"zTXt", b"Raw profile type exif\0\0"), (b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0")
    content = with_chunks(*(png_chunk(kind, head + bomb) for kind, head in texts))
    tracemalloc.start()
    try:
        assert difference(decode.decode(content), photograph()) == 0
        assert tracemalloc.get_traced_memory()[1] < 20_000_000  # of 120 MB
    finally:
        tracemalloc.stop()


def test_damage_to_what_holds_pixels_is_still_an_error() -> None:
    content = encoded(photograph().quantize(8), "PNG")
    for kind in (b"IHDR", b"PLTE"):
        at = content.index(kind)
        end = at + 4 + int.from_bytes(content[at - 4 : at], "big")
        damaged = content[:end] + bytes([content[end] ^ 1]) + content[end + 1 :]
        assert "cannot be decoded as PNG" in reason(damaged)
    at = content.index(b"IDAT") + 12
    assert "cannot be decoded as PNG" in reason(content[:at] + bytes([content[at] ^ 255]) + content[at + 1 :])


EXIF = Image.Exif()
EXIF[0x0112] = 6
XMP = b'<x:xmpmeta><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'


@pytest.mark.parametrize(
    "chunk",
    [
        png_chunk(b"eXIf", EXIF.tobytes()[6:]),
        png_chunk(
            b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(b"\nexif\n 9\n" + EXIF.tobytes().hex().encode())
        ),
        png_chunk(b"tEXt", b"Raw profile type exif\0\nexif\n 9\n" + EXIF.tobytes().hex().encode()),
        png_chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + XMP),
        png_chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(XMP)),
    ],
    ids=["eXIf", "zTXt", "tEXt", "XMP", "compressed XMP"],
)
def test_every_place_for_the_orientation_of_a_png(chunk: bytes) -> None:
    turned = np.rot90(np.asarray(photograph()), -1)
    assert difference(decode.decode(with_chunks(chunk)), turned) == 0
    after = len(encoded(photograph(), "PNG")) - 12
    assert difference(decode.decode(with_chunks(chunk, at=after)), turned) == 0
    damaged = decode.decode(with_chunks(bad_checksum(chunk)))
    assert damaged.shape == (64, 96, 3)


def segment(marker: int, content: bytes) -> bytes:
    return b"\xff" + bytes([marker]) + struct.pack(">H", len(content) + 2) + content


@pytest.mark.parametrize(
    "segments",
    [
        segment(0xE0, b"JFIF\0"),
        segment(0xED, b"Photoshop 3.0\x008BIM\x03"),
        segment(0xE2, b"ICC_PROFILE\0"),
        segment(0xE2, b"ICC_PROFILE\0\1\1" + bytes(60_000)) * 40,
        segment(0xE2, b"MPF\0damaged"),
        segment(0xE1, b"Exif\0\0no TIFF"),
        segment(0xE1, b"Exif\0\0MM\0*\xff\xff\xff\xff"),
        segment(0xE1, b"Exif\0\0MM\0*\0\0\0\x08\xff\xff\x01\x12"),
        segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0<damaged"),
        segment(0xEE, b"Adobe"),
        segment(0xFE, b"x" * 65_000) * 50,
        segment(0xE5, b""),
        b"\xff" * 9 + segment(0xE6, b"after fill bytes"),
    ],
    ids=lambda segments: f"{segments[1]:x}-{len(segments)}",
)
def test_a_jpeg_is_read_whatever_its_metadata_holds(segments: bytes) -> None:
    content = encoded(photograph(), "JPEG")
    expected = decode.decode(content)
    assert np.array_equal(decode.decode(content[:2] + segments + content[2:]), expected)
    assert np.array_equal(decode.decode(content[:20] + segments + content[20:]), expected)


def test_the_orientation_of_a_jpeg_is_that_of_exif_and_else_of_xmp() -> None:
    content = encoded(photograph(), "JPEG")
    xmp = segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + XMP)
    assert decode.decode(content[:2] + xmp + content[2:]).shape == (96, 64, 3)
    EXIF[0x0112] = 3
    both = content[:2] + segment(0xE1, EXIF.tobytes()) + xmp + content[2:]
    EXIF[0x0112] = 6
    assert decode.decode(both).shape == (64, 96, 3)


@pytest.mark.parametrize("header", [b"", b"\xff", b"\xff\xe1\0\1", b"\xff\xe1\xff\xff", b"\xff\xd9", b"junk" * 9])
def test_a_jpeg_without_a_whole_header_is_refused(header: bytes) -> None:
    assert "cannot be decoded as JPEG" in reason(b"\xff\xd8\xff\xe0\0\2" + header)


def webp_chunk(kind: bytes, content: bytes) -> bytes:
    return kind + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)


@pytest.mark.parametrize("exif", [b"no TIFF", b"MM\0*\xff\xff\xff\xff", b"", b"x" * 3_000_000])
def test_a_webp_is_read_whatever_its_metadata_holds(exif: bytes) -> None:
    transparent = photograph().convert("RGBA")
    content = encoded(transparent, "WEBP", lossless=True, icc_profile=b"profile", exif=b"Exif", xmp=b"xmp")
    assert content[12:16] == b"VP8X"
    metadata = webp_chunk(b"EXIF", exif) + webp_chunk(b"XMP ", b"<damaged") + webp_chunk(b"what", b"unknown")
    damaged = content[: content.index(b"EXIF")] + metadata
    assert difference(decode.decode(damaged), photograph()) == 0
    assert difference(decode.decode(damaged[:-9]), photograph()) == 0  # truncated after the pixels


def test_a_webp_that_promises_too_many_pixels_is_refused_before_its_canvas_is_made() -> None:
    content = bytearray(encoded(photograph(), "WEBP", exif=EXIF.tobytes()))
    content[24:30] = b"\xff" * 6
    assert reason(bytes(content)) == "image data: 16777216x16777216 pixels, more than 100 million"


def test_the_comment_of_a_gif_may_be_anything() -> None:
    assert difference(decode.decode(encoded(photograph(), "GIF", comment=b"\xff\0" * 50_000)), photograph()) < 4


@pytest.mark.parametrize("tag", [34675, 34665, 700, 33723, 34377, 330, 282, 65000])
@pytest.mark.parametrize("compression", [None, "tiff_lzw"])
def test_a_tiff_is_read_whatever_its_metadata_holds(tag: int, compression: str | None) -> None:
    content = bytearray(encoded(photograph(), "TIFF", compression=compression, tiffinfo={65001: "a private tag"}))
    at = content.index(struct.pack("<HHI", 65001, 2, 14))
    for kind, count, place in ((7, 3_000_000, 8), (5, 1, 0xFFFFFFF0), (4, 0xFFFFFFFF, 8), (13, 1, 8), (99, 1, 8)):
        struct.pack_into("<HHII", content, at, tag, kind, count, place)
        assert difference(decode.decode(bytes(content)), photograph()) == 0


def with_damaged_exif(content: bytes) -> bytes:
    at = content.index(b"MM\0*")
    return content[:at] + b"XXXX" + content[at + 4 :]


@pytest.mark.parametrize("kind", [AVIF])
def test_damaged_exif_of_an_avif(kind: str) -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "Pillow leaves EXIF out if this is not there"
    content = encoded(photograph(), kind, exif=exif)
    assert decode.decode(content).shape == (96, 64, 3)
    assert np.array_equal(decode.decode(with_damaged_exif(content)), decode.decode(content))


@needs_pi_heif
def test_damaged_exif_of_a_heic() -> None:
    content = (HEIC / "orientation-6.heic").read_bytes()
    expected = decode.decode(content)
    assert np.array_equal(decode.decode(with_damaged_exif(content)), expected)
    no_text = content.replace(b"Exif\0\0\0\0\x15infe", b"\xffxif\0\0\0\0\x15infe").replace(
        b"\0\0Exif", b"\0\0\xffxif", 1
    )
    assert np.array_equal(decode.decode(no_text), expected)  # pi-heif 1.4 would die by SIGSEGV


def test_pillow_alone_would_stop_at_such_metadata() -> None:
    """So that the tests above test something: these are read by no decoder as they are."""
    for chunk in (png_chunk(b"iCCP", b"huge\0\0" + zlib.compress(MEGABYTES)), png_chunk(b"prVt", b"x")[:-1] + b"?"):
        with pytest.raises((ValueError, SyntaxError, OSError)):
            Image.open(io.BytesIO(with_chunks(chunk))).load()
