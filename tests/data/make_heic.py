"""Makes the HEIC images of ``tests/data/heic``, once, with what the project itself does not need:
``pip install pillow-heif numpy``, then ``python tests/data/make_heic.py``."""

import sys
from pathlib import Path

import numpy as np
import pillow_heif
from PIL import ExifTags, Image, ImageCms

OUT = Path(__file__).parent / "heic"
STORED = {  # how the upright image lies in the file, in Pillow's counter-clockwise words
    3: Image.Transpose.ROTATE_180,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    8: Image.Transpose.ROTATE_270,
}


def main() -> int:
    """Write one file for each property that an image of a phone may have."""
    pillow_heif.register_heif_opener()
    y, x = np.mgrid[0:64, 0:96] / [[[64]], [[96]]]
    colours = (255 * np.stack([x, y, x * y], axis=-1)).astype(np.uint8)
    picture = Image.fromarray(colours)
    OUT.mkdir(exist_ok=True)
    _write("plain", picture)
    _write("profile", picture, icc_profile=ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    for orientation, how in STORED.items():
        exif = Image.Exif()
        exif[ExifTags.Base.Orientation] = orientation
        _write(f"orientation-{orientation}", picture.transpose(how), exif=exif.tobytes())
    _write("grey", picture.convert("L"))
    transparent = picture.copy()
    transparent.putalpha(Image.fromarray(np.where(x < 0.5, 255, 0).astype(np.uint8)))
    _write("alpha", transparent)
    deep = pillow_heif.from_bytes("RGB;16", picture.size, (colours.astype("<u2") * 257).tobytes())
    deep.save(OUT / "10-bit.heic", quality=60)
    first = Image.new("RGB", (64, 64), "white")
    first.save(OUT / "second-is-primary.heic", quality=60, save_all=True, append_images=[picture], primary_index=1)
    return 0


def _write(name: str, image: Image.Image, **metadata: bytes) -> None:
    image.save(OUT / f"{name}.heic", "HEIF", quality=60, **metadata)


if __name__ == "__main__":
    sys.exit(main())
