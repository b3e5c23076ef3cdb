"""Images that are drawn, so that a page can prove itself without anybody's photographs.

They have other shapes than the input of the model, larger and smaller, so that each step of the resize is used.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from PIL import ExifTags, Image, ImageDraw

VARIANTS = 6
"""Images of the same shape with other content, among which one is chosen."""
MAX_UNIT = 320
"""Side of an input in pixels beyond which the images do not grow: they are downloaded."""

_PALETTES = (
    ((250, 240, 225), (205, 92, 60), (40, 62, 92)),
    ((28, 40, 46), (240, 196, 72), (120, 190, 170)),
    ((222, 232, 240), (38, 120, 68), (180, 60, 120)),
    ((244, 220, 190), (96, 56, 24), (250, 250, 250)),
    ((16, 22, 60), (230, 70, 66), (90, 150, 240)),
    ((200, 205, 198), (20, 20, 20), (240, 150, 30)),
)
"""Background, shape, and the colour into which the background fades."""

Colour = tuple[int, int, int]


@dataclass(frozen=True)
class Shape:
    """An image of ``width`` x ``height`` times the input of the model; ``grey``, or stored turned by an EXIF
    ``orientation``."""

    width: float
    height: float
    grey: bool = False
    orientation: int = 1

    def pixels(self, size: int) -> tuple[int, int]:
        """Width and height in pixels, odd unless they are those of the input."""
        unit = min(size, MAX_UNIT)
        width, height = (int(factor * unit) for factor in (self.width, self.height))
        return (width, height) if self.width == self.height == 1 else (width | 1, height | 1)


SHAPES = (
    Shape(1, 1),
    Shape(3.1, 2.2),
    Shape(1.2, 1.5),
    Shape(0.6, 0.8),
    Shape(1.4, 1.4, grey=True),
    Shape(2.5, 1.8, orientation=6),
)


def drawn(shape: Shape, size: int) -> Iterator[bytes]:
    """Images of this shape, as PNG, for a model of ``size`` pixels: always the same."""
    for variant in range(VARIANTS):
        yield _encoded(_image(variant + SHAPES.index(shape), *shape.pixels(size)), shape)


def _encoded(image: Image.Image, shape: Shape) -> bytes:
    exif = Image.Exif()
    if shape.orientation != 1:
        exif[ExifTags.Base.Orientation] = shape.orientation
    stream = BytesIO()
    (image.convert("L") if shape.grey else image).save(stream, "PNG", optimize=True, exif=exif)
    return stream.getvalue()


def _image(number: int, width: int, height: int) -> Image.Image:
    """Something of a few colours on a background that fades from left to right, which PNG stores in little."""
    background, colour, faded = _PALETTES[number % len(_PALETTES)]
    ramp = np.linspace(background, faded, width).astype(np.uint8)
    image = Image.fromarray(np.broadcast_to(ramp, (height, width, 3)).copy())
    _DRAWINGS[number % len(_DRAWINGS)](ImageDraw.Draw(image), width, height, colour)
    return image


def _rings(draw: ImageDraw.ImageDraw, width: int, height: int, colour: Colour) -> None:
    for part in (0.1, 0.25, 0.4):
        box = (part * width, part * height, (1 - part) * width, (1 - part) * height)
        draw.ellipse(box, outline=colour, width=max(1, min(width, height) // 20))


def _bars(draw: ImageDraw.ImageDraw, width: int, height: int, colour: Colour) -> None:
    for left in range(1, 9, 2):
        draw.rectangle((left * width / 9, height / 8, (left + 1) * width / 9, height * 7 / 8), fill=colour)


def _cross(draw: ImageDraw.ImageDraw, width: int, height: int, colour: Colour) -> None:
    thick = max(1, min(width, height) // 10)
    draw.line((width / 8, height / 8, width * 7 / 8, height * 7 / 8), fill=colour, width=thick)
    draw.line((width / 8, height * 7 / 8, width * 7 / 8, height / 8), fill=colour, width=thick)


def _shirt(draw: ImageDraw.ImageDraw, width: int, height: int, colour: Colour) -> None:
    outline = (0.3, 0.2, 0.7, 0.2, 0.9, 0.4, 0.8, 0.5, 0.7, 0.42, 0.7, 0.85, 0.3, 0.85, 0.3, 0.42, 0.2, 0.5, 0.1, 0.4)
    draw.polygon([part * (height if at % 2 else width) for at, part in enumerate(outline)], fill=colour)


def _checks(draw: ImageDraw.ImageDraw, width: int, height: int, colour: Colour) -> None:
    for row in range(6):
        for column in range(row % 2, 6, 2):
            box = (column * width / 6, row * height / 6, (column + 1) * width / 6, (row + 1) * height / 6)
            draw.rectangle(box, fill=colour)


def _disc(draw: ImageDraw.ImageDraw, width: int, height: int, colour: Colour) -> None:
    draw.ellipse((width * 0.2, height * 0.2, width * 0.8, height * 0.8), fill=colour)


_DRAWINGS = (_rings, _bars, _cross, _shirt, _checks, _disc)
