"""What the tests of the page share: how it is opened, and what it says."""

from browser import Browser
from fake_site import Server

SPY = """
window.answers = [];
window.Worker = class extends Worker {
  constructor(url) {
    super(url);
    this.addEventListener("message", ({ data }) => ["prediction", "error"].includes(data.type) && answers.push(data));
  }
};
"""
"""A script for a new document: it keeps what the worker replies to frames and files."""
READY = "['proven', 'failed', 'broken'].includes(document.body.className)"


def opened(browser: Browser, server: Server) -> None:
    """Open the page, and wait until the self-test is done, or until it has failed to start."""
    browser.open("about:blank")
    browser.wait("location.href === 'about:blank'")
    browser.errors.clear()
    browser.open(server.url)
    browser.wait(f"location.href === '{server.url}' && document.body && {READY}")


def text(browser: Browser, identifier: str) -> str:
    return browser.value(f"document.getElementById('{identifier}').textContent")


def seen(browser: Browser, identifier: str) -> bool:
    """Whether an element takes room on the page."""
    return browser.value(f"document.getElementById('{identifier}').getClientRects().length > 0")


def click(browser: Browser, identifier: str) -> None:
    """As a person does it: some functions of a browser need that."""
    box = f"(() => {{ const element = document.getElementById('{identifier}'); element.scrollIntoView(); "
    box += "const {x, y, width, height} = element.getBoundingClientRect(); return [x + width / 2, y + height / 2]; })()"
    x, y = browser.value(box)
    for kind in ("mousePressed", "mouseReleased"):
        browser("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)


def messages(browser: Browser) -> list[str]:
    return browser.value("[...document.querySelectorAll('.message p')].map((each) => each.textContent)")
