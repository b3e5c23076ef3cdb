"""The page's resize gives the pixels of the device's, all of them."""

import json
import random
from pathlib import Path

import numpy as np
from javascript import needs_node, run
from photographs import needs_real, real

from tlpipe_edge.contract.manifest import Crop, ImageSpec
from tlpipe_edge.images import decode

pytestmark = needs_node
SIZES = (1, 7, 32, 64, 96, 160, 224, 320)


def generated(number: int) -> tuple[np.ndarray, ImageSpec]:
    """An image of noise, of stripes or of a gradient, up to 400 pixels long, a few larger; RGB or RGBA."""
    chance = random.Random(number)
    longest = 1600 if number % 20 == 0 else 400
    width, height = chance.randint(1, longest), chance.randint(1, longest)
    spec = ImageSpec(chance.choice(SIZES), tuple(Crop)[number % 3])
    if number % 10 == 1:  # exactly a whole number of times the size, or one pixel beside it
        width = max(1, spec.size * chance.randint(1, 3) + chance.randint(-1, 1))
    if number % 10 == 2:
        height = width
    channels = 3 + number % 2
    noise = np.random.default_rng(number).integers(0, 256, (height, width, channels), np.uint8)
    if number % 4 == 2:
        noise[:] = (np.arange(width)[None, :, None] * 255 // max(1, width - 1)).astype(np.uint8)
    if number % 4 == 3:
        noise[:] = 255 * (np.indices((height, width)).sum(axis=0)[..., None] % 2).astype(np.uint8)
    return noise, spec


def compare(images: list[tuple[np.ndarray, ImageSpec]], folder: Path) -> None:
    cases = []
    for number, (pixels, spec) in enumerate(images):
        height, width, channels = pixels.shape
        (folder / f"{number}.raw").write_bytes(pixels.tobytes())
        cases.append({"width": width, "height": height, "channels": channels, "size": spec.size, "crop": spec.crop})
    (folder / "cases.json").write_text(json.dumps(cases), "utf-8")
    run("resize.js", folder)
    for number, (pixels, spec) in enumerate(images):
        ours = np.frombuffer((folder / f"{number}.resized").read_bytes(), np.uint8)
        device = decode.resize(np.ascontiguousarray(pixels[:, :, :3]), spec)
        differing = int((ours.reshape(device.shape) != device).any(axis=2).sum())
        assert differing == 0, f"{differing} pixels of {cases[number]}"


def test_generated_images(tmp_path: Path) -> None:
    compare([generated(number) for number in range(360)], tmp_path)


def test_blocks_of_all_factors(tmp_path: Path) -> None:
    """A mean that lies between two integers is rounded to the even one, or up for blocks of 2 x 2."""
    noise = np.random.default_rng(0).integers(0, 256, (97, 131, 3), np.uint8)
    crops = [noise[:height, :width] for height in (16, 17, 31, 33, 48, 97) for width in (16, 31, 32, 50, 64, 131)]
    compare([(crop, ImageSpec(16, way)) for crop in crops for way in Crop], tmp_path)


@needs_real
def test_real_photographs(tmp_path: Path) -> None:
    """Whole, and as the device decodes them for a model."""
    images = []
    for number, file in enumerate(real(60)):
        spec = ImageSpec((96, 160, 224)[number // 3 % 3], tuple(Crop)[number % 3])
        min_side = decode.needed(spec) if number % 2 else None
        images.append((decode.decode(file.read_bytes(), min_side=min_side), spec))
    compare(images, tmp_path)
