"""The scores of the page of `tlpipe web` in headless Chromium, compared with those of tlpipe-edge for the same files.

PYTHONPATH=tests:benchmarks python tests/web/browser_fidelity.py BUNDLE DATA, after `make web-runtime`: through the
page's own file input, 200 photographs of DATA (a folder per class) in all number formats but dynamic, and 100 of them
enlarged to 12 million pixels, as baseline and progressive JPEG: the device decodes these at a fraction of their size.
"""

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import harness
import numpy as np
from browser import FAKE_CAMERA, Browser, chromium
from fake_site import served
from on_page import SPY, click, opened, text
from PIL import Image

from tlpipe.website import site
from tlpipe_edge import Bundle, Classifier
from tlpipe_edge.classify import accuracy

PHOTOGRAPHS, LARGE, LONG_SIDE = 200, 100, 4032
QUALITY = 90
AT_ONCE = 20
"""Files that are chosen together: the test's browser waits a minute for an answer."""
STEADY = 5
"""Seconds."""
RECIPES = ("int8", "float16", "float32")
TAKEN = "answers.splice(0).map((each) => ({ ...each, scores: [...each.scores] }))"


def main() -> None:
    """Measure, and publish for each number format how many predictions are equal, and the differences of the scores."""
    bundle = Bundle.open(Path(sys.argv[1]))
    files = [file for file in sorted(Path(sys.argv[2]).rglob("*")) if file.is_file()]
    files = [files[at] for at in np.linspace(0, len(files) - 1, PHOTOGRAPHS).astype(int)]
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        some = list(enumerate(files[:: PHOTOGRAPHS // LARGE]))
        sets = {
            "photographs": files,
            "enlarged, baseline": [_enlarged(file, folder / f"b{at}.jpg", progressive=False) for at, file in some],
            "enlarged, progressive": [_enlarged(file, folder / f"p{at}.jpg", progressive=True) for at, file in some],
        }
        for recipe in (each.recipe for each in bundle.manifest.artifacts if each.recipe in RECIPES):
            classifier = Classifier.open(bundle.path, recipe=recipe)
            options = site.Options(recipe=recipe)
            with (
                served(site.build(bundle, options).files) as server,
                chromium(folder / recipe, *FAKE_CAMERA) as browser,
            ):
                browser("Page.addScriptToEvaluateOnNewDocument", source=SPY)
                opened(browser, server)
                found[recipe] = {"the page says": text(browser, "status")}
                browser.value("answers.length = 0")
                found[recipe] |= {kind: _compared(browser, classifier, chosen) for kind, chosen in sets.items()}
                found[recipe]["camera, frames per second"] = _rate(browser)
                found["browser"] = browser.value("navigator.userAgent")
    described = f"{len(bundle.manifest.labels)} classes, {bundle.manifest.image.size} px"
    harness.publish("browser_fidelity", {"bundle": described} | found)


def _rate(browser: Browser) -> float:
    """How many frames of a camera of 30 a second are classified, after it has become steady."""
    click(browser, "camera")
    shown = "Number(document.getElementById('rate').textContent)"
    browser.wait(f"{shown} > 0")
    browser.value(f"new Promise((done) => setTimeout(done, {1000 * STEADY}))")
    return float(browser.value(shown))


def _enlarged(file: Path, to: Path, *, progressive: bool) -> Path:
    """As large as the photograph of a phone, with its colours at half the resolution."""
    with Image.open(file) as image:
        factor = LONG_SIDE / max(image.size)
        size = (round(image.width * factor), round(image.height * factor))
        enlarged = image.convert("RGB").resize(size, Image.Resampling.BICUBIC)
    enlarged.save(to, "JPEG", quality=QUALITY, progressive=progressive)
    return to


def _compared(browser: Browser, classifier: Classifier, files: Sequence[Path]) -> dict[str, Any]:
    answers = []
    for start in range(0, len(files), AT_ONCE):
        some = files[start : start + AT_ONCE]
        browser.choose("files", *some)
        browser.wait(f"answers.length === {len(some)}")
        answers += browser.value(TAKEN)
        browser.value("document.getElementById('clear').click()")
    page = np.array([answer["scores"] for answer in answers], np.float32)
    device = np.array([classifier(file).scores for file in files])
    difference = np.abs(page - device)
    return {
        "images": len(files),
        "equal predictions": round(len(files) * accuracy.agreement(device, page)),
        "images with another score": int((difference.max(axis=1) > 0).sum()),
        "max_difference": float(difference.max()),
        "mean_difference": float(difference.mean()),
        "said to be approximate": sum(answer["approximate"] for answer in answers),
        "median_ms": harness.median([answer["timings_ms"]["total"] for answer in answers]),
    }


if __name__ == "__main__":
    main()
