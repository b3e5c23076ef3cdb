"""The page of ``tlpipe web`` with its real worker gives the scores of the device, through its own file input."""

import io
from collections.abc import Iterator
from pathlib import Path

import cv2
import drawing
import numpy as np
import pytest
from browser import FAKE_CAMERA, Browser, chromium, needs_chromium
from fake_site import served
from on_page import SPY, click, messages, opened, text
from page_built import needs_built
from photographs import photographs
from PIL import Image

from tlpipe_edge.classify.classifier import Classifier
from tlpipe_edge.contract.bundle import Bundle

site = pytest.importorskip("tlpipe.website.site")
pytestmark = [needs_chromium, needs_built]

BUNDLE = Path(__file__).parents[1] / "data/bundle"
MINIMUM_RATE = 15
"""Half of what the camera gives: other tests use this machine, too. browser_fidelity.py measures the rate."""
ANSWERS = "answers.slice({}).map(({{ scores, approximate }}) => ({{ scores: [...scores], approximate }}))"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with chromium(tmp_path_factory.mktemp("profile"), *FAKE_CAMERA) as started:
        started.look(width=1280, height=800)
        started("Page.addScriptToEvaluateOnNewDocument", source=SPY)
        yield started


@pytest.fixture(scope="module")
def other_backbone(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """An EfficientNet-Lite0 that has seen a few drawings."""
    tlpipe = pytest.importorskip("tlpipe", reason="the workstation is not installed")
    folder = tmp_path_factory.mktemp("lite")
    drawn = drawing.photographs(folder / "drawn", ("a", "b", "c"), count=8)
    brief = tlpipe.Head(epochs=1)
    training = tlpipe.Training(
        weights="none", backbone="efficientnet_lite0", image_size=64, views=1, batch_size=8, head=brief
    )
    run = tlpipe.train(drawn, training, out=folder / "run")
    exported: Bundle = tlpipe.export(run, ["int8"], out=folder / "lite")
    return exported


@pytest.mark.parametrize("backbone", ["mobilenet_v2", "efficientnet_lite0"])
def test_scores_are_those_of_the_device(
    browser: Browser, tmp_path: Path, backbone: str, request: pytest.FixtureRequest
) -> None:
    bundle = Bundle.open(BUNDLE) if backbone == "mobilenet_v2" else request.getfixturevalue("other_backbone")
    assert bundle.manifest.provenance.backbone == backbone
    with served(site.build(bundle).files) as server:
        opened(browser, server)
        assert (text(browser, "status"), messages(browser), browser.errors) == ("Same as the device: 6 of 6", [], [])

        files = photographs(tmp_path)
        tests = browser.value("answers.length")
        browser.choose("files", *files)
        browser.wait(f"answers.length === {tests + len(files)}")
        found = browser.value(ANSWERS.format(tests))
        classifier = Classifier.open(bundle.path)
        for file, answer in zip(files, found, strict=True):
            assert answer["approximate"] == (file.suffix == ".png" and has_alpha(file))
            np.testing.assert_array_equal(np.float32(answer["scores"]), classifier(file).scores, file.name)


def has_alpha(file: Path) -> bool:
    with Image.open(file) as image:
        return image.has_transparency_data


@pytest.mark.parametrize("progressive", [False, True])
def test_large_jpegs_are_the_same(browser: Browser, tmp_path: Path, progressive: bool) -> None:
    noise = cv2.resize(np.random.default_rng(1).integers(0, 256, (12, 16, 3), np.uint8), (1600, 1200))
    file = tmp_path / "large.jpg"
    Image.fromarray(noise).save(file, quality=95, progressive=progressive)
    with served(site.build(Bundle.open(BUNDLE)).files) as server:
        opened(browser, server)
        tests = browser.value("answers.length")
        browser.choose("files", file)
        browser.wait(f"answers.length === {tests + 1}")
        (answer,) = browser.value(ANSWERS.format(tests))
        assert not answer["approximate"]
        np.testing.assert_array_equal(np.float32(answer["scores"]), Classifier.open(BUNDLE)(file).scores)
        browser.wait("document.querySelector('#cards .score') !== null")
        assert browser.value("document.querySelector('#cards .help').textContent") == ""


def test_what_cannot_be_read_is_said_in_words(browser: Browser, tmp_path: Path) -> None:
    whole = io.BytesIO()
    Image.fromarray(np.zeros((40, 50, 3), np.uint8)).save(whole, "JPEG")
    contents = {
        "photo.heic": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(100),
        "half.jpg": whole.getvalue()[: len(whole.getvalue()) // 2],
        "notes.txt": b"no image",
        "empty.jpg": b"",
    }
    files = []
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
        files.append(tmp_path / name)
    with served(site.build(Bundle.open(BUNDLE)).files) as server:
        opened(browser, server)
        browser.choose("files", *files)
        browser.wait("document.querySelectorAll('#cards .problem').length === 4")
        said = browser.value("[...document.querySelectorAll('#cards .problem')].map((each) => each.textContent)")
        assert "HEIC" in said[0] and all(sentence.endswith(".") and len(sentence) > 20 for sentence in said)
        assert text(browser, "classified") == "0 classified, 4 not read"
        assert browser.errors == []


def test_the_camera_is_classified(browser: Browser) -> None:
    with served(site.build(Bundle.open(BUNDLE)).files) as server:
        opened(browser, server)
        click(browser, "camera")
        browser.wait(f"Number(document.getElementById('rate').textContent) >= {MINIMUM_RATE}")
        assert text(browser, "label") != "–" and browser.errors == []
