"""Images of all formats but HEIC, whose decoder is written in C and is known to crash (SECURITY.md)."""

import zlib
from pathlib import Path

import numpy as np
from PIL import Image

from fuzz import mutations
from fuzz.loop import Fuzzed
from fuzz.seeds import encoded, picture
from tlpipe_edge.contract.manifest import ImageSpec
from tlpipe_edge.images import decode, formats
from tlpipe_edge.images.source import pixels_of

FEW_PIXELS, RARELY = 1_000_000, 50
"""The limit of most executions: sizes are mutated, too, and a large image takes as long as hundreds of others. One in
fifty has the limit that users have."""
HEIF = next(form for form in formats.FORMATS if form.name == "HEIC")
SPEC = ImageSpec(32)
OTHERS = (("PNG", "P"), ("PNG", "LA"), ("TIFF", "I;16"), ("TIFF", "CMYK"), ("GIF", "P"), ("BMP", "1"), ("JPEG", "L"))


def prepare(folder: Path) -> Fuzzed:
    upright, exif = picture(), Image.Exif()
    exif[0x0112] = 6
    kinds = [name for name in ("JPEG", "PNG", "BMP", "GIF", "WEBP", "TIFF", "AVIF") if name in Image.SAVE]
    seeds = [encoded(upright, kind) for kind in kinds]
    seeds += [encoded(upright, kind, exif=exif) for kind in ("JPEG", "PNG", "WEBP", "TIFF")]
    seeds += [encoded(Image.fromarray(np.zeros((9, 9), np.uint16)) if mode == "I;16" else upright.convert(mode), kind)
              for kind, mode in OTHERS]  # fmt: skip
    seeds += [encoded(upright, "JPEG", progressive=True), encoded(upright, "TIFF", compression="tiff_lzw")]
    file, usual = folder / "image", decode.MAX_PIXELS

    def read(content: bytes) -> None:
        check = zlib.crc32(content)
        decode.MAX_PIXELS = FEW_PIXELS if check % RARELY else usual
        if formats.recognize(content[: formats.HEAD_BYTES]) is HEIF:
            return
        if check % 8 == 0:
            file.write_bytes(content)
        pixels = pixels_of(content if check % 8 else file, min_side=decode.needed(SPEC) if check % 3 else None)
        assert pixels.dtype == np.uint8 and pixels.ndim == 3 and pixels.shape[2] == 3
        assert decode.resize(pixels, SPEC).shape == (32, 32, 3)

    return Fuzzed(read, seeds, mutations.one_of(mutations.octets(), mutations.octets(), mutations.png_chunks))
