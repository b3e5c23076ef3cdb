"""The page reads the orientation that the device reads, and hands the browser the pixels without other metadata."""

import io
import json
import random
import zlib
from pathlib import Path

import numpy as np
import pytest
from javascript import needs_node, run
from PIL import Image, ImageCms, PngImagePlugin

from tlpipe_edge.images import decode, formats, metadata

pytestmark = needs_node
ORIENTATION = 0x0112
KINDS = ("JPEG", "PNG", "WEBP")
XMP = '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="{}"/></x:xmpmeta>'


def image() -> Image.Image:
    """Smooth and without symmetry."""
    y, x = np.mgrid[0:40, 0:56] / [[[40]], [[56]]]
    return Image.fromarray((255 * np.stack([x, y, x * y], axis=-1)).astype(np.uint8))


def exif(orientation: int) -> Image.Exif:
    tags = Image.Exif()
    tags[ORIENTATION] = orientation
    tags[0x010F] = "Maker of a camera"
    return tags


def encoded(kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image().save(buffer, kind, **options)
    return buffer.getvalue()


def device(content: bytes) -> tuple[int | None, bytes | None]:
    """The orientation that the device reads, and the file without its metadata (None for JPEG)."""
    form = formats.recognize(content)
    try:
        if form is formats.JPEG:
            return metadata.jpeg_header(content).orientation, None
        assert form is not None
        separated = form.separate(content)
    except ValueError:
        return None, None
    return separated.orientation, separated.content


def check(files: dict[str, bytes], folder: Path) -> dict[str, int | None]:
    """Compare the page with the device on all files; return the orientations."""
    for name, content in files.items():
        (folder / f"{name}.image").write_bytes(content)
    run("orientation.js", folder)
    found = {}
    for name, content in files.items():
        page = json.loads((folder / f"{name}.json").read_text("utf-8"))
        orientation, left = device(content)
        assert page["orientation"] == orientation, name
        if left is not None:
            assert (folder / f"{name}.left").read_bytes() == left, name
        found[name] = page["orientation"]
    return found


def test_every_orientation_in_every_format(tmp_path: Path) -> None:
    files = {f"{kind}{number}": encoded(kind, exif=exif(number)) for kind in KINDS for number in range(1, 9)}
    found = check(files, tmp_path)
    assert found == {f"{kind}{number}": number for kind in KINDS for number in range(1, 9)}


def raw_profile(*, compressed: bool) -> bytes:
    """EXIF as ImageMagick writes it into a text chunk."""
    content = b"Exif\0\0" + exif(5).tobytes()[6:]
    text = f"\nexif\n{len(content):8}\n{content.hex()}\n"
    info = PngImagePlugin.PngInfo()
    info.add_text("Raw profile type exif", text, zip=compressed)
    return encoded("PNG", pnginfo=info)


def xmp_in_png(*, compressed: bool) -> bytes:
    info = PngImagePlugin.PngInfo()
    info.add_itxt("XML:com.adobe.xmp", XMP.format(7), zip=compressed)
    return encoded("PNG", pnginfo=info)


def test_other_places_of_the_orientation(tmp_path: Path) -> None:
    files = {
        "jpeg-xmp": encoded("JPEG", xmp=XMP.format(6).encode()),
        "webp-xmp": encoded("WEBP", xmp=XMP.format(8).encode()),
        "jpeg-both": encoded("JPEG", exif=exif(3), xmp=XMP.format(6).encode()),
        "png-text": raw_profile(compressed=False),
        "png-ztxt": raw_profile(compressed=True),
        "png-itxt": xmp_in_png(compressed=False),
        "png-itxt-zip": xmp_in_png(compressed=True),
        "png-none": encoded("PNG"),
        "out-of-range": encoded("JPEG", exif=exif(9)),
        "truncated": encoded("JPEG", exif=exif(3))[:60],
    }
    found = check(files, tmp_path)
    assert list(found.values()) == [6, 8, 3, 5, 5, 7, 7, 1, 1, None]


def damaged(content: bytes, chance: random.Random, *, kind: str) -> bytes:
    """Some bytes of the metadata changed; the checksums of a PNG are right again."""
    changed = bytearray(content)
    start = changed.find(b"II*") if b"II*" in changed else changed.find(b"MM\0*")
    for _ in range(chance.randint(1, 4)):
        changed[start + chance.randrange(40)] = chance.randrange(256)
    if kind == "PNG":
        at = changed.find(b"eXIf")
        size = int.from_bytes(changed[at - 4 : at], "big")
        changed[at + 4 + size : at + 8 + size] = zlib.crc32(changed[at : at + 4 + size]).to_bytes(4, "big")
    return bytes(changed)


@pytest.mark.parametrize("kind", KINDS)
def test_damaged_metadata(kind: str, tmp_path: Path) -> None:
    content, chance = encoded(kind, exif=exif(6)), random.Random(kind)
    found = check({str(number): damaged(content, chance, kind=kind) for number in range(200)}, tmp_path)
    assert {1, 6} <= set(found.values())


def test_what_is_left_of_a_jpeg(tmp_path: Path) -> None:
    """No orientation and no colour profile, but the same pixels, also of CMYK, which a segment of Adobe describes."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    files = {
        "plain": encoded("JPEG", exif=exif(1), icc_profile=profile, comment=b"hello", xmp=XMP.format(1).encode()),
        "progressive": encoded("JPEG", icc_profile=profile, progressive=True),
    }
    buffer = io.BytesIO()
    image().convert("CMYK").save(buffer, "JPEG", icc_profile=profile)
    files["cmyk"] = buffer.getvalue()
    check(files, tmp_path)
    for name, content in files.items():
        left = (tmp_path / f"{name}.left").read_bytes()
        assert np.array_equal(decode.decode(left), decode.decode(content))
        opened = Image.open(io.BytesIO(left))
        assert not opened.getexif() and "icc_profile" not in opened.info and "comment" not in opened.info


def test_the_formats_are_told_by_their_bytes(tmp_path: Path) -> None:
    """What the device does not recognize, the page does not either."""
    heads = {
        "HEIC": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic",
        "AVIF": b"\0\0\0\x1cftypmif1\0\0\0\0mif1avif",
        "raw photograph": b"II*\0\x10\0\0\0CR\x02\0",
        "TIFF": b"II*\0\x08\0\0\0\0\0",
        "JPEG XL": b"\xff\x0a\0\0",
        "JPEG 2000": b"\0\0\0\x0cjP  \r\n\x87\n",
        "PSD": b"8BPS\0\1",
        "GIF": encoded("GIF"),
        "BMP": encoded("BMP"),
    }
    others = {"text": b"BM is a text, not an image of Windows", "video": b"\0\0\0\x18ftypisom\0\0\0\0isomavc1"}
    for name, content in (heads | others).items():
        (tmp_path / f"{name}.image").write_bytes(content)
    run("orientation.js", tmp_path)
    for name, content in (heads | others).items():
        form = formats.recognize(content)
        assert json.loads((tmp_path / f"{name}.json").read_text("utf-8"))["format"] == (form.name if form else None)
