"""Screenshots of the page of `tlpipe web`, to look at: on a phone and a desktop, light and dark.

PYTHONPATH=tests python tests/web/screenshots.py FOLDER, after `make web-runtime`. The camera runs, with a test picture.
"""

import sys
import tempfile
from pathlib import Path

from browser import FAKE_CAMERA, Browser, chromium
from fake_site import served
from on_page import click, opened
from photographs import photographs

from tlpipe.website import site
from tlpipe_edge.contract.bundle import Bundle

BUNDLE = Path(__file__).parents[1] / "data/bundle"
SCREENS = {"phone": (390, 844), "desktop": (1280, 800)}
HEIGHT = "document.documentElement.scrollHeight"


def main() -> None:
    """Write NAME-light.png and NAME-dark.png for each of ``SCREENS``, of the whole length of the page."""
    target = Path(sys.argv[1])
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name, served(site.build(Bundle.open(BUNDLE)).files) as server:
        folder = Path(name)
        images = photographs(folder)[:3]
        with chromium(folder / "profile", *FAKE_CAMERA) as browser:
            for screen, (width, height) in SCREENS.items():
                browser.look(width=width, height=height)
                opened(browser, server)
                browser.choose("files", *images)
                browser.wait(f"document.querySelectorAll('#cards .score').length >= {len(images)}")
                click(browser, "camera")
                browser.wait("Number(document.getElementById('rate').textContent) > 0")
                for scheme in ("light", "dark"):
                    _take(browser, target / f"{screen}-{scheme}.png", width, dark=scheme == "dark")


def _take(browser: Browser, file: Path, width: int, *, dark: bool) -> None:
    browser.look(width=width, height=browser.value(HEIGHT), dark=dark)
    browser.value("new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn))).then(() => null)")
    browser.screenshot(file)
    print(file)


if __name__ == "__main__":
    main()
