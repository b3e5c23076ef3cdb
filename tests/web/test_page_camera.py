"""The camera on the page of ``tlpipe web``, with the fake one of Chromium."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import FAKE_CAMERA, Browser, chromium, needs_chromium
from fake_site import CRASHES, EXACT, SCORES, Site, files, photograph, served
from on_page import click, opened, seen, text
from page_built import needs_built

pytestmark = [needs_chromium, needs_built]

WEAK = (0.2, 0.3, 0.25, 0.15, 0.05, 0.05)
ROWS = "[...document.querySelectorAll('#best li.used')].map((row) => row.innerText.split('\\n').filter(Boolean))"
WITHOUT_CAMERA = "Photographs work without a camera."
INSECURE = "phone.test"
"""A name of this machine, in the browser of the tests, that is not trusted as localhost is."""
TRACK = "document.getElementById('video').srcObject.getVideoTracks()[0]"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    named = f"--host-resolver-rules=MAP {INSECURE} 127.0.0.1"
    with chromium(tmp_path_factory.mktemp("profile"), *FAKE_CAMERA, named) as started:
        started.look(width=390, height=844)
        yield started


def started(browser: Browser) -> None:
    click(browser, "camera")
    browser.wait("document.getElementById('label').textContent !== '–'")


def refuse(browser: Browser, name: str) -> None:
    """From now on the browser gives no camera, by an error of this name."""
    error = f"Promise.reject(new DOMException('', '{name}'))"
    browser.value(f"navigator.mediaDevices.getUserMedia = () => {error}; 0")


def hide(browser: Browser, hidden: str) -> None:
    browser.value(f"Object.defineProperty(document, 'hidden', {{ value: {hidden}, configurable: true }})")
    browser.value("document.dispatchEvent(new Event('visibilitychange'))")


def test_it_asks_for_the_rear_camera_when_it_is_started(browser: Browser) -> None:
    with served(files()) as server:
        opened(browser, server)
        spy = "window.asked = []; const real = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);"
        browser.value(f"{spy} navigator.mediaDevices.getUserMedia = (what) => (asked.push(what), real(what)); 0")
        assert (seen(browser, "viewer"), seen(browser, "live"), browser.value("asked.length")) == (False, False, 0)

        started(browser)
        assert browser.value("[asked.length, asked[0].video.facingMode.ideal, asked[0].audio]") == [
            1,
            "environment",
            False,
        ]
        assert browser.value(ROWS) == [
            ["cat", "62.0 %"],
            ["dog", "20.0 %"],
            ["hen", "10.0 %"],
            ["cow", "5.0 %"],
            ["pig", "2.0 %"],
        ]
        assert (text(browser, "label"), text(browser, "score"), text(browser, "camera")) == (
            "cat",
            "62.0 %",
            "Stop camera",
        )
        assert [text(browser, name) for name in ("resize", "invoke", "total")] == ["0.5", "2.5", "3.0"]
        browser.wait("document.getElementById('announced').textContent === 'cat'")

        track = f"window.track = {TRACK}"
        browser.value(f"{track}; 0")
        click(browser, "camera")
        assert (browser.value("track.readyState"), seen(browser, "viewer"), seen(browser, "live")) == (
            "ended",
            False,
            False,
        )
        assert browser.errors == []


@pytest.mark.parametrize(
    ("crop", "inside"),
    [("center-crop", [80, 0, 480, 480]), ("stretch", [0, 0, 640, 480]), ("letterbox", [0, 0, 640, 480])],
)
def test_the_crop_is_drawn(browser: Browser, crop: str, inside: list[int]) -> None:
    with served(files(Site(document={"image": {"size": 224, "crop": crop}}))) as server:
        opened(browser, server)
        started(browser)
        number = "Number(document.querySelector('#crop rect').getAttribute(name))"
        drawn = f"['x', 'y', 'width', 'height'].map((name) => {number})"
        browser.wait(f"{drawn}[2] > 0")
        assert browser.value(drawn) == inside
        box = "(({width, height}) => width / height)(document.getElementById('{}').getBoundingClientRect())"
        assert browser.value(box.replace("{}", "viewer")) == pytest.approx(4 / 3, abs=0.01)


def test_below_the_threshold_it_is_unknown(browser: Browser) -> None:
    with served(files(Site(frames=[WEAK]))) as server:
        opened(browser, server)
        started(browser)
        shown = [text(browser, name) for name in ("label", "score", "guess")]
        assert shown == ["unknown", "", "Best guess: dog, 30 %"]

        browser.value("(({ value }) => 0)(document.getElementById('threshold').value = '0.3')")
        browser.value("document.getElementById('threshold').dispatchEvent(new Event('input'))")
        browser.wait("document.getElementById('label').textContent === 'dog'")
        assert (text(browser, "guess"), text(browser, "threshold-value")) == ("", "30 %")


def test_frames_are_smoothed(browser: Browser) -> None:
    first, second = (1.0, 0.0, 0.0, 0.0, 0.0, 0.0), (0.0, 1.0, 0.0, 0.0, 0.0, 0.0)
    frames = [first, first, second]
    with served(files(Site(frames=frames, document={"smoothing": 0.99, "threshold": 0.0}))) as server:
        opened(browser, server)
        started(browser)
        browser.wait("parseFloat(document.getElementById('score').textContent) < 98")
        assert text(browser, "label") == "cat", "two of three frames are a cat's"
        browser.value("document.getElementById('smoothing').value = '0'")
        browser.value("document.getElementById('smoothing').dispatchEvent(new Event('input'))")
        browser.wait("document.getElementById('label').textContent === 'dog'")


def test_nothing_is_certain_if_the_self_test_has_failed(browser: Browser) -> None:
    with served(files(Site(tests=((EXACT, SCORES),)))) as server:
        opened(browser, server)
        started(browser)
        assert text(browser, "label") == "cat?"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (
            "NotAllowedError",
            "This page may not use the camera. "
            "Allow it in the browser's settings for this page, then start the camera.",
        ),
        ("NotFoundError", "There is no camera. Connect one: it starts by itself."),
        (
            "NotReadableError",
            "The camera cannot be read. Close other programs that use it, then start the camera.",
        ),
        ("TypeError", "The camera did not start (TypeError). Start it again."),
    ],
)
def test_a_camera_that_does_not_start(browser: Browser, name: str, said: str) -> None:
    with served(files()) as server:
        opened(browser, server)
        refuse(browser, name)
        click(browser, "camera")
        browser.wait("document.getElementById('problem').textContent !== ''")

        assert text(browser, "problem") == f"{said} {WITHOUT_CAMERA}"
        assert (text(browser, "camera"), seen(browser, "viewer")) == ("Start camera", False)


def test_without_https_photographs_work_and_the_camera_says_why(browser: Browser, tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    file.write_text(photograph(SCORES))
    with served(files()) as server:
        server.url = server.url.replace("localhost", INSECURE)
        opened(browser, server)
        assert browser.value("[isSecureContext, 'serviceWorker' in navigator]") == [False, False]
        assert text(browser, "status") == "Same as the device: 6 of 6"
        browser.choose("files", file)
        browser.wait("document.querySelector('#cards .label')?.textContent === 'cat'")
        click(browser, "camera")
        browser.wait("document.getElementById('problem').textContent !== ''")

        said = "Browsers allow the camera on https:// and localhost only. Open this page there."
        assert text(browser, "problem") == f"{said} {WITHOUT_CAMERA}"
        assert browser.errors == []


def test_a_camera_that_was_unplugged_starts_again_when_it_is_connected(browser: Browser) -> None:
    with served(files()) as server:
        opened(browser, server)
        started(browser)
        browser.value(f"{TRACK}.dispatchEvent(new Event('ended'))")
        assert text(browser, "problem").startswith("The camera was disconnected")
        assert (text(browser, "camera"), seen(browser, "viewer")) == ("Start camera", False)

        browser.value("navigator.mediaDevices.dispatchEvent(new Event('devicechange'))")
        browser.wait("document.getElementById('live').getClientRects().length > 0")
        assert (text(browser, "problem"), text(browser, "camera")) == ("", "Stop camera")

        click(browser, "camera")
        browser.value("navigator.mediaDevices.dispatchEvent(new Event('devicechange'))")
        assert text(browser, "camera") == "Start camera", "who has stopped it wants it stopped"


def test_frames_are_closed_if_the_worker_has_ended(browser: Browser, tmp_path: Path) -> None:
    file = tmp_path / "crash.txt"
    file.write_text("no JSON")
    with served(files(Site(behaviour=CRASHES))) as server:
        opened(browser, server)
        browser.choose("files", file)
        browser.wait("document.querySelector('#cards .problem') !== null")
        spy = "window.closed_frames = 0; const close = ImageBitmap.prototype.close;"
        browser.value(f"{spy} ImageBitmap.prototype.close = function () {{ closed_frames += 1; close.call(this); }}; 0")
        click(browser, "camera")
        browser.wait("document.getElementById('problem').textContent.startsWith('The model has stopped')")
        assert browser.value("closed_frames") >= 1


def test_a_camera_that_is_silent_for_a_time(browser: Browser) -> None:
    with served(files()) as server:
        opened(browser, server)
        started(browser)
        browser.value(f"{TRACK}.dispatchEvent(new Event('mute'))")
        assert text(browser, "problem") == "The camera gives no images at the moment."
        browser.value(f"{TRACK}.dispatchEvent(new Event('unmute'))")
        assert text(browser, "problem") == ""


def test_the_screen_is_kept_awake_while_it_runs(browser: Browser) -> None:
    with served(files()) as server:
        opened(browser, server)
        lock = "({ release: async () => { locks -= 1; } })"
        browser.value(f"window.locks = 0; navigator.wakeLock.request = async () => (locks += 1, {lock}); 0")
        started(browser)
        browser.wait("locks === 1")
        click(browser, "camera")
        assert browser.value("locks") == 0


def test_it_pauses_while_the_page_is_hidden(browser: Browser) -> None:
    with served(files()) as server:
        opened(browser, server)
        started(browser)
        browser.value(f"window.track = {TRACK}; 0")
        hide(browser, "true")
        assert browser.value("track.readyState") == "ended"
        hide(browser, "false")
        browser.wait("document.getElementById('live').getClientRects().length > 0")


def test_switch_and_torch_where_there_are_any(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> None:
    with served(files()) as server:
        opened(browser, server)
        started(browser)
        assert (seen(browser, "switch"), seen(browser, "torch")) == (False, False)

    several = FAKE_CAMERA[0] + ",device-count=2"
    with chromium(tmp_path_factory.mktemp("several"), several, *FAKE_CAMERA[1:]) as other, served(files()) as server:
        other.look(width=390, height=844)
        opened(other, server)
        torch = "MediaStreamTrack.prototype.getCapabilities = () => ({ torch: true });"
        applied = "window.applied = []; "
        applied += "MediaStreamTrack.prototype.applyConstraints = async (all) => applied.push(all.advanced[0]);"
        other.value(f"{torch} {applied} 0")
        started(other)
        other.wait("document.getElementById('switch').getClientRects().length > 0")
        device = f"{TRACK}.getSettings().deviceId"
        first = other.value(device)
        click(other, "torch")
        other.wait("document.getElementById('torch').ariaPressed === 'true'")
        click(other, "torch")
        other.wait("document.getElementById('torch').ariaPressed === 'false'")
        assert other.value("applied") == [{"torch": True}, {"torch": False}]
        click(other, "switch")
        other.wait(f"document.getElementById('video').srcObject && {device} !== '{first}'")
        other.wait("document.getElementById('switch').getClientRects().length > 0")
        click(other, "switch")
        other.wait(f"document.getElementById('video').srcObject && {device} === '{first}'")
        assert other.errors == []
