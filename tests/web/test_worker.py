"""The worker of the page, in a real browser: its scores are those of the device's code."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import drawing
import numpy as np
import pytest
from browser import needs_chromium
from on_worker import Worker, files, working
from page_built import needs_built
from PIL import Image

from tlpipe_edge import Bundle, Classifier

pytestmark = [needs_built, needs_chromium]
BUNDLE = Path(__file__).parents[1] / "data" / "before_rooms" / "bundle"
"""In all number formats."""
LABELS = ("ring", "bars", "cross")
FLOATS = 1e-4
"""Maximum difference of float scores: LiteRT's kernels for WebAssembly add in another order than those for a CPU."""


def twenty_images(folder: Path) -> list[Path]:
    """JPEG and PNG, and an iPhone's: turned by EXIF, its colours in another profile."""
    files = sorted(drawing.photographs(folder / "drawn", LABELS, count=6, seed=5).rglob("*.*"))
    turned, wide = Image.open(files[0]).convert("RGB"), Image.open(files[1]).convert("RGB")
    exif = Image.Exif()
    exif[0x0112] = 6
    turned.transpose(Image.Transpose.ROTATE_90).save(folder / "turned.jpg", exif=exif)
    wide.save(folder / "wide.jpg", icc_profile=other_profile())
    return [*files, folder / "turned.jpg", folder / "wide.jpg"]


def other_profile() -> bytes:
    """A profile that exchanges red and blue: whoever applies it gets other scores."""
    from PIL import ImageCms

    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    red, blue = profile.find(b"rXYZ"), profile.find(b"bXYZ")
    profile[red : red + 4], profile[blue : blue + 4] = b"bXYZ", b"rXYZ"
    return bytes(profile)


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return Bundle.open(BUNDLE)


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return twenty_images(tmp_path_factory.mktemp("images"))


@pytest.fixture
def worker(bundle: Bundle, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Worker]:
    """The worker with the number format that the test names."""
    with working(files(bundle, request.param), profile=tmp_path) as worker:
        assert worker.loaded["type"] == "loaded"
        yield worker


def scores(reply: dict[str, Any]) -> np.ndarray:
    assert reply["type"] == "prediction", reply
    return np.array(reply["scores"], np.float32)


@pytest.mark.parametrize(
    ("worker", "recipe", "tolerance"),
    [("int8", "int8", 0.0), ("float16", "float16", FLOATS), ("float32", "float32", FLOATS)],
    indirect=["worker"],
)
def test_the_scores_are_those_of_the_device(
    worker: Worker, recipe: str, tolerance: float, bundle: Bundle, images: list[Path]
) -> None:
    classifier = Classifier.open(bundle.path, recipe=recipe)
    for file in images:
        device, reply = classifier(file), worker.file(file.read_bytes())
        assert np.abs(scores(reply) - device.scores).max() <= tolerance, file
        assert not reply["approximate"]
        assert set(reply["timings_ms"]) == {"decode", "resize", "invoke", "total"}


@pytest.mark.parametrize("worker", ["int8"], indirect=True)
def test_frames_large_jpegs_and_a_benchmark(worker: Worker, bundle: Bundle, images: list[Path]) -> None:
    classifier = Classifier.open(bundle.path, recipe="int8")
    png = next(file.read_bytes() for file in images if file.suffix == ".png")
    frame = worker.frame(png)
    assert (scores(frame) == classifier(png).scores).all() and "decode" not in frame["timings_ms"]

    with Image.open(images[0]) as image:
        enlarged = image.convert("RGB").resize((1003, 753))
    large, rare = jpeg(enlarged), jpeg(enlarged, keep_rgb=True)
    reply = worker.file(large)
    assert not reply["approximate"]
    assert (scores(reply) == classifier(large).scores).all()
    reply = worker.file(rare)
    assert reply["approximate"]
    assert np.abs(scores(reply) - classifier(rare).scores).max() < 0.1

    measured = worker.bench(300)
    assert measured["type"] == "measured" and measured["figures"]["p50"] > 0 and measured["clock"] > 0
    assert measured["figures"]["runs"] == len(measured["samples"]) and measured["runtime"]["name"] == "LiteRT.js"


def jpeg(image: Image.Image, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=90, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("worker", ["int8"], indirect=True)
def test_what_is_no_image_is_told(worker: Worker, images: list[Path]) -> None:
    """Each one has a kind, a reason and advice; the next image is classified as before."""
    contents = {
        "text": (b"This is a text.", "unreadable"),
        "empty": (b"", "unreadable"),
        "truncated": (jpeg(Image.new("RGB", (90, 70), "red"))[:-40], "unreadable"),
        "damaged": (b"\x89PNG\r\n\x1a\n" + bytes(100), "unreadable"),
        "heic": (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(100), "format"),
        "tiff": (b"II*\0\x08\0\0\0" + bytes(100), "format"),
        "raw": (b"FUJIFILMCCD-RAW " + bytes(100), "format"),
    }
    for name, (content, kind) in contents.items():
        reply = worker.file(content)
        assert (reply["type"], reply["kind"]) == ("error", kind), (name, reply)
        assert reply["reason"].endswith(".") and reply["advice"].endswith(".")
    assert worker.file(images[0].read_bytes())["type"] == "prediction"


def test_a_model_that_is_none(bundle: Bundle, tmp_path: Path) -> None:
    with working({**files(bundle, "int8"), "model.tflite": b"no model"}, profile=tmp_path) as worker:
        assert (worker.loaded["type"], worker.loaded["kind"]) == ("error", "damaged") and worker.loaded["advice"]
