"""The page of ``tlpipe web`` in a real Chromium: its start, what it says of itself, and how it looks."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import Browser, chromium, needs_chromium
from fake_site import BUILT, EXACT, NO_MEMORY, SCORES, Site, files, photograph, served
from on_page import click, messages, opened, seen, text
from page_built import needs_built

pytestmark = [needs_chromium, needs_built]

HOSTILE = (
    "<img src=x onerror=document.title='owned'>",
    "</script><script>document.title='owned'</script>",
    "\"quotes\" & 'more' &lt;",
    "annexe\u202egpj.exe",
    "a label that is longer than any phone is wide, and goes on and on and on and on and on and on",
    "猫",
    "فستان",
)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with chromium(tmp_path_factory.mktemp("profile")) as started:
        yield started


def test_it_proves_itself_and_tells_its_model(browser: Browser) -> None:
    with served(files()) as server:
        opened(browser, server)

        assert text(browser, "status") == "Same as the device: 6 of 6"
        assert (browser.value("document.title"), text(browser, "name")) == ("clothing", "clothing")
        rows = "[...document.querySelectorAll('#facts div')].map((row) => [...row.children].map((e) => e.textContent))"
        assert dict(browser.value(rows)) == {
            "File": "clothing-int8.tflite",
            "Number format": "int8",
            "Size": "2.8 MB",
            "SHA-256": "5e5e5e5e5e5e…",
            "Input": "224 × 224 pixels, center-crop",
            "Runtime": "LiteRT.js 2.5.3, one thread",
            "Top-1 accuracy": "92.3 % of 372 test images",
            "95 % interval": "89.1 to 94.6 %",
            "Agreement with Keras": "99.2 %",
            "Self-test": "6 of 6 images with the scores of tlpipe-edge",
        }
        assert (messages(browser), seen(browser, "loading"), browser.errors) == ([], False, [])


def test_it_says_what_differs_and_then_is_certain_of_nothing(browser: Browser, tmp_path: Path) -> None:
    other = (0.25, 0.5, 0.125, 0.0625, 0.0625, 0.0)
    with served(files(Site(tests=((EXACT, EXACT), (EXACT, other), (EXACT, (1.0,)))))) as server:
        opened(browser, server)

        assert text(browser, "status") == "Differs from the device: 2 of 3"
        (said,) = messages(browser)
        assert said == (
            "This browser does not give the scores of the device: 2 test images of 3 differ (tests/2.png by up to "
            "0.2500, dog instead of cat; tests/3.png could not be classified). So no label here is certain."
        )
        file = tmp_path / "a.json"
        file.write_text(photograph(SCORES))
        browser.choose("files", file)
        browser.wait("document.querySelector('#cards .label')?.textContent === 'cat?'")
        assert browser.value("document.querySelector('#cards .label').classList.contains('muted')")


@pytest.mark.parametrize(
    ("lacks", "said"),
    [
        (
            "WebAssembly.Module = class { constructor() { throw new Error(); } }",
            "it runs no WebAssembly with SIMD, which the model needs.",
        ),
        ("delete self.DecompressionStream", "it cannot unpack the files of this page."),
    ],
)
def test_an_old_browser(browser: Browser, lacks: str, said: str) -> None:
    script = browser("Page.addScriptToEvaluateOnNewDocument", source=lacks)
    with served(files()) as server:
        opened(browser, server)
    browser("Page.removeScriptToEvaluateOnNewDocument", **script)
    (found,) = messages(browser)
    assert found.startswith(f"This browser is too old: {said} Use a newer one: ") and "Firefox 113" in found


def test_a_page_that_was_cut_off(browser: Browser) -> None:
    content = files()
    content["index.html"] = content["index.html"].replace(b'"schema": 1, ', b"", 1).replace(b"}</script>", b"</script>")
    with served(content) as server:
        opened(browser, server)
        (said,) = messages(browser)
    assert said.startswith("A file of this page is missing or damaged: index.html: ")


def test_a_model_that_does_not_start(browser: Browser) -> None:
    with served(files(Site(behaviour=NO_MEMORY))) as server:
        opened(browser, server)

        said = "There is not enough memory. Close other pages, then load this one again."
        assert (text(browser, "status"), messages(browser)) == ("Not ready", [said])
        assert browser.value("document.getElementById('camera').disabled && document.getElementById('choose').disabled")


@pytest.mark.parametrize("name", ["worker.js", "model.tflite", "tests/1.png"])
@pytest.mark.parametrize("fault", ["damaged", "missing"])
def test_a_file_that_was_damaged_in_transfer(browser: Browser, name: str, fault: str) -> None:
    content = files()
    content[name] = content[name] + b" "
    if fault == "missing":
        del content[name]
    with served(content) as server:
        opened(browser, server)

        (said,) = messages(browser)
        assert said.startswith(f"A file of this page is missing or damaged: {name}: ") and "publish it again" in said
        assert text(browser, "status") == "Not ready"


def test_labels_are_text(browser: Browser, tmp_path: Path) -> None:
    scores = (0.3, 0.25, 0.2, 0.15, 0.1, 0.0, 0.0)
    exact = (*EXACT, 0.0)
    site = Site(HOSTILE, tests=((exact, exact),), document={"name": HOSTILE[0], "threshold": 0.0})
    with served(files(site)) as server:
        opened(browser, server)
        file = tmp_path / "<b>name\u202e.jpg"
        file.write_text(photograph(scores))
        browser.choose("files", file)
        browser.wait("document.querySelectorAll('#cards li.used').length === 3")

        shown = browser.value(
            "[...document.querySelectorAll('#cards li.used')].map((row) => row.children[0].textContent)"
        )
        assert shown == list(HOSTILE[:3])
        assert browser.value("document.querySelector('.file').textContent") == "<b>name\\u202e.jpg"
        assert browser.value("document.title") == HOSTILE[0]
        browser.value("document.getElementById('model').open = document.getElementById('labels').open = true")
        browser.wait("document.querySelectorAll('#all-labels li').length === 7")
        assert text(browser, "all-labels") == "".join(HOSTILE).replace("\u202e", "\\u202e")
        browser.wait("document.images.length === 0")  # the file is no image: its thumbnail goes when it has not loaded
        assert browser.value("document.scripts.length") == 2
        assert browser.errors == []


@pytest.mark.parametrize(("width", "height"), [(320, 568), (360, 640), (390, 844), (1280, 800)])
def test_nothing_sticks_out_of_the_screen(browser: Browser, tmp_path: Path, width: int, height: int) -> None:
    browser.look(width=width, height=height)
    scores = (0.0, 0.0, 0.0, 0.15, 0.6, 0.1, 0.05)
    exact = (*EXACT, 0.0)
    site = Site(HOSTILE, tests=((exact, exact[::-1]),), document={"name": HOSTILE[4], "file": "n" * 200 + ".tflite"})
    with served(files(site)) as server:
        opened(browser, server)
        file = tmp_path / ("long" * 50 + ".jpg")
        file.write_text(photograph(scores, approximate=True))
        browser.choose("files", file)
        browser.wait("document.querySelectorAll('#cards li.used').length === 3")
        browser.value("document.querySelectorAll('details').forEach((each) => each.open = true)")
        click(browser, "measure")
        browser.wait("document.getElementById('result').getClientRects().length > 0")

        assert browser.value("document.documentElement.scrollWidth") <= width
        small = "[...document.querySelectorAll('button, .button, summary, input[type=range]')].filter((each) => "
        small += (
            "each.getClientRects().length && each.getBoundingClientRect().height < 24).map((each) => each.outerHTML)"
        )
        assert browser.value(small) == []


def test_its_style_is_that_of_its_own_elements() -> None:
    """The live page of the camera shares some of it."""
    named = set(re.findall(r"#([a-z][\w-]*)(?=[^{}]*\{)", (BUILT / "page.css").read_text()))
    assert named and {name for name in named if f'id="{name}"' not in (BUILT / "index.html").read_text()} == set()


def test_light_and_dark(browser: Browser) -> None:
    with served(files()) as server:
        grounds = []
        for dark in (False, True):
            browser.look(width=390, height=844, dark=dark)
            opened(browser, server)
            grounds.append(browser.value("getComputedStyle(document.body).backgroundColor"))
    assert grounds == ["rgb(243, 245, 248)", "rgb(14, 19, 25)"], "those of the live page"


def test_a_thousand_labels(browser: Browser) -> None:
    labels = [f"label {number}" for number in range(1000)]
    scores = [0.5, *[0.0] * 998, 0.5]
    with served(files(Site(labels, frames=[scores], tests=((scores, scores),)))) as server:
        opened(browser, server)
        assert text(browser, "status") == "Same as the device: 1 of 1"
        browser.value("document.getElementById('model').open = document.getElementById('labels').open = true")
        browser.wait("document.querySelectorAll('#all-labels li').length === 1000")
        browser.value("document.getElementById('all-labels').focus()")
        assert browser.value("document.activeElement.id") == "all-labels", "it is scrolled by keys"


def test_each_control_has_a_name_and_a_place_in_the_order(browser: Browser) -> None:
    with served(files()) as server:
        opened(browser, server)
        tree = browser("Accessibility.getFullAXTree")["nodes"]
        controls = {"button", "slider", "textbox", "link", "DisclosureTriangle"}
        nameless = [n for n in tree if n["role"]["value"] in controls and not n.get("name", {}).get("value")]
        assert nameless == []

        order = []
        for _ in range(5):
            browser("Input.dispatchKeyEvent", type="keyDown", key="Tab", code="Tab", windowsVirtualKeyCode=9)
            order.append(browser.value("document.activeElement.id || document.activeElement.parentElement.id"))
        assert order == ["camera", "choose", "threshold", "smoothing", "model"]


def test_nothing_else_is_requested_or_allowed(browser: Browser) -> None:
    with served(files()) as server:
        browser.requests.clear()
        opened(browser, server)
        assert browser.value("navigator.serviceWorker.ready.then(() => true)")
        assert len(browser.requests) > 3
        assert all(each.startswith((server.url, "blob:", "data:", "about:")) for each in browser.requests)

        asked, outside = len(server.asked), server.url.replace("localhost", "127.0.0.1")
        assert browser.value(f"fetch('{outside}', {{mode: 'no-cors'}}).then(() => false, () => true)")
        assert len(server.asked) == asked
        policy = browser.value("document.querySelector('meta[http-equiv]').content")
        assert "unsafe-inline" not in policy and "'unsafe-eval'" not in policy and "default-src 'none'" in policy
