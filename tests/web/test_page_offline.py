"""The page of ``tlpipe web`` without a network, and when a new version is published."""

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import Browser, chromium, needs_chromium
from fake_site import LABELS, Server, Site, files, served
from on_page import click, messages, opened, text
from page_built import needs_built
from PIL import Image

pytestmark = [needs_chromium, needs_built]

OLD, NEW = Site(document={"name": "old"}), Site((*LABELS[:-1], "newt"), document={"name": "new"})
CACHES = "caches.keys().then((names) => names.sort())"


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    with chromium(tmp_path / "profile") as started:
        yield started


def visited(browser: Browser, server: Server) -> None:
    """Open the page, and wait until it is kept."""
    opened(browser, server)
    assert browser.value("navigator.serviceWorker.ready.then(() => true)")
    browser.wait("navigator.serviceWorker.controller !== null")


def update(browser: Browser) -> None:
    """Look for a new version, as a browser does at each visit; wait until it is installed or refused."""
    found = "navigator.serviceWorker.ready.then((registration) => registration.update())"
    browser.value(f"{found}.then(() => true, () => false)")
    browser.wait("navigator.serviceWorker.ready.then((registration) => registration.installing === null)")


def test_a_browser_can_install_it(browser: Browser) -> None:
    with served(files()) as server:
        visited(browser, server)
        found = browser("Page.getAppManifest")
        assert (found["errors"], browser("Page.getInstallabilityErrors")["installabilityErrors"]) == ([], [])
        assert found["manifest"]["startUrl"] == found["manifest"]["scope"] == server.url
        for icon in found["manifest"]["icons"]:
            image = Image.open(io.BytesIO(server.files[icon["url"].rpartition("/")[2]]))
            assert f"{image.width}x{image.height}" == icon["sizes"]


def test_the_second_visit_works_with_the_server_stopped(browser: Browser) -> None:
    with served(files()) as server:
        visited(browser, server)
    opened(browser, server)

    assert text(browser, "status") == "Same as the device: 6 of 6"
    browser.wait("document.getElementById('offline').getClientRects().length > 0")
    assert browser.value("getComputedStyle(document.body).backgroundColor") == "rgb(243, 245, 248)"
    browser.open(f"{server.url}index.html?from=home")
    browser.wait("location.search === '?from=home' && document.body?.className === 'proven'")
    assert browser.value("fetch('LICENSE-LiteRT.txt').then((response) => response.ok)")
    assert browser.errors == []


def test_a_first_visit_loads_each_file_once(browser: Browser) -> None:
    with served(files()) as server:
        visited(browser, server)

        large = [path for path in server.sent if "litert" in path or "model" in path]
        assert sorted(path.partition("?")[0].rpartition("/")[2] for path in large) == [
            "litert.js",
            "litert.wasm.bin",
            "model.tflite",
        ]


def test_a_new_version_replaces_the_old_one_when_the_person_says_so(browser: Browser) -> None:
    with served(files(OLD)) as server:
        visited(browser, server)
        old = browser.value(CACHES)
        server.files = files(NEW)
        opened(browser, server)
        assert text(browser, "name") == "old", "it is used until the new one is whole"
        browser.wait("document.querySelector('.message') !== null")
        assert messages(browser) == ["A new version is ready."]

        browser.value("document.querySelector('.message button').id = 'use'")
        click(browser, "use")
        browser.wait("document.body?.className === 'proven' && document.getElementById('name').textContent === 'new'")
        browser.wait(f"{CACHES}.then((names) => names.length === 1 && names[0] !== '{old[0]}')")
        assert messages(browser) == []
    opened(browser, server)
    assert text(browser, "name") == "new"


def test_a_page_that_stays_open_is_told_of_a_new_version(browser: Browser) -> None:
    with served(files(OLD)) as server:
        visited(browser, server)
        server.files = files(NEW)
        browser.value("document.dispatchEvent(new Event('visibilitychange'))")
        browser.wait("document.querySelector('.message') !== null")
        assert (text(browser, "name"), messages(browser)) == ("old", ["A new version is ready."])
    browser.value("document.dispatchEvent(new Event('visibilitychange'))")
    assert browser.errors == []


def test_the_same_version_again_is_none(browser: Browser) -> None:
    with served(files()) as server:
        visited(browser, server)
        update(browser)
        assert messages(browser) == []


@pytest.mark.parametrize("fault", ["damaged", "missing", "the old page", "page.js", "page.css"])
def test_a_version_that_is_not_whole_is_not_used(browser: Browser, fault: str) -> None:
    old, new = files(OLD), files(NEW)
    with served(old) as server:
        visited(browser, server)
        if fault == "damaged":
            new["model.tflite"] += b" "
        elif fault == "missing":
            del new["tests/6.png"]
        elif fault in new:
            new[fault] = new[fault][:-9]
        else:
            new["index.html"] = old["index.html"]
        server.files = new
        update(browser)
        assert (messages(browser), len(browser.value(CACHES))) == ([], 1)
    opened(browser, server)
    assert (text(browser, "name"), text(browser, "status")) == ("old", "Same as the device: 6 of 6")


@pytest.mark.parametrize("vary", ["Accept", "*"])
def test_a_host_whose_answers_vary(browser: Browser, vary: str) -> None:
    with served(files()) as server:
        server.headers["Vary"] = vary
        visited(browser, server)
    opened(browser, server)
    assert text(browser, "status") == "Same as the device: 6 of 6"


def test_a_host_that_gives_the_page_by_its_name_alone(browser: Browser) -> None:
    with served(files()) as server:
        server.index, folder = False, server.url
        server.url += "index.html"
        visited(browser, server)
    server.url = folder
    opened(browser, server)
    assert text(browser, "status") == "Same as the device: 6 of 6"


def test_a_damaged_copy_that_the_browser_has_stored_is_fetched_again(browser: Browser) -> None:
    whole = files()
    with served(whole | {"model.tflite": whole["model.tflite"] + b" "}) as server:
        server.headers["Cache-Control"] = "max-age=600"
        opened(browser, server)
        assert text(browser, "status") == "Not ready"
        server.files = whole
        opened(browser, server)
        assert text(browser, "status") == "Same as the device: 6 of 6"


def test_another_site_of_the_same_host_is_left_alone(browser: Browser) -> None:
    with served(files(OLD)) as server:
        visited(browser, server)
        browser.value("caches.open('another')")
        below = Server(f"{server.url}below/", {f"below/{name}": content for name, content in files(NEW).items()})
        server.files |= below.files
        visited(browser, below)
        assert text(browser, "name") == "new"
        assert len(browser.value(CACHES)) == 3
        server.files |= files(Site(document={"name": "newest"}))
        opened(browser, server)
        browser.wait("document.querySelector('.message button') !== null")
        browser.value("document.querySelector('.message button').click()")
        browser.wait("document.getElementById('name')?.textContent === 'newest'")
        browser.wait(f"{CACHES}.then((names) => names.length === 3)")
    opened(browser, below)
    assert text(browser, "name") == "new"
