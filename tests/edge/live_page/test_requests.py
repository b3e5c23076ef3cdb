"""What programs ask the live page for, and what viewers change: /answer, /snapshot.jpg, /metrics, /settings, /keep."""

import json
from collections.abc import Callable, Iterator

import cv2
import live_pages
import numpy as np
import pytest
from raw_http import ask, port, status

from tlpipe_edge.camera.answer import Answer
from tlpipe_edge.camera.settings import Adjustable, Settings
from tlpipe_edge.errors import Unavailable
from tlpipe_edge.live_page.server import Preview
from tlpipe_edge.live_page.state import MAX_HISTORY

LABELS = ("cat", "dog")
FRAME = np.full((720, 1280, 3), (200, 100, 50), np.uint8)
CATS, DOGS = np.array([0.9, 0.1], np.float32), np.array([0.2, 0.8], np.float32)


@pytest.fixture
def kept() -> list[Answer]:
    return []


@pytest.fixture
def adjustable() -> Adjustable:
    return Adjustable(Settings(0.5, 0.7))


@pytest.fixture
def page(kept: list[Answer], adjustable: Adjustable) -> Iterator[Preview]:
    def keep(answer: Answer) -> str:
        kept.append(answer)
        return f"review/{answer.label}/{len(kept)}.jpg"

    offered = {"adjustable": adjustable, "keep": keep, "metrics": lambda: b"frames_total 1\n"}
    with live_pages.preview(token="the-token", **offered) as opened:
        yield opened


def document(page: Preview) -> dict:
    code, headers, body = ask(page, "/answer", **BEARER)
    assert (code, headers["Content-Type"]) == (200, "application/json")
    return json.loads(body)


BEARER = {"Authorization": "Bearer the-token"}


def test_the_answer_as_json(page: Preview) -> None:
    assert document(page)["answer"] is None
    page.show(live_pages.answer(LABELS, CATS, FRAME, threshold=0.95))

    read = document(page)
    assert read["schema"] == 1 and read["keeps"] is True
    assert (read["answer"]["label"], read["answer"]["best"]) == ("unknown", "cat")
    assert read["answer"]["score"] == pytest.approx(0.9)
    assert [each["label"] for each in read["answer"]["top_k"]] == ["cat", "dog"]


def test_the_history_has_each_label_once_and_the_last_ones(page: Preview) -> None:
    for number in range(2 * MAX_HISTORY):
        for _ in range(3):
            page.show(live_pages.answer(LABELS, CATS if number % 2 else DOGS, FRAME))

    history = document(page)["history"]
    assert [each["label"] for each in history] == ["cat", "dog"] * (MAX_HISTORY // 2)
    assert history[0]["time"] >= history[-1]["time"]


def test_a_snapshot_is_the_whole_frame(page: Preview) -> None:
    assert status(page, "/snapshot.jpg", **BEARER) == 503, "there is no frame yet"
    page.show(live_pages.answer(LABELS, CATS, FRAME))

    code, headers, body = ask(page, "/snapshot.jpg", **BEARER)
    pixels = cv2.imdecode(np.frombuffer(body, np.uint8), cv2.IMREAD_COLOR)
    assert (code, headers["Content-Type"], pixels.shape) == (200, "image/jpeg", FRAME.shape)
    assert np.abs(pixels[..., ::-1].astype(int) - FRAME).max() <= 3, "JPEG of one colour"

    page.outage("unplugged")
    assert ask(page, "/snapshot.jpg", **BEARER)[::2] == (503, b"unplugged\n")


def test_metrics_are_those_of_the_camera(page: Preview) -> None:
    code, headers, body = ask(page, "/metrics", **BEARER)
    assert (code, body) == (200, b"frames_total 1\n")
    assert headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"


def test_what_is_not_offered_is_not_there() -> None:
    with live_pages.preview() as page:
        assert status(page, "/metrics") == 404
        code, body = post(page, "/keep", **{"X-Tlpipe-Key": key_of(page)})
        assert (code, body) == (404, b"No image is kept: start the camera with --collect DIR.\n")
        assert json.loads(ask(page, "/answer")[2])["keeps"] is False


def post(page: Preview, path: str, **headers: str) -> tuple[int, bytes]:
    code, _, body = ask(page, path, method="POST", **headers)
    return code, body


def test_settings_are_changed_one_by_one(page: Preview, adjustable: Adjustable) -> None:
    code, body = post(page, "/settings?threshold=0.25", **BEARER)
    assert (code, json.loads(body)) == (200, {"threshold": 0.25, "smoothing": 0.7})
    assert adjustable.current == Settings(0.25, 0.7)
    assert document(page)["settings"] == {"threshold": 0.25, "smoothing": 0.7}


@pytest.mark.parametrize(
    "query", ["threshold=1.5", "threshold=nan", "smoothing=1", "smoothing=-0.1", "threshold=much", "treshold=0.1"]
)
def test_settings_that_are_wrong_are_refused_by_name(page: Preview, adjustable: Adjustable, query: str) -> None:
    code, body = post(page, f"/settings?{query}&smoothing=0.2" if "s=" not in query else f"/settings?{query}", **BEARER)
    assert code == 400 and body.count(b"\n") == 1 and body.startswith(query.partition("=")[0].encode() + b": ")
    assert adjustable.current == Settings(0.5, 0.7)


def test_an_image_is_kept_on_request(page: Preview, kept: list[Answer]) -> None:
    assert post(page, "/keep", **BEARER)[0] == 503, "there is no frame yet"
    shown = live_pages.answer(LABELS, DOGS, FRAME)
    page.show(shown)

    code, body = post(page, "/keep", **BEARER)
    assert (code, json.loads(body)) == (200, {"kept": "review/dog/1.jpg"})
    assert kept == [shown]


def test_an_image_that_cannot_be_kept_says_why() -> None:
    def full(_: Answer) -> str:
        raise Unavailable("the disk is full", "Delete something.")

    with live_pages.preview(token="the-token", keep=full) as page:
        page.show(live_pages.answer(LABELS, DOGS, FRAME))
        assert post(page, "/keep", **BEARER) == (503, b"the disk is full\n")


def key_of(page: Preview) -> str:
    """As the script of the page has it."""
    return ask(page, "/", **BEARER)[2].split(b'data-key="')[1].split(b'"')[0].decode()


def cookie_of(page: Preview) -> str:
    return f"tlpipe-preview-{port(page)}=the-token"


@pytest.mark.parametrize(
    "headers",
    [
        lambda page: {"Cookie": cookie_of(page)},  # a form or an image of another site, with the cookie of the browser
        lambda page: {"Cookie": cookie_of(page), "X-Tlpipe-Key": "guessed"},
        lambda page: {"X-Tlpipe-Key": key_of(page)},  # without the token
        lambda _: {"Authorization": "Bearer wrong"},
        lambda _: {"Authorization": "Basic the-token"},
    ],
    ids=["cookie alone", "wrong key", "no token", "wrong token", "no bearer"],
)
@pytest.mark.parametrize("path", ["/settings?threshold=0", "/keep"])
def test_only_the_page_and_the_token_change_something(
    page: Preview, adjustable: Adjustable, kept: list[Answer], path: str, headers: Callable[[Preview], dict[str, str]]
) -> None:
    page.show(live_pages.answer(LABELS, DOGS, FRAME))
    assert post(page, path, **headers(page))[0] == 403
    assert adjustable.current == Settings(0.5, 0.7) and not kept


def test_the_page_itself_may_change_something(page: Preview, adjustable: Adjustable) -> None:
    headers = {"Cookie": cookie_of(page), "X-Tlpipe-Key": key_of(page)}
    assert post(page, "/settings?threshold=0", **headers)[0] == 200
    assert adjustable.current.threshold == 0


def test_without_a_token_the_page_alone_may_change_something() -> None:
    with live_pages.preview() as page:
        assert post(page, "/settings?threshold=0")[0] == 403
        assert post(page, "/settings?threshold=0", **{"X-Tlpipe-Key": key_of(page)})[0] == 200
        assert post(page, "/settings?threshold=0", Host="evil.example", **{"X-Tlpipe-Key": key_of(page)})[0] == 403


def test_each_server_has_a_key_of_its_own() -> None:
    with live_pages.preview() as one, live_pages.preview() as other:
        assert key_of(one) != key_of(other)
