"""TIFF, AVIF and HEIC: what scanners and phones write."""

import io
import itertools
import struct
import zlib

import numpy as np
import pytest
from encoding import AVIF, HEIC, STORED, difference, encoded, needs_pi_heif, photograph, reason, turned
from PIL import Image

from tlpipe_edge.images import decode, formats

pytestmark = pytest.mark.arm64


def tiff(
    photometric: int, bits: list[int], planes: list[bytes], *, order: str = "<", compression: int = 1, planar: int = 1
) -> bytes:
    """A TIFF of 96x64 pixels: one strip for each plane."""
    if compression == 8:
        planes = [zlib.compress(plane) for plane in planes]
    tags: list[tuple[int, str, list[int]]] = [
        (256, "I", [96]),
        (257, "I", [64]),
        (258, "H", bits),
        (259, "H", [compression]),
        (262, "H", [photometric]),
        (273, "I", [0] * len(planes)),
        (277, "H", [len(bits)]),
        (278, "I", [64]),
        (279, "I", [len(plane) for plane in planes]),
        (284, "H", [planar]),
    ]
    outside = 8 + 2 + 12 * len(tags) + 4
    pixels = outside + sum(struct.calcsize(f"<{len(values)}{form}") for _, form, values in tags if len(values) > 1)
    starts = itertools.accumulate([pixels, *map(len, planes[:-1])])
    tags[5] = (273, "I", list(starts))
    entries, values_outside = b"", b""
    for tag, form, values in tags:
        packed = struct.pack(f"{order}{len(values)}{form}", *values)
        if len(packed) > 4:
            packed, values_outside = struct.pack(order + "I", outside + len(values_outside)), values_outside + packed
        entries += struct.pack(order + "HHI", tag, {"H": 3, "I": 4}[form], len(values)) + packed.ljust(4, b"\0")
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "IH", 8, len(tags))
    body = (head + entries + b"\0\0\0\0" + values_outside).ljust(pixels, b"\0")
    return body + b"".join(planes)


COLOURS = np.asarray(photograph())
GREY16 = (np.arange(64 * 96).reshape(64, 96) * 10).astype(np.uint16)
GREY_OF_16 = np.stack([(GREY16 >> 8).astype(np.uint8)] * 3, axis=-1)


@pytest.mark.parametrize("compression", [None, "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg"])
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK", "P", "1"])
def test_tiffs_of_every_mode_and_compression(mode: str, compression: str | None) -> None:
    if compression == "jpeg" and mode in ("P", "1"):
        pytest.skip("JPEG has neither palettes nor bits")
    stored = photograph().quantize(16) if mode == "P" else photograph().convert(mode)
    assert difference(decode.decode(encoded(stored, "TIFF", compression=compression)), stored.convert("RGB")) < 1


@pytest.mark.parametrize("compression", [None, "tiff_lzw"])
@pytest.mark.parametrize("orientation", STORED)
def test_the_orientation_of_a_tiff_is_applied_once(orientation: int, compression: str | None) -> None:
    how = STORED[orientation]
    stored = photograph() if how is None else photograph().transpose(how)
    content = encoded(stored, "TIFF", compression=compression, tiffinfo={274: orientation})
    assert difference(decode.decode(content), photograph()) == 0
    assert difference(decode.from_pillow(Image.open(io.BytesIO(content))), photograph()) == 0


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("compression", [1, 8])
def test_tiffs_of_16_bits_keep_the_upper_byte(order: str, compression: int) -> None:
    deep = (COLOURS.astype(order + "u2") * 256 + 99).astype(order + "u2").tobytes()
    assert difference(decode.decode(tiff(2, [16] * 3, [deep], order=order, compression=compression)), COLOURS) == 0
    grey = GREY16.astype(order + "u2").tobytes()
    assert difference(decode.decode(tiff(1, [16], [grey], order=order, compression=compression)), GREY_OF_16) == 0


def test_planes_and_predictors_and_pages() -> None:
    planes = [COLOURS[:, :, colour].tobytes() for colour in range(3)]
    assert difference(decode.decode(tiff(2, [8] * 3, planes, planar=2)), COLOURS) == 0
    assert difference(decode.decode(tiff(2, [8] * 3, planes, planar=2, compression=8)), COLOURS) == 0
    predicted = encoded(photograph(), "TIFF", compression="tiff_lzw", tiffinfo={317: 2})
    assert difference(decode.decode(predicted), COLOURS) == 0
    pages = encoded(photograph(), "TIFF", save_all=True, append_images=[Image.new("RGB", (9, 9))])
    assert difference(decode.decode(pages), COLOURS) == 0


def test_what_pillow_would_decode_wrongly_is_refused() -> None:
    deep = [(COLOURS[:, :, colour].astype("<u2") * 256).tobytes() for colour in range(3)]
    assert "are not supported" in reason(tiff(2, [16] * 3, deep, planar=2))
    assert "are not supported" in reason(tiff(0, [16], [GREY16.tobytes()]))
    assert "are not supported" in reason(tiff(1, [12], [bytes(64 * 96 * 3 // 2)]))


@pytest.mark.parametrize("kind", [np.float32, np.int32])
def test_a_tiff_of_unknown_range_is_refused(kind: type) -> None:
    assert "whose range is unknown" in reason(encoded(Image.fromarray(GREY16.astype(kind)), "TIFF"))


def test_transparency_of_a_tiff_is_laid_on_white() -> None:
    half = photograph().convert("RGBA")
    half.paste((0, 0, 0, 0), (0, 0, 48, 64))
    pixels = decode.decode(encoded(half, "TIFF"))
    assert (pixels[:, :48] == 255).all() and difference(pixels[:, 48:], COLOURS[:, 48:]) == 0


@pytest.mark.parametrize("kind", [AVIF])
@pytest.mark.parametrize("orientation", STORED)
def test_the_orientation_of_an_avif_is_applied_once(orientation: int, kind: str) -> None:
    assert difference(decode.decode(turned(photograph(), orientation, kind)), photograph()) < 3


@pytest.mark.parametrize("kind", [AVIF])
def test_an_avif_with_alpha_and_a_profile(kind: str) -> None:
    half = photograph().convert("RGBA")
    half.paste((0, 0, 0, 0), (0, 0, 48, 64))
    pixels = decode.decode(encoded(half, kind, icc_profile=bytes(500), quality=90))
    assert (pixels[:, :40] > 250).all() and difference(pixels[:, 56:], COLOURS[:, 56:]) < 4


@needs_pi_heif
@pytest.mark.parametrize(
    "name",
    [
        "plain",
        "profile",
        "orientation-3",
        "orientation-5",
        "orientation-6",
        "orientation-8",
        "10-bit",
        "second-is-primary",
    ],
)
def test_a_heic_is_upright_and_of_8_bits(name: str) -> None:
    pixels = decode.decode(HEIC / f"{name}.heic")
    assert pixels.flags.c_contiguous and pixels.flags.writeable
    assert difference(pixels, COLOURS) < 2  # HEVC loses a little


@needs_pi_heif
def test_a_heic_of_grey_and_one_with_alpha() -> None:
    assert difference(decode.decode(HEIC / "grey.heic"), photograph().convert("L").convert("RGB")) < 2
    pixels = decode.decode(HEIC / "alpha.heic")
    assert (pixels[:, 56:] > 250).all() and difference(pixels[:, :40], COLOURS[:, :40]) < 2


@pytest.mark.parametrize(
    ("name", "advice"), [("AVIF", "Pillow 11.3"), ("HEIC", "pip install pi-heif"), ("TIFF", "libtiff")]
)
def test_a_format_that_is_not_read_here_says_what_to_install(
    name: str, advice: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(formats, "_is_available", lambda _: False)
    heads = {"AVIF": b"\0\0\0\x14ftypavif\0\0\0\0mif1", "HEIC": b"\0\0\0\x14ftypheic\0\0\0\0mif1", "TIFF": b"II*\0"}
    with pytest.raises(decode.UnreadableImage) as caught:
        decode.decode(heads[name])
    assert caught.value.what == f"image data: {name}, which is not read here" and advice in caught.value.advice
