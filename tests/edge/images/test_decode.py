"""The decoder and the resize, on real encoded files of every format."""

import os
import struct
import threading
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from encoding import KINDS, STORED, difference, encoded, photograph, png_header, reason, turned
from PIL import Image, ImageOps

from tlpipe_edge.contract.manifest import Crop, ImageSpec
from tlpipe_edge.errors import BadData, MissingInput, TlpipeError
from tlpipe_edge.images import decode

pytestmark = pytest.mark.arm64


def raising(error: Exception) -> Callable[..., bytes]:
    def fail(*_: object) -> bytes:
        raise error

    return fail


@pytest.mark.parametrize("orientation", STORED)
def test_every_orientation_comes_out_upright(orientation: int) -> None:
    upright = photograph()
    lossless = decode.decode(turned(upright, orientation, "PNG"))
    assert difference(lossless, upright) == 0 and lossless.flags.c_contiguous
    assert difference(decode.decode(turned(upright, orientation, "JPEG")), upright) < 2  # quantization of the JPEG
    reduced = decode.decode(turned(upright, orientation, "JPEG"), min_side=32)
    assert difference(reduced, upright.reduce(2)) < 2


@pytest.mark.parametrize("kind", KINDS)
def test_every_format_gives_its_pixels(kind: str, tmp_path: Path) -> None:
    file = tmp_path / "named.wrong"
    file.write_bytes(encoded(photograph(), kind))
    pixels = decode.decode(file)
    assert pixels.dtype == np.uint8 and pixels.flags.writeable
    assert difference(pixels, photograph()) < 4  # GIF's palette of 256 colours is the coarsest
    assert np.array_equal(decode.decode(str(file)), pixels) and np.array_equal(decode.decode(file.read_bytes()), pixels)


@pytest.mark.parametrize(("kind", "mode"), [("JPEG", "L"), ("JPEG", "CMYK"), ("PNG", "1"), ("PNG", "P"), ("BMP", "L")])
def test_every_opaque_mode_becomes_rgb(kind: str, mode: str) -> None:
    stored = photograph().convert(mode)
    assert difference(decode.decode(encoded(stored, kind)), stored.convert("RGB")) < 2


def test_progressive_jpeg() -> None:
    assert difference(decode.decode(encoded(photograph(), "JPEG", progressive=True)), photograph()) < 2


@pytest.mark.parametrize("mode", ["LA", "RGBA", "P"])
def test_transparency_is_laid_on_white(mode: str) -> None:
    black = Image.new("RGBA", (4, 2), (0, 0, 0, 255))
    black.paste((0, 0, 0, 0), (0, 0, 2, 2))
    stored = Image.new("P", (4, 2), 1) if mode == "P" else black.convert(mode)
    if mode == "P":
        stored.putpalette([10, 20, 30, 0, 0, 0])
        stored.paste(0, (0, 0, 2, 2))
    pixels = decode.decode(encoded(stored, "PNG", **({"transparency": 0} if mode == "P" else {})))
    assert (pixels[:, :2] == 255).all() and (pixels[:, 2:] == 0).all()


@pytest.mark.parametrize(
    ("kind", "mode"), [("PNG", "RGBA"), ("PNG", "LA"), ("TIFF", "RGBA"), ("GIF", "P"), ("PNG", "P")]
)
def test_an_alpha_channel_of_zeros_is_no_transparency(kind: str, mode: str) -> None:
    if mode == "P":
        invisible, shown = Image.new("P", (6, 4), 1), Image.new("RGB", (6, 4), (200, 10, 20))
        invisible.putpalette([0, 0, 0, 200, 10, 20])
        content = encoded(invisible, kind, transparency=1)
    else:
        shown = photograph(6, 4).convert("RGB" if mode == "RGBA" else "L").convert("RGB")
        invisible = shown.convert(mode)
        invisible.putalpha(0)
        content = encoded(invisible, kind)
    assert difference(decode.decode(content), shown) == 0
    assert difference(decode.from_pillow(invisible), shown) == 0


def test_a_bmp_of_32_bits_with_a_mask_for_an_alpha_of_zeros() -> None:
    """As the clipboard of Windows writes it: a V4 header (BITMAPV4HEADER), BI_BITFIELDS."""
    shown = np.asarray(photograph(6, 4))
    masks = struct.pack("<4I", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    header = struct.pack("<IiiHHIIiiII", 108, 6, -4, 1, 32, 3, 96, 0, 0, 0, 0) + masks + b" niW" + bytes(48)
    pixels = np.dstack([shown[:, :, ::-1], np.zeros((4, 6), np.uint8)]).tobytes()
    content = struct.pack("<2sIHHI", b"BM", 14 + 108 + 96, 0, 0, 14 + 108) + header + pixels
    assert difference(decode.decode(content), shown) == 0


def test_sixteen_bit_grey_keeps_its_upper_byte() -> None:
    stored = Image.fromarray(np.array([[0, 255, 256, 0x8000, 65535]], np.uint16))
    assert decode.decode(encoded(stored, "PNG"))[0, :, 0].tolist() == [0, 0, 1, 128, 255]


@pytest.mark.parametrize("kind", ["GIF", "WEBP"])
def test_the_first_frame_of_an_animation(kind: str) -> None:
    frames = [Image.new("RGB", (16, 16), colour) for colour in ("red", "blue")]
    pixels = decode.decode(encoded(frames[0], kind, save_all=True, append_images=frames[1:]))
    assert difference(pixels, frames[0]) < 3  # lossy WebP


@pytest.mark.parametrize(
    ("min_side", "short"), [(None, 400), (401, 400), (201, 400), (200, 200), (100, 100), (99, 100), (50, 50), (1, 50)]
)
def test_a_jpeg_is_reduced_no_further_than_its_short_side_allows(min_side: int | None, short: int) -> None:
    pixels = decode.decode(encoded(photograph(800, 400), "JPEG"), min_side=min_side)
    assert pixels.shape == (short, 2 * short, 3)


@pytest.mark.parametrize(
    ("crop", "decoded"),
    [(Crop.CENTER, (200, 400)), (Crop.STRETCH, (200, 400)), (Crop.LETTERBOX, (100, 200))],
)
def test_load_decodes_what_the_crop_needs(crop: Crop, decoded: tuple[int, int]) -> None:
    spec = ImageSpec(200, crop)
    content = encoded(photograph(1600, 800), "JPEG")
    assert decode.decode(content, min_side=decode.needed(spec)).shape[:2] == decoded
    # Both ways of averaging leave a smooth picture alone, up to the rounding and the quantization of the JPEG.
    assert difference(decode.load(content, spec), decode.resize(decode.decode(content), spec)) < 1


def test_center_crop_takes_the_largest_centred_square() -> None:
    frame = np.zeros((4, 10, 3), np.uint8)
    frame[:, 3:7] = 200
    assert (decode.resize(frame, ImageSpec(2)) == 200).all()
    assert (decode.resize(frame.swapaxes(0, 1), ImageSpec(2)) == 200).all()


def test_a_frame_of_the_right_size_stays_as_it_is() -> None:
    frame = np.asarray(photograph(32, 32))
    for crop in Crop:
        assert np.array_equal(decode.resize(frame, ImageSpec(32, crop)), frame)
    wide = np.pad(frame, ((0, 0), (5, 5), (0, 0)))
    cropped = decode.resize(wide, ImageSpec(32))
    assert np.array_equal(cropped, frame) and cropped.flags.c_contiguous and not np.shares_memory(cropped, wide)


def test_letterbox_shows_all_of_it_on_grey() -> None:
    boxed = decode.resize(np.full((10, 40, 3), 200, np.uint8), ImageSpec(20, Crop.LETTERBOX))
    assert (boxed[7:12] == 200).all() and (boxed[:7] == 128).all() and (boxed[12:] == 128).all()
    thinnest = decode.resize(np.zeros((1, 1000, 3), np.uint8), ImageSpec(20, Crop.LETTERBOX))
    assert (thinnest == 0).all(axis=(1, 2)).sum() == 1


def test_stretch_averages_one_axis_while_it_enlarges_the_other() -> None:
    stripes = np.zeros((8, 640, 3), np.uint8)
    stripes[:, ::4] = 200
    assert (decode.resize(stripes, ImageSpec(32, Crop.STRETCH)) == 50).all()


@pytest.mark.parametrize("crop", Crop)
@pytest.mark.parametrize("size", [(467, 331), (101, 230), (64, 33), (63, 1000)])
def test_shrinking_comes_close_to_the_average_over_the_area(size: tuple[int, int], crop: Crop) -> None:
    """Pillow's BOX is that average. Blocks leave a remainder, and what is left is a linear mixture."""
    picture, spec = photograph(*size), ImageSpec(32, crop)
    square = {
        Crop.CENTER: lambda: ImageOps.fit(picture, (32, 32), Image.Resampling.BOX),
        Crop.STRETCH: lambda: picture.resize((32, 32), Image.Resampling.BOX),
        Crop.LETTERBOX: lambda: ImageOps.pad(picture, (32, 32), Image.Resampling.BOX, color=(128, 128, 128)),
    }[crop]()
    assert difference(decode.resize(np.asarray(picture), spec), square) < 2


def test_fine_patterns_do_not_alias() -> None:
    """Every third pixel of noise would be noise again; its average over 36 pixels is nearly grey."""
    noise = np.random.default_rng(0).integers(0, 256, (200, 200, 3), np.uint8)
    assert decode.resize(noise, ImageSpec(32)).std() < noise.std() / 5


def test_enlarging_does_not_overshoot() -> None:
    edge = np.full((8, 8, 3), 50, np.uint8)
    edge[:, 4:] = 200
    large = decode.resize(edge, ImageSpec(64))
    assert large.min() == 50 and large.max() == 200 and len(np.unique(large)) > 2


@pytest.mark.parametrize(
    "frame",
    [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 4), np.uint8), np.zeros((4, 4, 3)), np.zeros((0, 4, 3), np.uint8), []],
)
def test_what_is_no_frame_is_refused(frame: np.ndarray) -> None:
    with pytest.raises(BadData, match="expected uint8"):
        decode.resize(frame, ImageSpec(8))


def test_paths_that_cannot_be_read_say_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "photo.jpg"
    for missing in (file, tmp_path / "no" / "folder.jpg"):
        with pytest.raises(MissingInput, match="no such file"):
            decode.decode(missing)
    file.write_bytes(b"")
    with pytest.raises(MissingInput):
        decode.decode(file / "below-a-file.jpg")
    assert reason(file) == f"{file}: 0 bytes"
    assert reason(b"") == "image data: 0 bytes"
    assert reason(tmp_path) == f"{tmp_path}: a folder, not an image file"
    assert "cannot be read" in reason("a\0b.jpg")
    file.write_text("GIMP is no image")
    assert "not an image of a known format" in reason(file)
    assert reason(encoded(photograph(), "JPEG2000")) == "image data: JPEG 2000, which is not read here"
    # A test that runs as root may read every file, so the refusal is played.
    monkeypatch.setattr(Path, "read_bytes", raising(PermissionError(13, "Permission denied")))
    assert reason(file) == f"{file}: cannot be read (Permission denied)"


def test_a_file_too_large_for_an_image_is_not_read(tmp_path: Path) -> None:
    file = tmp_path / "film.jpg"
    with file.open("wb") as sparse:
        sparse.truncate(10**12)
    assert reason(file) == f"{file}: 1000000 MB, too large for an image"


def test_a_pipe_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    said: list[str] = []
    reader = threading.Thread(target=lambda: said.append(reason(tmp_path / "pipe.jpg")), daemon=True)
    reader.start()
    reader.join(timeout=10)
    assert said == [f"{tmp_path / 'pipe.jpg'}: a device, pipe or socket, not an image file"]


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("kind", KINDS)
def test_a_truncated_file_is_refused(kind: str, share: float) -> None:
    content = encoded(photograph(), kind)
    reason(content[: int(share * len(content))])


def test_the_end_of_an_embedded_thumbnail_is_not_the_end_of_the_jpeg() -> None:
    exif = Image.Exif()
    exif[0x010E] = "thumbnail"
    thumbnail = encoded(photograph(16, 16), "JPEG")
    content = encoded(photograph(), "JPEG", exif=exif.tobytes() + thumbnail)
    assert content.count(b"\xff\xd9") == 2
    assert reason(content[:-2]) == "image data: truncated JPEG"
    assert difference(decode.decode(content + b"what a phone appends"), photograph()) < 2


def test_a_damaged_jpeg_is_refused() -> None:
    content = bytearray(encoded(photograph(), "JPEG"))
    content[content.index(b"\xff\xda") + 5] = 99  # the scan refers to a component that there is not
    assert reason(bytes(content)) == "image data: cannot be decoded as JPEG (OpenCV found no pixels)"


@pytest.mark.parametrize(("error", "said"), [(cv2.error("two\nlines"), "two lines"), (MemoryError(), "MemoryError")])
def test_a_decoders_own_words_fit_one_line(error: Exception, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cv2, "imdecode", raising(error))
    assert reason(encoded(photograph(), "JPEG")) == f"image data: cannot be decoded as JPEG ({said})"


def test_a_huge_image_is_refused_by_its_header_without_a_warning() -> None:
    started = time.thread_time()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert reason(png_header(65000, 65000)) == "image data: 65000x65000 pixels, more than 100 million"
        assert "12000x12000 pixels" in reason(png_header(12000, 12000))  # where Image.open only warns
        assert "more than" not in reason(png_header(10000, 10))
    # 1 ms of processor time and no allocation; writing 12 GB of pixels takes seconds
    assert time.thread_time() - started < 1


@pytest.mark.filterwarnings("ignore")  # Pillow's remarks on damaged EXIF
@pytest.mark.parametrize("kind", KINDS)
def test_no_bytes_raise_anything_but_an_error_of_ours(kind: str) -> None:
    random = np.random.default_rng(0)
    content = turned(photograph(24, 16), 6, kind)
    read = 0
    for _ in range(200):
        mutant = bytearray(content)
        for position in random.integers(len(mutant), size=random.integers(1, 5)):
            mutant[position] = random.integers(256)
        del mutant[random.integers(len(mutant)) : random.integers(8 * len(mutant))]
        try:
            pixels = decode.decode(bytes(mutant), min_side=8)
        except TlpipeError as error:
            assert "\n" not in error.what
        else:
            read += 1
            assert pixels.dtype == np.uint8 and pixels.ndim == 3 and pixels.shape[2] == 3
    assert read < 200
