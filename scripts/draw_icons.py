"""Draw the icons of the page of ``tlpipe web``, below web/icons: a lens, and the bars of its scores.

``icon-*`` are rounded squares. ``maskable-512`` has no corners of its own: the system cuts them off, but never the
circle of 80 % of its width that holds the drawing (W3C Web Application Manifest, "Icon masks").
"""

from pathlib import Path

from PIL import Image, ImageDraw

ICONS = Path(__file__).parents[1] / "web/icons"
GROUND, RING, BEST, REST = "#1668c7", "#ffffff", "#ffffff", "#93b7e0"
DRAWN = 2048
"""Pixels of a side as it is drawn; reducing it smooths the edges."""


def draw(size: int, *, maskable: bool = False) -> Image.Image:
    """An RGBA icon (size, size); the corners are transparent, unless it is ``maskable``."""
    image = Image.new("RGBA", (DRAWN, DRAWN), (0, 0, 0, 0))
    pen = ImageDraw.Draw(image)
    pen.rounded_rectangle((0, 0, DRAWN - 1, DRAWN - 1), 0 if maskable else DRAWN * 0.22, fill=GROUND)
    unit = DRAWN / 2 * (0.7 if maskable else 0.8)

    def box(left: float, top: float, right: float, bottom: float) -> tuple[float, float, float, float]:
        """A box in pixels; -1 to 1 is the width of the drawing."""
        middle = DRAWN / 2
        return (middle + left * unit, middle + top * unit, middle + right * unit, middle + bottom * unit)

    pen.ellipse(box(-0.95, -0.95, 0.95, 0.95), outline=RING, width=round(0.17 * unit))
    for top, right, colour in ((-0.36, 0.48, BEST), (-0.06, 0.06, REST), (0.24, -0.22, REST)):
        pen.rounded_rectangle(box(-0.48, top, right, top + 0.16), 0.08 * unit, fill=colour)
    return image.resize((size, size), Image.Resampling.BOX)


def main() -> None:
    ICONS.mkdir(parents=True, exist_ok=True)
    for name, size, maskable in (("icon-192", 192, False), ("icon-512", 512, False), ("maskable-512", 512, True)):
        image = draw(size, maskable=maskable)
        (image.convert("RGB") if maskable else image).save(ICONS / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main()
