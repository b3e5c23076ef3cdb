"""The page decodes a JPEG, whole or at a fraction, to the pixels of the device, or leaves it to the browser."""

import io
import random
from pathlib import Path

import cv2
import numpy as np
import pytest
from javascript import needs_node, run
from photographs import needs_real, real
from PIL import Image

from tlpipe_edge.errors import BadData
from tlpipe_edge.images import decode

pytestmark = needs_node
FACTORS = (1, 2, 4, 8)


def image(number: int, size: tuple[int, int]) -> Image.Image:
    """Smooth or rough, with colours up to the edges of the range, where a decoder has to clip."""
    chance = np.random.default_rng(number)
    width, height = size
    noise = chance.integers(0, 256, (height, width, 3), np.uint8)
    smooth = cv2.GaussianBlur(noise, (0, 0), 1 + number % 5)
    stretched = np.clip((smooth.astype(float) - 128) * (1 + number % 7) + 128, 0, 255)
    return Image.fromarray(stretched.astype(np.uint8))


def saved(picture: Image.Image, **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", **options)
    return buffer.getvalue()


def device(content: bytes, factor: int) -> np.ndarray:
    """As the device decodes it at this fraction."""
    with Image.open(io.BytesIO(content)) as opened:
        short = min(opened.size) // factor
    return decode.decode(content, min_side=short)


def decoded(files: dict[str, bytes], folder: Path) -> dict[str, bytes]:
    for name, content in files.items():
        (folder / f"{name}.jpg").write_bytes(content)
    run("jpeg.js", folder)
    return {name: (folder / f"{name}.raw").read_bytes() for name in files}


def check(files: dict[str, bytes], folder: Path) -> None:
    for name, raw in decoded(files, folder).items():
        expected = device(files[name], int(name[-1]))
        assert np.array_equal(np.frombuffer(raw, np.uint8).reshape(expected.shape), expected), name


def test_what_cameras_write(tmp_path: Path) -> None:
    files = {}
    for number in range(120):
        chance, factor = random.Random(number), FACTORS[number // 3 % 4]
        size = chance.randint(8 * factor, 300), chance.randint(8 * factor, 300)
        if factor == 1 and number % 2:
            size = chance.randint(1, 9), chance.randint(1, 9)
        options = {"quality": chance.choice((10, 50, 75, 90, 100)), "subsampling": number % 3}
        if number % 4 == 3:
            options |= {"progressive": True, "quality": min(50, options["quality"])}
        if number % 8 in (1, 3):
            options["restart_marker_blocks"] = chance.randint(1, 9)
        if number % 4 == 2:  # codes of its own; Pillow's buffer is too small for a better quality
            options |= {"optimize": True, "quality": min(50, options["quality"])}
        picture = image(number, size)
        files[f"{number}-{factor}"] = saved(picture.convert("L") if number % 5 == 4 else picture, **options)
    check(files, tmp_path)


def test_a_photograph_of_a_phone(tmp_path: Path) -> None:
    """12 million pixels, with a thumbnail and a colour profile in front."""
    rough = image(0, (252, 189)).resize((4032, 3024), Image.Resampling.BICUBIC)
    exif = Image.Exif()
    exif[0x0112] = 1
    content = saved(rough, quality=88, exif=exif, icc_profile=bytes(3000), comment=b"\xff\xd9")
    check({"phone-8": content}, tmp_path)


@needs_real
def test_real_photographs(tmp_path: Path) -> None:
    files = {f"{number}-{FACTORS[number % 4]}": file.read_bytes() for number, file in enumerate(real(80))}
    check(files, tmp_path)


@pytest.mark.parametrize(("mode", "options"), [("CMYK", {}), ("RGB", {"keep_rgb": True})])
def test_other_kinds_are_left_to_the_browser(mode: str, options: dict[str, object], tmp_path: Path) -> None:
    content = saved(image(1, (128, 96)).convert(mode), **options)
    assert decoded({"other-2": content}, tmp_path) == {"other-2": b""}


def test_a_progressive_jpeg_without_its_last_scan(tmp_path: Path) -> None:
    """Libjpeg would guess what is missing, so it is left to the browser."""
    content = saved(image(3, (120, 90)), quality=50, progressive=True)
    missing = content[: content.rindex(b"\xff\xda")] + b"\xff\xd9"
    assert decoded({"missing-1": missing, "whole-1": content}, tmp_path)["missing-1"] == b""
    assert (tmp_path / "whole-1.raw").stat().st_size == 120 * 90 * 3


@pytest.mark.parametrize("progressive", [False, True])
def test_damaged(progressive: bool, tmp_path: Path) -> None:
    """It is left to the browser, or has the pixels of the device."""
    content = saved(image(2, (160, 120)), quality=50, restart_marker_blocks=5, progressive=progressive)
    start = content.index(b"\xff\xda") + 14
    files = {}
    for number in range(300):
        chance, changed = random.Random(number), bytearray(content)
        for _ in range(chance.randint(1, 3)):
            changed[chance.randrange(2 if number % 3 == 0 else start, len(changed))] = chance.randrange(256)
        files[f"{number}-{1 + number % 2}"] = bytes(
            changed[: chance.randrange(len(changed))] if number % 7 == 0 else changed
        )
    found = decoded(files, tmp_path)
    whole = {name for name, raw in found.items() if raw}
    assert 50 < len(whole) < 250
    for name in whole:
        try:
            expected = device(files[name], int(name[-1]))
        except (BadData, OSError):  # the end marker is missing, which decode.js looks for
            continue
        assert np.array_equal(np.frombuffer(found[name], np.uint8).reshape(expected.shape), expected), name
