"""A real browser decodes files, with the page's code around it, to the pixels of the device."""

import base64
import io
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from browser import Browser, chromium, needs_chromium
from fake_site import Server, served
from javascript import WEB
from PIL import Image, features

from tlpipe_edge.images import decode

ESBUILD = WEB / "node_modules" / ".bin" / "esbuild"
PAGE = Path(__file__).parent / "decode_page"
pytestmark = [needs_chromium, pytest.mark.skipif(not ESBUILD.exists(), reason="run make web-runtime")]
WIDTH, HEIGHT = 93, 61
CHANCE = np.random.default_rng(0)
NOISE = cv2.GaussianBlur(CHANCE.integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8), (5, 5), 0)
ALPHA = CHANCE.integers(0, 256, (HEIGHT, WIDTH, 1), np.uint8)
DEEP = CHANCE.integers(0, 65536, (HEIGHT, WIDTH, 4), np.uint16)
RGB = Image.fromarray(NOISE)
RGBA = Image.fromarray(np.concatenate([NOISE, ALPHA], axis=2))
CLEAR = Image.fromarray(np.concatenate([NOISE, np.zeros_like(ALPHA)], axis=2))
PALETTE = RGB.convert("P")


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def files() -> dict[str, bytes]:
    """Files whose pixels are equal."""
    found = {
        f"png-{mode}": saved((RGBA if "A" in mode else RGB).convert(mode), "PNG")
        for mode in ("RGB", "RGBA", "L", "LA", "P", "1")
    }
    found |= {f"bmp-{mode}": saved(RGB.convert(mode), "BMP") for mode in ("RGB", "L", "P", "1")}
    found |= {f"jpeg-{each}": saved(RGB, "JPEG", quality=90, subsampling=each) for each in (0, 1, 2)}
    found |= {f"png-16-{each}": cv2.imencode(".png", DEEP[..., :each])[1].tobytes() for each in (1, 3, 4)}
    found |= {
        "png-palette-transparent": saved(PALETTE, "PNG", transparency=bytes(CHANCE.integers(0, 256, 256, np.uint8))),
        "png-colour-transparent": saved(RGB, "PNG", transparency=tuple(map(int, NOISE[0, 0]))),
        "gif": saved(PALETTE, "GIF"),
        "gif-transparent": saved(PALETTE, "GIF", transparency=3),
        "gif-animated": saved(RGB, "GIF", save_all=True, append_images=[RGB.rotate(90)]),
        "webp": saved(RGB, "WEBP", quality=90),
        "webp-lossless": saved(RGB, "WEBP", lossless=True),
        "webp-transparent": saved(RGBA, "WEBP", lossless=True, exact=True),
        "jpeg-grey": saved(RGB.convert("L"), "JPEG"),
        "jpeg-progressive": saved(RGB, "JPEG", progressive=True),
    }
    if features.check("avif"):
        found["avif"] = saved(RGB, "AVIF", quality=90)
    for orientation in range(2, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        found |= {f"{kind}-{orientation}": saved(RGB, kind, exif=exif) for kind in ("JPEG", "PNG", "WEBP")}
    return found


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The page with the decoder, to put files beside."""
    script = tmp_path_factory.mktemp("decode") / "decode.js"
    options = ["--bundle", "--format=iife", "--global-name=images", "--log-level=error"]
    subprocess.run([ESBUILD, WEB / "src" / "images" / "decode.js", *options, f"--outfile={script}"], check=True)
    with served({file.name: file.read_bytes() for file in (script, *PAGE.iterdir())}) as server:
        yield server


@pytest.fixture(scope="module")
def browser(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with chromium(tmp_path_factory.mktemp("profile")) as browser:
        browser.open(server.url)
        browser.wait("typeof decodeFile === 'function'")
        yield browser


def decoded(browser: Browser, server: Server, name: str, content: bytes, *, size: int = WIDTH) -> dict[str, Any]:
    server.files[name] = content
    browser.value(f"void decodeFile({json.dumps(name)}, {size})")
    browser.wait(f"results[{json.dumps(name)}] !== undefined")
    return dict(browser.value(f"results[{json.dumps(name)}]"))


def pixels(found: dict[str, Any]) -> np.ndarray:
    assert "rgb" in found, found
    flat = np.frombuffer(base64.b64decode(found["rgb"]), np.uint8)
    return flat.reshape(found["height"], found["width"], 3)


def test_equal_pixels(browser: Browser, server: Server) -> None:
    for name, content in files().items():
        found = decoded(browser, server, name, content)
        device = decode.decode(content)
        assert np.array_equal(pixels(found), device), name
        with Image.open(io.BytesIO(content)) as image:
            assert found["approximate"] == (name == "avif" or image.has_transparency_data), name


def test_equal_pixels_of_large_jpegs(browser: Browser, server: Server) -> None:
    """The device decodes them at a fraction of their size, and turns them then."""
    exif = Image.Exif()
    exif[0x0112] = 6
    large = Image.fromarray(cv2.resize(NOISE, (1003, 753), interpolation=cv2.INTER_CUBIC))
    content = saved(large, "JPEG", quality=90, exif=exif)
    for size in (90, 150, 300):
        found = decoded(browser, server, f"camera-{size}", content, size=size)
        assert np.array_equal(pixels(found), decode.decode(content, min_side=size)) and not found["approximate"]


def test_nearly_equal_pixels(browser: Browser, server: Server) -> None:
    """As decode.js says it: large JPEGs that store RGB, and CMYK."""
    large = Image.fromarray(cv2.resize(NOISE, (1003, 753), interpolation=cv2.INTER_CUBIC))
    for size in (100, 200):
        content = saved(large, "JPEG", quality=90, keep_rgb=True)
        found = decoded(browser, server, f"large-{size}", content, size=size)
        difference = np.abs(pixels(found).astype(int) - decode.decode(content, min_side=size))
        assert found["approximate"] and difference.mean() < 0.6 and difference.max() <= 4
    content = saved(RGB.convert("CMYK"), "JPEG")
    found = decoded(browser, server, "cmyk", content)
    assert found["approximate"]
    assert np.abs(pixels(found).astype(int) - decode.decode(content)).max() <= 2


def test_refused(browser: Browser, server: Server) -> None:
    found = decoded(browser, server, "clear", saved(CLEAR, "PNG"))
    assert found["kind"] == "unreadable" and "transparent" in found["reason"] and found["advice"]
    huge = decoded(browser, server, "huge", saved(RGB, "PNG")[:16] + b"\0\1\0\0" * 2 + bytes(100))
    assert huge["kind"] == "unreadable" and "million" in huge["reason"]
