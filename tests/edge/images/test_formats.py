"""The table of formats: what the first bytes of a file say it is."""

import io
import struct
from itertools import combinations
from pathlib import Path

import pytest
from PIL import Image, features

from tlpipe_edge.contract import kinds
from tlpipe_edge.images import formats
from tlpipe_edge.images.formats import FORMATS, recognize

OURS = {"MPO": "JPEG", "WEBP": "WebP", "JPEG2000": "JPEG 2000"}
"""Pillow's name of a format -> ours, where they differ."""
FEATURES = {"WEBP": "webp", "AVIF": "avif", "JPEG2000": "jpg_2000"}
"""What a Pillow may be built without."""


def name(head: bytes) -> str | None:
    form = recognize(head)
    return form and form.name


def ftyp(major: bytes, *compatible: bytes) -> bytes:
    brands = major + b"\0\0\0\0" + b"".join(compatible)
    return struct.pack(">I", 8 + len(brands)) + b"ftyp" + brands + b"\0\0\0\x08mdatavif"


def tiff(*tags: tuple[int, int, int], order: str = "<") -> bytes:
    """The head of a TIFF with these tags: number, type, value."""
    entries = b"".join(
        struct.pack(order + "HHI", tag, kind, 1) + struct.pack(order + ("HH" if kind == 3 else "I"), *values)
        for tag, kind, value in tags
        for values in [(value, 0) if kind == 3 else (value,)]
    )
    start = b"II*\0" if order == "<" else b"MM\0*"
    return start + struct.pack(order + "IH", 8, len(tags)) + entries + b"\0\0\0\0"


@pytest.mark.parametrize("kind", ["JPEG", "MPO", "PNG", "BMP", "GIF", "TIFF", *FEATURES])
def test_what_pillow_writes_is_recognized_by_its_head(kind: str) -> None:
    feature = FEATURES.get(kind)
    if feature and not (feature in (*features.modules, *features.codecs) and features.check(feature)):
        pytest.skip(f"Pillow is built without {kind}")
    buffer = io.BytesIO()
    Image.new("RGB", (64, 64), "red").save(buffer, kind)
    assert name(buffer.getvalue()[: formats.HEAD_BYTES]) == OURS.get(kind, kind)


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (ftyp(b"heic", b"mif1", b"heic"), "HEIC"),
        (ftyp(b"hevc", b"msf1"), "HEIC"),
        (ftyp(b"mif1", b"heic"), "HEIC"),
        (ftyp(b"mif1", b"heic", b"avif"), "AVIF"),
        (ftyp(b"avif", b"mif1"), "AVIF"),
        (ftyp(b"avis"), "AVIF"),
        (ftyp(b"mif1"), "HEIC"),  # "avif" after the end of the box is no brand
        (ftyp(b"isom", b"avif", b"heic"), None),
        (ftyp(b"mp42"), None),
        (ftyp(b"qt  "), None),
        (ftyp(b"crx "), "raw photograph"),
        (b"II*\0\x10\0\0\0CR\x02\0", "raw photograph"),
        (b"IIRO\x08\0\0\0", "raw photograph"),
        (b"IIU\0\x18\0\0\0", "raw photograph"),
        (b"FUJIFILMCCD-RAW 0201", "raw photograph"),
        (b"MM\0\x2b\0\x08\0\0", "TIFF"),
        (b"\xff\x0a\x7a", "JPEG XL"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
        (b"\xff\x4f\xff\x51\0\x2f", "JPEG 2000"),
        (b"8BPS\0\x01", "PSD"),
        (b"BM is how this text begins, which is no image.", None),
        (b"II is a Roman numeral.", None),
        (b"RIFF\0\0\0\0WAVEfmt ", None),
        (b"<svg xmlns=", None),
        (b"", None),
    ],
)
def test_heads(head: bytes, expected: str | None) -> None:
    assert name(head) == expected


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_tiff_that_shows_a_preview_or_sensor_data_is_a_raw_photograph(order: str) -> None:
    assert name(tiff((254, 4, 0), (262, 3, 2), order=order)) == "TIFF"
    assert name(tiff((254, 4, 1), (262, 3, 2), order=order)) == "TIFF"  # a small page, but of no other
    assert name(tiff((254, 4, 1), (262, 3, 2), (330, 4, 400), order=order)) == "raw photograph"
    assert name(tiff((254, 4, 0), (50706, 1, 1), order=order)) == "raw photograph"
    assert name(tiff((262, 3, 32803), order=order)) == "raw photograph"


def test_a_head_that_ends_early_is_no_error() -> None:
    whole = tiff((254, 4, 0), (262, 3, 2), (50706, 1, 1))
    for head in (whole, ftyp(b"mif1", b"avif")):
        for size in range(len(head)):
            name(head[:size])
    assert name(whole[:30]) == "TIFF"


def test_every_suffix_belongs_to_one_format_and_is_in_lower_case() -> None:
    for one, other in combinations(FORMATS, 2):
        assert not set(one.suffixes) & set(other.suffixes)
    assert all(suffix == suffix.lower() for form in FORMATS for suffix in form.suffixes)


def test_what_is_read_everywhere() -> None:
    everywhere = ["JPEG", "PNG", "BMP", "GIF", "WebP"]
    assert [form.name for form in FORMATS if form.everywhere] == everywhere
    assert {form.name for form in FORMATS if form.readable} >= set(everywhere)
    assert not any(form.readable for form in FORMATS if not form.reader)
    assert all(form.advice.endswith(".") for form in FORMATS)


def test_an_error_about_a_wrong_file_knows_the_suffixes(tmp_path: Path) -> None:
    for suffix in (suffix for form in FORMATS for suffix in form.suffixes):
        (tmp_path / f"a{suffix}").touch()
        assert kinds.found(tmp_path / f"a{suffix}") == "an image"
