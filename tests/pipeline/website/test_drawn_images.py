"""The images of the self-test: drawn, small, and of shapes that use each step of the resize."""

import io

import numpy as np
import pytest
from PIL import Image

from tlpipe.website.drawn_images import SHAPES, VARIANTS, drawn

MAX_BYTES = 120_000
"""Of all six at 224 pixels: they are part of the first visit."""


@pytest.mark.parametrize("size", [32, 48, 224, 1024])
def test_each_shape_in_its_variants(size: int) -> None:
    for shape in SHAPES:
        images = list(drawn(shape, size))
        assert len(set(images)) == VARIANTS and images == list(drawn(shape, size))
        for content in images:
            image = Image.open(io.BytesIO(content))
            assert image.format == "PNG" and image.mode == ("L" if shape.grey else "RGB")
            assert image.size == shape.pixels(size) and max(image.size) <= max(1000, size)
            assert image.getexif().get(274, 1) == shape.orientation
            assert np.asarray(image).std() > 10


def test_the_shapes_use_each_step_of_the_resize() -> None:
    sizes = [shape.pixels(224) for shape in SHAPES]

    assert (224, 224) in sizes
    assert any(min(pair) >= 2 * 224 for pair in sizes) and any(max(pair) < 224 for pair in sizes)
    assert any(min(pair) > 224 and max(pair) < 2 * 224 for pair in sizes)
    assert any(width > height for width, height in sizes) and any(width < height for width, height in sizes)
    assert any(shape.grey for shape in SHAPES) and any(shape.orientation != 1 for shape in SHAPES)


def test_they_are_small() -> None:
    largest = [max(map(len, drawn(shape, 224))) for shape in SHAPES]

    assert sum(largest) <= MAX_BYTES
