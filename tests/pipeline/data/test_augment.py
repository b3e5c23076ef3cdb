"""The augmented views: seeded by the photograph, not by the order of reading."""

import hashlib
import io

import numpy as np
import pytest
from PIL import Image

from tlpipe.data.augment import View
from tlpipe_edge.contract.manifest import Crop, ImageSpec
from tlpipe_edge.errors import BadData
from tlpipe_edge.images import decode


def photograph(width: int = 120, height: int = 90) -> bytes:
    pixels = np.random.default_rng(0).integers(0, 256, (height // 10, width // 10, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).resize((width, height), Image.Resampling.BICUBIC).save(buffer, "PNG")
    return buffer.getvalue()


CONTENT = photograph()
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.mark.parametrize("crop", Crop)
def test_the_first_view_is_what_the_device_sees(crop: Crop) -> None:
    spec = ImageSpec(96, crop)

    np.testing.assert_array_equal(View(0, seed=9).pixels(CONTENT, spec, sha256=SHA256), decode.load(CONTENT, spec))


@pytest.mark.parametrize("crop", Crop)
def test_a_view_is_the_same_each_time_and_no_other(crop: Crop) -> None:
    spec = ImageSpec(96, crop)
    seen = [View(number, seed).pixels(CONTENT, spec, sha256=SHA256) for number in range(4) for seed in range(3)]
    again = [View(number, seed).pixels(CONTENT, spec, sha256=SHA256) for number in range(4) for seed in range(3)]

    np.testing.assert_array_equal(seen, again)
    assert all(picture.shape == (96, 96, 3) and picture.dtype == np.uint8 for picture in seen)
    assert len({picture.tobytes() for picture in seen}) == 1 + 3 * 3  # view 0 does not depend on the seed


def test_each_photograph_has_randomness_of_its_own() -> None:
    other = hashlib.sha256(b"another").hexdigest()
    view, spec = View(1), ImageSpec(96)

    assert (view.pixels(CONTENT, spec, sha256=SHA256) != view.pixels(CONTENT, spec, sha256=other)).any()


def test_views_stay_near_the_photograph() -> None:
    """Colours change by 15 % at most, and nothing but the photograph is in the picture."""
    plain = View().pixels(CONTENT, ImageSpec(96), sha256=SHA256).astype(float)
    for number in range(1, 20):
        picture = View(number).pixels(CONTENT, ImageSpec(96), sha256=SHA256).astype(float)
        # 19 levels of brightness at most, and what the crop leaves out of a picture this small
        assert abs(picture.mean() - plain.mean()) < 19 + 15


@pytest.mark.parametrize("crop", Crop)
@pytest.mark.parametrize(("width", "height"), [(20, 10), (10, 20), (300, 10)])
def test_the_smallest_pictures_have_views_too(crop: Crop, width: int, height: int) -> None:
    content = photograph(width, height)

    assert View(1).pixels(content, ImageSpec(96, crop), sha256=SHA256).shape == (96, 96, 3)


@pytest.mark.parametrize("number", [0, 1])
def test_what_cannot_be_read_has_no_views(number: int) -> None:
    with pytest.raises(BadData):
        View(number).pixels(b"text", ImageSpec(96), sha256=SHA256)
