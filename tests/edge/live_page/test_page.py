"""The live page in a real headless Chromium, with the pictures of a video file."""

import threading
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from browser import Browser, chromium, needs_chromium

from tlpipe_edge.camera.answer import Answer
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

    def __init__(self, preview: Preview, video: Path, labels: tuple[str, ...]) -> None:
        self._preview, self._video, self._labels = preview, video, labels
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
                timings = {"resize": 0.54, "invoke": 2.46, "total": 3.0}
                scores = SCORES[: len(self._labels)]
                self._preview.show(
                    Answer(self._labels[0], self._labels[0], 0.3, self._labels, scores, frame, timings, 1234, 19.96)
                )
            capture.release()


def opened(browser: Browser, preview: Preview) -> None:
    browser.errors.clear()
    browser.open(preview.url)
    browser.wait(f"location.port === '{preview.url.split(':')[2].split('/')[0]}' && document.readyState === 'complete'")


def text(browser: Browser, identifier: str) -> str:
    return browser.value(f"document.getElementById('{identifier}').textContent")


def test_the_page_shows_the_video_and_the_answer(browser: Browser, video: Path) -> None:
    browser.look(width=390, height=844)
    with Preview("0", token="the-token") as preview, Player(preview, video, ("cat", "dog", "hen")):
        opened(browser, preview)
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


def test_labels_are_text(browser: Browser, video: Path) -> None:
    with Preview("0", token=None) as preview, Player(preview, video, HOSTILE):
        opened(browser, preview)
        browser.wait("document.querySelectorAll('li.used').length === 5")

        shown = browser.value("[...document.querySelectorAll('li')].map((row) => row.children[0].textContent)")
        assert shown == [*HOSTILE[:3], "annexe\\u202egpj.exe", HOSTILE[4]]
        assert text(browser, "label") == HOSTILE[0]
        assert browser.value("[document.title, document.images.length, document.scripts.length]") == [
            "tlpipe-edge camera",
            1,
            1,
        ]
        assert browser.errors == []


@pytest.mark.parametrize(("width", "height"), [(360, 640), (390, 844), (1280, 800)])
def test_nothing_sticks_out_of_the_screen(browser: Browser, video: Path, width: int, height: int) -> None:
    browser.look(width=width, height=height)
    with Preview("0", token=None) as preview, Player(preview, video, HOSTILE[4:] + HOSTILE[:4]):
        opened(browser, preview)
        browser.wait("document.querySelectorAll('li.used').length === 5")

        assert browser.value("document.documentElement.scrollWidth") <= width
        whole = "[label.scrollWidth <= label.clientWidth, label.scrollHeight <= label.clientHeight]"
        assert browser.value(f"((label) => {whole})(document.getElementById('label'))") == [True, True]


def test_light_and_dark(browser: Browser) -> None:
    with Preview("0", token=None) as preview:
        grounds = []
        for dark in (False, True):
            browser.look(width=390, height=844, dark=dark)
            opened(browser, preview)
            grounds.append(browser.value("getComputedStyle(document.body).backgroundColor"))
    assert grounds == ["rgb(243, 245, 248)", "rgb(14, 19, 25)"]


def test_an_outage_and_a_lost_connection_are_said_and_end(browser: Browser, video: Path) -> None:
    preview = Preview("0", token=None)
    with preview:
        opened(browser, preview)
        browser.wait("document.getElementById('notice').textContent === 'Waiting for the first frame'")
        preview.outage("/dev/video0 <b>unplugged</b>")
        told = "The camera is out: /dev/video0 <b>unplugged</b>"
        browser.wait(f"document.getElementById('notice').textContent === '{told}'")
        with Player(preview, video, ("cat", "dog")):
            browser.wait("document.getElementById('status').textContent === 'Live'")
            browser.wait("document.getElementById('notice').textContent === ''")
        address = preview.url.split("/")[2]
    browser.wait("document.getElementById('status').textContent === 'Connection lost'")

    with Preview(address, token=None) as again, Player(again, video, ("cat", "dog")):
        browser.wait("document.getElementById('status').textContent === 'Live'")
        browser.wait("document.getElementById('picture').naturalWidth === 320")


@pytest.mark.parametrize(
    "deaf", ["window.setTimeout = () => 0", "events.onerror = null"], ids=["by the events", "by silence"]
)
def test_a_lost_connection_is_noticed(browser: Browser, video: Path, deaf: str) -> None:
    with Preview("0", token=None) as preview, Player(preview, video, ("cat", "dog")):
        opened(browser, preview)
        browser.wait("document.getElementById('status').textContent === 'Live'")
        browser.value(
            f"picture.onerror = coming.onerror = null; {deaf}; document.getElementById('rate').textContent = ''"
        )
        browser.wait("document.getElementById('rate').textContent !== ''")  # a message more, and no old timer is left
    browser.wait("document.getElementById('status').textContent === 'Connection lost'")


def test_a_stream_that_is_refused_is_noticed(browser: Browser, video: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Preview("0", token=None) as preview, Player(preview, video, ("cat", "dog")):
        monkeypatch.delitem(server._LIVE, "/stream")
        opened(browser, preview)
        browser.wait("document.getElementById('status').textContent === 'Connection lost'")
        monkeypatch.undo()
        browser.wait("document.getElementById('picture').naturalWidth === 320")


def test_the_stream_is_asked_for_again_and_the_picture_stays(browser: Browser, video: Path) -> None:
    hurry = "const slow = setInterval; window.setInterval = (call, pause) => slow(call, pause / 20)"
    script = browser("Page.addScriptToEvaluateOnNewDocument", source=hurry)["identifier"]
    with Preview("0", token=None) as preview, Player(preview, video, ("cat", "dog")):
        opened(browser, preview)
        browser("Page.removeScriptToEvaluateOnNewDocument", identifier=script)
        browser.wait("picture.naturalWidth === 320")
        browser.value("window.asked = new Set(); window.gone = 0")
        look = "asked.add(picture.src); gone += document.getElementById('picture').naturalWidth !== 320"
        browser.value(f"setInterval(() => {{ {look} }}, 100)")
        browser.wait("asked.size >= 3")
        assert browser.value("gone") == 0
        assert text(browser, "status") == "Live"
