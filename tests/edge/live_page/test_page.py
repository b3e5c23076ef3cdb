"""The live page in a real headless Chromium, with the pictures of a video file."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from browser import Browser, chromium, needs_chromium
from live_pages import ABOUT, answer, preview
from waiting import wait_until

from tlpipe_edge.camera.answer import Answer
from tlpipe_edge.camera.settings import Adjustable, Settings
from tlpipe_edge.errors import Unavailable
from tlpipe_edge.live_page import server
from tlpipe_edge.live_page.server import Preview

pytestmark = needs_chromium

HOSTILE = (
    "<img src=x onerror=document.title='owned'>",
    "</script><script>document.title='owned'</script>",
    "\"quotes\" & 'more' &lt;",
    "annexe\u202egpj.exe",
    "a label that is longer than any phone is wide, and goes on and on and on and on and on and on",
    "猫",
)
SCORES = np.array([0.3, 0.25, 0.2, 0.15, 0.1, 0.0], np.float32)
RED, BLUE = (200, 30, 30), (30, 30, 200)

COLOUR = """(() => {
  const canvas = document.createElement("canvas"), picture = document.getElementById("picture");
  canvas.width = canvas.height = 1;
  const context = canvas.getContext("2d");
  context.drawImage(picture, 0, 0, 1, 1);
  return [...context.getImageData(0, 0, 1, 1).data].slice(0, 3);
})()"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with chromium(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten red frames and ten blue ones, 320 x 180."""
    file = tmp_path_factory.mktemp("video") / "colours.avi"
    writer = cv2.VideoWriter(str(file), cv2.VideoWriter_fourcc(*"MJPG"), 20, (320, 180))
    assert writer.isOpened()
    for number in range(20):
        writer.write(np.full((180, 320, 3), (RED if number < 10 else BLUE)[::-1], np.uint8))
    writer.release()
    return file


class Player:
    """Shows a video over and over, each frame with the answer that a test wants, from a thread of its own."""

    def __init__(self, page: Preview, video: Path, labels: tuple[str, ...], *, threshold: float = 0.0) -> None:
        self._preview, self._video, self._labels, self._threshold = page, video, labels, threshold
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._play)

    def __enter__(self) -> "Player":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()

    def _play(self) -> None:
        while not self._stopped.is_set():
            capture = cv2.VideoCapture(str(self._video))
            while (read := capture.read())[0] and not self._stopped.wait(0.05):
                frame = cv2.cvtColor(read[1], cv2.COLOR_BGR2RGB)
                self._preview.show(answer(self._labels, SCORES[: len(self._labels)], frame, threshold=self._threshold))
            capture.release()


def opened(browser: Browser, page: Preview) -> None:
    browser.errors.clear()
    browser.open(page.url)
    browser.wait(f"location.port === '{page.url.split(':')[2].split('/')[0]}' && document.readyState === 'complete'")


def text(browser: Browser, identifier: str) -> str:
    return browser.value(f"document.getElementById('{identifier}').textContent")


def test_the_page_shows_the_video_and_the_answer(browser: Browser, video: Path) -> None:
    browser.look(width=390, height=844)
    with preview(token="the-token") as page, Player(page, video, ("cat", "dog", "hen")):
        opened(browser, page)
        browser.wait("document.getElementById('picture').naturalWidth === 320")
        browser.wait("document.getElementById('label').textContent === 'cat'")

        assert text(browser, "score") == "30.0 %"
        assert [text(browser, name) for name in ("rate", "dropped", "resize", "invoke", "total")] == [
            "20.0",
            "1,234",
            "0.5",
            "2.5",
            "3.0",
        ]
        rows = "[...document.querySelectorAll('li.used')].map((row) => row.innerText.split('\\n').filter(Boolean))"
        assert browser.value(rows) == [["cat", "30.0 %"], ["dog", "25.0 %"], ["hen", "20.0 %"]]
        assert browser.value("document.querySelector('.bar div').style.width") == "30%"
        assert (text(browser, "status"), text(browser, "notice")) == ("Live", "")
        for wanted in (RED, BLUE, RED):
            browser.wait(f"{COLOUR}.every((value, channel) => Math.abs(value - {list(wanted)}[channel]) < 20)")
        assert browser.errors == []


def test_what_is_unknown_has_a_best_guess_and_no_score(browser: Browser, video: Path) -> None:
    with preview() as page, Player(page, video, ("cat", "dog", "hen"), threshold=0.5):
        opened(browser, page)
        browser.wait("document.getElementById('label').textContent === 'unknown'")
        assert (text(browser, "score"), text(browser, "guess")) == ("", "Best guess: cat, 30 %")
        entries = "[...document.querySelectorAll('#history span')].map((each) => each.textContent)"
        assert browser.value(entries) == ["unknown (cat, 30 %)", ""]


def test_the_crop_is_drawn_over_the_image(browser: Browser, video: Path) -> None:
    inside = "['x', 'y', 'width', 'height'].map((name) => +document.querySelector('.inside').getAttribute(name))"
    for crop, seen in (("center-crop", [70, 0, 180, 180]), ("stretch", [0, 0, 320, 180])):
        with preview(about=replace(ABOUT, crop=crop)) as page, Player(page, video, ("cat", "dog")):
            opened(browser, page)
            browser.wait("document.querySelector('.inside').hasAttribute('width')")
            assert browser.value(inside) == seen
            sides = "[picture, document.getElementById('crop')].map((each) => each.getBoundingClientRect().width)"
            assert len(set(browser.value(sides))) == 1


def test_the_model_and_the_device_are_named(browser: Browser) -> None:
    with preview() as page:
        opened(browser, page)
        browser.wait("document.getElementById('name').textContent === 'clothing'")
        assert text(browser, "about") == "int8 · 224 px · 6 labels · Raspberry Pi 4"
        assert text(browser, "threshold-value") == "50 %" and text(browser, "smoothing-value") == "0.70"
        assert text(browser, "model-sha256") == ABOUT.sha256


def test_settings_change_the_camera_and_all_pages(browser: Browser) -> None:
    adjustable = Adjustable(Settings(0.5, 0.7))
    with preview(token="the-token", adjustable=adjustable) as page:
        opened(browser, page)
        browser.wait("document.getElementById('threshold-value').value === '50 %'")
        slide = "((input) => { input.value = 0.8; input.dispatchEvent(new Event('input')); })"
        browser.value(f"{slide}(document.getElementById('threshold'))")
        browser.wait("document.getElementById('threshold-value').value === '80 %'")
        wait_until(lambda: adjustable.current == Settings(0.8, 0.7))
        adjustable.current = Settings(0.1, 0.2)  # by another page
        browser.wait("document.getElementById('smoothing-value').value === '0.20'")
        assert text(browser, "threshold-value") == "10 %"


def test_the_last_of_many_changes_holds(browser: Browser) -> None:
    adjustable = Adjustable(Settings(0.5, 0.7))
    with preview(token="the-token", adjustable=adjustable) as page:
        opened(browser, page)
        browser.wait("document.getElementById('threshold-value').value === '50 %'")
        slide = "input.value = value / 100; input.dispatchEvent(new Event('input'))"
        slides = f"((input) => {{ for (let value = 1; value <= 90; value++) {{ {slide} }} }})"
        browser.value(f"{slides}(document.getElementById('threshold'))")
        browser.wait("!isAdjusting")
        assert adjustable.current == Settings(0.9, 0.7)
        assert text(browser, "threshold-value") == "90 %"


def test_after_a_restart_of_the_camera_the_page_gets_its_key(browser: Browser, video: Path) -> None:
    with preview(token="the-token") as page:
        opened(browser, page)
        browser.wait("document.getElementById('status').textContent === 'Starting'")
        address = f"127.0.0.1:{page.url.split(':')[2].split('/')[0]}"
    browser.wait("document.getElementById('status').textContent === 'Connection lost'")
    kept: list[Answer] = []
    keep = lambda answer: kept.append(answer) or "1.jpg"  # noqa: E731
    with preview(address, token="the-token", keep=keep) as again, Player(again, video, ("cat", "dog")):
        browser.wait("!document.getElementById('keep').hidden")
        browser.value("window.isOld = true; document.getElementById('keep').click()")
        browser.wait("!window.isOld && !document.getElementById('keep').hidden && picture.naturalWidth > 0")
        browser.value("document.getElementById('keep').click()")
        browser.wait("document.getElementById('said').textContent === 'Kept as 1.jpg'")
    assert len(kept) == 1


def test_a_paused_image_stays_and_can_be_saved(browser: Browser, video: Path) -> None:
    with preview() as page, Player(page, video, ("cat", "dog")):
        opened(browser, page)
        browser.wait("picture.naturalWidth === 320 && document.getElementById('rate').textContent === '20.0'")
        assert browser.value("document.getElementById('snapshot').getAttribute('href')") == "snapshot.jpg"
        browser.value("document.getElementById('pause').click()")
        assert (text(browser, "status"), text(browser, "pause")) == ("Paused", "Resume")
        browser.wait("picture.naturalWidth === 320 && !events")
        still = browser.value(COLOUR)
        assert browser.value("document.getElementById('snapshot').href").startswith("data:image/jpeg")
        wait_until(lambda: not page._watchers)
        assert browser.value(COLOUR) == still
        browser.value("document.getElementById('pause').click()")
        browser.wait("document.getElementById('status').textContent === 'Live' && picture.src.includes('stream')")
        assert browser.errors == []


def test_an_image_is_kept_by_the_button(browser: Browser, video: Path) -> None:
    with preview() as page, Player(page, video, ("cat", "dog")):
        opened(browser, page)
        browser.wait("document.getElementById('status').textContent === 'Live'")
        assert browser.value("document.getElementById('keep').hidden")
    problems = iter(["", "the disk is full"])

    def keep(kept: Answer) -> str:
        if problem := next(problems):
            raise Unavailable(problem)
        return f"review/{kept.label}/1.jpg"

    with preview(token="the-token", keep=keep) as page, Player(page, video, ("cat", "dog")):
        opened(browser, page)
        browser.wait(
            "!document.getElementById('keep').hidden && document.getElementById('label').textContent === 'cat'"
        )
        browser.value("document.getElementById('keep').click()")
        browser.wait("document.getElementById('said').textContent === 'Kept as review/cat/1.jpg'")
        browser.wait("!document.getElementById('keep').disabled")
        browser.value("document.getElementById('keep').click()")
        browser.wait("document.getElementById('said').textContent === 'It did not work: the disk is full'")


@pytest.mark.parametrize(("width", "height"), [(360, 640), (390, 844)])
@pytest.mark.parametrize("portrait", [False, True])
def test_the_image_and_the_prediction_fit_a_phone(browser: Browser, width: int, height: int, portrait: bool) -> None:
    browser.look(width=width, height=height)
    frame = np.full((848, 480, 3) if portrait else (480, 640, 3), 100, np.uint8)
    with preview() as page:
        page.show(answer(("cat", "dog", "hen"), SCORES[:3], frame, threshold=0.5))
        opened(browser, page)
        browser.wait("picture.naturalWidth > 0 && document.getElementById('guess').textContent !== ''")
        assert browser.value("document.getElementById('guess').getBoundingClientRect().bottom") <= height
        assert browser.value("picture.getBoundingClientRect().height") > height / 4


def test_an_image_is_shown_before_the_next_one(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "HEARTBEAT", 1000)
    with preview() as page:
        opened(browser, page)
        browser.wait("document.getElementById('status').textContent === 'Starting'")
        for colour in (RED, BLUE):
            page.show(answer(("cat", "dog"), SCORES[:2], np.full((180, 320, 3), colour, np.uint8)))
            browser.wait("picture.naturalWidth === 320")
            browser.wait(f"{COLOUR}.every((value, channel) => Math.abs(value - {list(colour)}[channel]) < 20)")


def test_labels_are_text(browser: Browser, video: Path) -> None:
    with preview() as page, Player(page, video, HOSTILE):
        opened(browser, page)
        browser.wait("document.querySelectorAll('li.used').length === 5")

        shown = browser.value("[...document.querySelectorAll('#best li')].map((row) => row.children[0].textContent)")
        assert shown == [*HOSTILE[:3], "annexe\\u202egpj.exe", HOSTILE[4]]
        assert text(browser, "label") == HOSTILE[0]
        assert browser.value("[document.title, document.images.length, document.scripts.length]") == [
            f"{HOSTILE[0]} – clothing",
            1,
            1,
        ]
        assert browser.errors == []


@pytest.mark.parametrize(("width", "height"), [(360, 640), (390, 844), (1280, 800)])
def test_nothing_sticks_out_of_the_screen(browser: Browser, video: Path, width: int, height: int) -> None:
    browser.look(width=width, height=height)
    with preview() as page, Player(page, video, HOSTILE[4:] + HOSTILE[:4]):
        opened(browser, page)
        browser.wait("document.querySelectorAll('li.used').length === 5")

        assert browser.value("document.documentElement.scrollWidth") <= width
        whole = "[label.scrollWidth <= label.clientWidth, label.scrollHeight <= label.clientHeight]"
        assert browser.value(f"((label) => {whole})(document.getElementById('label'))") == [True, True]


def test_light_and_dark(browser: Browser) -> None:
    with preview() as page:
        grounds = []
        for dark in (False, True):
            browser.look(width=390, height=844, dark=dark)
            opened(browser, page)
            grounds.append(browser.value("getComputedStyle(document.body).backgroundColor"))
    assert grounds == ["rgb(243, 245, 248)", "rgb(14, 19, 25)"]


def test_an_outage_and_a_lost_connection_are_said_and_end(browser: Browser, video: Path) -> None:
    page = preview()
    with page:
        opened(browser, page)
        browser.wait("document.getElementById('notice').textContent === 'Waiting for the first frame'")
        page.outage("/dev/video0 <b>unplugged</b>")
        told = "The camera is out: /dev/video0 <b>unplugged</b>"
        browser.wait(f"document.getElementById('notice').textContent === '{told}'")
        with Player(page, video, ("cat", "dog")):
            browser.wait("document.getElementById('status').textContent === 'Live'")
            browser.wait("document.getElementById('notice').textContent === ''")
        address = page.url.split("/")[2]
    browser.wait("document.getElementById('status').textContent === 'Connection lost'")
    assert browser.value("picture.naturalWidth") == 320, "the last image stays"
    buttons = "['pause', 'keep'].map((name) => document.getElementById(name).disabled)"
    assert browser.value(f"[...{buttons}, document.getElementById('snapshot').hasAttribute('href')]") == [
        True,
        True,
        False,
    ]

    with preview(address) as again, Player(again, video, ("cat", "dog")):
        browser.wait("document.getElementById('status').textContent === 'Live'")
        browser.wait("document.getElementById('picture').naturalWidth === 320")


@pytest.mark.parametrize(
    "deaf", ["window.setTimeout = () => 0", "events.onerror = null"], ids=["by the events", "by silence"]
)
def test_a_lost_connection_is_noticed(browser: Browser, video: Path, deaf: str) -> None:
    with preview() as page, Player(page, video, ("cat", "dog")):
        opened(browser, page)
        browser.wait("document.getElementById('status').textContent === 'Live'")
        browser.value(
            f"picture.onerror = coming.onerror = null; {deaf}; document.getElementById('rate').textContent = ''"
        )
        browser.wait("document.getElementById('rate').textContent !== ''")  # a message more, and no old timer is left
    browser.wait("document.getElementById('status').textContent === 'Connection lost'")


def test_a_stream_that_is_refused_is_noticed(browser: Browser, video: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with preview() as page, Player(page, video, ("cat", "dog")):
        monkeypatch.delitem(server._LIVE, "/stream")
        opened(browser, page)
        browser.wait("document.getElementById('status').textContent === 'Connection lost'")
        monkeypatch.undo()
        browser.wait("document.getElementById('picture').naturalWidth === 320")


def test_the_stream_is_asked_for_again_and_the_picture_stays(browser: Browser, video: Path) -> None:
    hurry = "const slow = setInterval; window.setInterval = (call, pause) => slow(call, pause / 20)"
    script = browser("Page.addScriptToEvaluateOnNewDocument", source=hurry)["identifier"]
    with preview() as page, Player(page, video, ("cat", "dog")):
        opened(browser, page)
        browser("Page.removeScriptToEvaluateOnNewDocument", identifier=script)
        browser.wait("picture.naturalWidth === 320")
        browser.value("window.asked = new Set(); window.gone = 0")
        look = "asked.add(picture.src); gone += document.getElementById('picture').naturalWidth !== 320"
        browser.value(f"setInterval(() => {{ {look} }}, 100)")
        browser.wait("asked.size >= 3")
        assert browser.value("gone") == 0
        assert text(browser, "status") == "Live"
