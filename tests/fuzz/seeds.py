"""Sound documents to start from: those of tests/data, and small images and lists that are made here."""

import io
import shutil
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
from PIL import Image

DATA = Path(__file__).parents[1] / "data"
OLD = DATA / "before_rooms"
"""A run, a bundle and benchmarks of version 0.1.0."""
DRAWN = DATA / "bundle"


def copied(source: Path, folder: Path) -> Path:
    """A copy of a folder, to change."""
    return Path(shutil.copytree(source, folder / source.name))


def picture(width: int = 24, height: int = 16) -> Image.Image:
    """Smooth, in all colours."""
    y, x = np.mgrid[0:height, 0:width] / [[[height]], [[width]]]
    return Image.fromarray((255 * np.stack([x, y, x * y], axis=-1)).astype(np.uint8))


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def images_in(folder: Path) -> Path:
    """The files of ``photographs`` in a folder."""
    for name, content in photographs().items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    return folder


def photographs() -> dict[str, bytes]:
    """Four different images of each of two classes: cat/0.jpg to dog/3.jpg."""
    sizes = enumerate((f"{label}/{number}.jpg" for label in ("cat", "dog") for number in range(4)), 8)
    return {name: encoded(picture(size, 8), "JPEG") for size, name in sizes}


def compiled_once() -> None:
    """Let Jinja keep the code of a template: it compiles it for each page, which takes most of the time."""
    known: dict[tuple[object, ...], Any] = {}
    compiled = jinja2.Environment.compile

    def kept(self: jinja2.Environment, source: Any, *arguments: Any, **named: Any) -> Any:
        key = source, self.autoescape, self.trim_blocks, arguments, *named.items()
        if key not in known:
            known[key] = compiled(self, source, *arguments, **named)
        return known[key]

    jinja2.Environment.compile = kept  # type: ignore[method-assign]
