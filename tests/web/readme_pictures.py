"""Draw the pictures of the README, below docs/pictures: the live page, a report, and the page for phones.

PYTHONPATH=tests python tests/web/readme_pictures.py [FOLDER], after `make demo` and `make web-runtime`. FOLDER is where
the demo ran. The pages are those that users get, at the width of a phone, with the bundle, the report and images of the
demo. Look at the pictures before you commit them.
"""

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
from browser import Browser, chromium
from fake_site import served
from on_page import opened
from PIL import Image

from tlpipe.website import site
from tlpipe_edge import Answer, Bundle, Classifier
from tlpipe_edge.camera.loop import watch_adjustable
from tlpipe_edge.camera.settings import Adjustable, Settings
from tlpipe_edge.live_page.resources import Offered
from tlpipe_edge.live_page.server import Preview
from tlpipe_edge.live_page.state import About

ROOT = Path(__file__).parents[2]
PICTURES = ROOT / "docs/pictures"
WIDTH, HEIGHT = 390, 780
COLOURS = 256
"""Of a palette: pages have few."""
MAX_BYTES = 150_000
DIGITS = ("7", "3", "0", "5")
"""The classes whose images a camera sees; the last one stays."""


def main() -> None:
    """Draw all pictures."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT
    PICTURES.mkdir(exist_ok=True)
    bundle = Bundle.open(folder / "exported/demo")
    images = [next((folder / "runs/demo-images" / digit).iterdir()) for digit in DIGITS]
    with tempfile.TemporaryDirectory() as name, chromium(Path(name) / "profile") as browser:
        browser.look(width=WIDTH, height=HEIGHT)
        with _live_page(bundle, images, Path(name)) as url:
            browser.open(url)
            browser.wait(
                f"document.querySelectorAll('#history li').length >= {len(images)} && picture.naturalWidth > 0"
            )
            _draw(browser, "live_page")
        browser.open((folder / "reports/demo/report.html").absolute().as_uri())
        browser.wait("document.readyState === 'complete' && document.querySelector('#verdict') !== null")
        _draw(browser, "report")
        with served(site.build(bundle).files) as server:
            opened(browser, server)
            browser.choose("files", *images)
            browser.wait(f"document.querySelectorAll('#cards .score').length === {len(images)}")
            _draw(browser, "phone_page")


@contextmanager
def _live_page(bundle: Bundle, images: list[Path], folder: Path) -> Iterator[str]:
    """The URL of a live page that shows these images in turn, each as a camera frames it: wider than the crop."""
    frames = folder / "frames"
    frames.mkdir()
    for number, image in enumerate(images):
        digit = cv2.resize(cv2.imread(str(image)), (480, 480), interpolation=cv2.INTER_CUBIC)
        frame = np.zeros((480, 640, 3), np.uint8)
        frame[:, 80:560] = digit
        cv2.imwrite(str(frames / f"{number}.png"), frame)
    classifier = Classifier.open(bundle.path, recipe="int8")
    adjustable = Adjustable(Settings(threshold=0.5))
    offered = Offered(About.of(classifier, "this computer"), adjustable, keep=lambda _: "")
    with Preview("0", token=None, offered=offered) as preview:
        for event in watch_adjustable(classifier, str(frames), adjustable):
            assert isinstance(event, Answer)
            preview.show(event)
        yield preview.url


def _draw(browser: Browser, name: str) -> None:
    file = PICTURES / f"{name}.png"
    browser.value("new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn))).then(() => null)")
    browser.screenshot(file)
    Image.open(file).convert("RGB").quantize(COLOURS, method=Image.Quantize.FASTOCTREE).save(file, optimize=True)
    size = file.stat().st_size
    assert size < MAX_BYTES, f"{file}: {size} bytes, more than {MAX_BYTES}"
    print(f"{file}: {size} bytes")


if __name__ == "__main__":
    main()
