"""The live page's server, by real HTTP on the loopback address."""

import contextlib
import gc
import json
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import datetime, timedelta
from http.client import HTTPResponse
from pathlib import Path

import cv2
import live_pages
import numpy as np
import pytest
from raw_http import PATIENCE, ask, following, port, status
from waiting import wait_until

from tlpipe_edge.camera.answer import Answer
from tlpipe_edge.errors import Unavailable
from tlpipe_edge.live_page import server
from tlpipe_edge.live_page.server import Preview

LABELS = ("cat", "dog", "hen", "cow", "pig", "ant")
SCORES = np.array([0.1, 0.4, 0.0, 0.1, 0.3, 0.1], np.float32)
TIMINGS = {"resize": 0.5, "invoke": 2.5, "total": 3.0}
NOISE = np.random.default_rng(0).integers(0, 255, (480, 640, 3), np.uint8)


def answer(frame: np.ndarray, *, label: str = "dog") -> Answer:
    return Answer(label, label, 0.4, LABELS, SCORES, frame, TIMINGS, 7, 24.5)


@pytest.fixture
def preview() -> Iterator[Preview]:
    with live_pages.preview() as opened:
        yield opened


def next_state(response: HTTPResponse) -> dict:
    line = response.readline()
    assert line.startswith(b"data: ") and response.readline() == b"\n"
    return json.loads(line.removeprefix(b"data: "))


def wait_for_state(response: HTTPResponse, wanted: Callable[[dict], bool]) -> dict:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        state = next_state(response)
        if wanted(state):
            return state
    raise AssertionError(f"last seen: {state}")


def next_picture(response: HTTPResponse) -> np.ndarray:
    """RGB (H, W, 3). The first line of the stream, or the end of the image before, is read already, or is read here."""
    part = b""
    while not part.endswith(b"\r\n--picture\r\nContent-Type: image/jpeg\r\n\r\n"):
        line = response.readline()
        assert line, "the stream has ended"
        part += line
    encoded = part[part.index(b"\xff\xd8") :]
    return cv2.cvtColor(cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)


def test_events_say_what_is_the_newest(preview: Preview) -> None:
    with following(preview, "/events") as events:
        assert events.headers["Content-Type"] == "text/event-stream"
        state = next_state(events)
        assert (state["outage"], state["answer"], state["history"]) == (None, None, [])
        assert state["settings"] == {"threshold": 0.5, "smoothing": 0.7}
        assert state["model"] == asdict(live_pages.ABOUT)

        preview.show(answer(NOISE))
        state = wait_for_state(events, lambda state: state["answer"] is not None)
        best = state["answer"].pop("top_k")
        assert [each["label"] for each in best] == ["dog", "pig", "cat", "cow", "ant"]
        assert [each["score"] for each in best] == pytest.approx([0.4, 0.3, 0.1, 0.1, 0.1])
        assert datetime.fromisoformat(state["answer"].pop("time")).utcoffset() == timedelta(0)
        assert state["answer"] == {
            "label": "dog",
            "best": "dog",
            "score": 0.4,
            "frames_per_second": 24.5,
            "timings_ms": TIMINGS,
            "dropped": 7,
        }

        preview.outage("unplugged\x1b[2J")
        state = wait_for_state(events, lambda state: state["outage"] is not None)
        assert (state["outage"], state["answer"]) == ("unplugged\x1b[2J", None)

        preview.show(answer(NOISE))
        assert wait_for_state(events, lambda state: state["answer"] is not None)["outage"] is None


def test_what_does_not_change_is_said_again(preview: Preview, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "HEARTBEAT", 0.1)
    preview.show(answer(NOISE))

    with following(preview, "/events") as events:
        assert next_state(events) == next_state(events)


def test_the_stream_gives_the_picture_smaller(preview: Preview) -> None:
    frame = np.full((720, 1280, 3), (200, 100, 50), np.uint8)
    preview.show(answer(frame))

    with following(preview, "/stream") as stream:
        assert stream.headers["Content-Type"] == "multipart/x-mixed-replace; boundary=picture"
        picture = next_picture(stream)
    assert picture.shape == (360, 640, 3)
    assert np.abs(picture.astype(int) - (200, 100, 50)).max() <= 3, "JPEG at quality 80 of one colour"


def test_a_small_picture_keeps_its_size(preview: Preview) -> None:
    preview.show(answer(NOISE[:48, :64]))

    with following(preview, "/stream") as stream:
        assert next_picture(stream).shape == (48, 64, 3)


def test_who_comes_later_sees_no_old_picture(preview: Preview) -> None:
    preview.show(answer(np.zeros((48, 64, 3), np.uint8)))
    with following(preview, "/stream") as stream:
        assert next_picture(stream).mean() < 5
    wait_until(lambda: not preview._watchers)
    preview.show(answer(np.full((48, 64, 3), 255, np.uint8)))

    with following(preview, "/stream") as stream:
        assert next_picture(stream).mean() > 250


def test_nothing_is_encoded_while_nobody_watches(preview: Preview, monkeypatch: pytest.MonkeyPatch) -> None:
    prepared: list[object] = []
    prepare = server.prepare
    monkeypatch.setattr(server, "prepare", lambda *state: prepared.append(state) or prepare(*state))
    for _ in range(5):
        preview.show(answer(NOISE))
        time.sleep(0.1)
    assert prepared == []

    with contextlib.ExitStack() as stack:
        streams = [stack.enter_context(following(preview, "/stream")) for _ in range(10)]
        for stream in streams:
            next_picture(stream)
        assert len(prepared) == 1


def test_a_reader_that_never_reads_is_dropped_and_holds_up_nobody(
    preview: Preview, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "PATIENCE", 1.0)
    done = threading.Event()
    slowest = 0.0

    def classify() -> None:
        nonlocal slowest
        while not done.is_set():
            shown = answer(NOISE.copy())
            start = time.thread_time()  # not the clock on the wall, which others slow on a loaded machine
            preview.show(shown)
            slowest = max(slowest, time.thread_time() - start)
            time.sleep(0.01)

    loop = threading.Thread(target=classify)
    loop.start()
    try:
        with socket.create_connection(("127.0.0.1", port(preview))) as lazy, following(preview, "/stream") as stream:
            lazy.sendall(b"GET /stream HTTP/1.1\r\nHost: localhost\r\n\r\n")
            wait_until(lambda: preview._watchers == 2)
            end = time.monotonic() + PATIENCE
            while preview._watchers == 2:
                next_picture(stream)
                assert time.monotonic() < end, "the reader was not dropped"
            assert preview._watchers == 1
            for _ in range(5):
                next_picture(stream)
    finally:
        done.set()
        loop.join()
    assert slowest < 0.02, "seconds of processor time: to show an answer is one assignment"


def test_who_has_gone_is_noticed_while_there_is_nothing_to_send(
    preview: Preview, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "HEARTBEAT", 0.1)
    preview.outage("unplugged")
    with following(preview, "/stream"):
        wait_until(lambda: preview._watchers == 1)
    wait_until(lambda: preview._watchers == 0)


def test_who_has_gone_is_noticed_if_more_was_sent_than_a_request(
    preview: Preview, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "HEARTBEAT", 0.05)
    with socket.create_connection(("127.0.0.1", port(preview)), timeout=PATIENCE) as client:
        client.sendall(b"GET /stream HTTP/1.1\r\nHost: localhost\r\n\r\nand more")
        wait_until(lambda: preview._watchers == 1)
        client.shutdown(socket.SHUT_WR)
        wait_until(lambda: preview._watchers == 0)


@pytest.mark.parametrize(("frames", "parts", "most"), [(10, 400, 15), (10, 8, 7)], ids=["few", "many"])
def test_no_more_is_sent_than_allowed(
    preview: Preview, monkeypatch: pytest.MonkeyPatch, frames: int, parts: int, most: int
) -> None:
    monkeypatch.setattr(server, "FRAMES_PER_SECOND", frames)
    monkeypatch.setattr(server, "PARTS_PER_SECOND", parts)
    prepared: list[object] = []
    prepare = server.prepare
    monkeypatch.setattr(server, "prepare", lambda *state: prepared.append(state) or prepare(*state))
    with following(preview, "/events"), following(preview, "/events"):
        wait_until(lambda: preview._watchers == 2)
        time.sleep(1 / frames)
        prepared.clear()
        start = time.monotonic()
        while (seconds := time.monotonic() - start) < 1:
            preview.show(answer(NOISE))
            time.sleep(0.01)
        sent = len(prepared)
    assert 1 <= sent <= most * seconds


def test_too_many_clients_are_turned_away(preview: Preview, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "MAX_CLIENTS", 2)
    with following(preview, "/events"), following(preview, "/events"):
        assert status(preview, "/") == 503
    wait_until(lambda: not preview._clients)
    assert status(preview, "/") == 200


@pytest.mark.parametrize(
    "path", ["/favicon.ico", "/stream/", "/../page.html", "/page.html", "/live_page/page.html", "//", "*"]
)
def test_unknown_paths_are_not_found(preview: Preview, path: str) -> None:
    assert status(preview, path) == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_other_methods_are_not_allowed(preview: Preview, method: str) -> None:
    code, headers, _ = ask(preview, "/", method=method)

    assert (code, headers["Allow"]) == (405, "GET, HEAD")
    code, headers, _ = ask(preview, "/settings", method="GET")
    assert (code, headers["Allow"]) == (405, "POST")


@pytest.mark.parametrize("path", ["/", "/stream", "/events", "/nothing"])
def test_head_has_no_body(preview: Preview, path: str) -> None:
    with socket.create_connection(("127.0.0.1", port(preview)), timeout=PATIENCE) as client:
        client.sendall(f"HEAD {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        head, _, body = b"".join(iter(lambda: client.recv(65536), b"")).partition(b"\r\n\r\n")

    code, headers, _ = ask(preview, path)
    assert head.startswith(f"HTTP/1.1 {code} ".encode()) and body == b""
    assert f"Content-Type: {headers['Content-Type']}\r\n".encode() in head


def test_headers_let_nothing_in_or_out(preview: Preview) -> None:
    for path in ("/", "/stream", "/events", "/nothing"):
        headers = ask(preview, path)[1]
        assert headers["Cache-Control"] == "no-store"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy and "script-src 'sha256-" in policy and "unsafe" not in policy


@pytest.mark.parametrize("garbage", [b"\x16\x03\x01 hello\r\n\r\n", b"GET /\r\n\r\n", b"A" * 100_000])
def test_what_is_no_http_is_dropped(preview: Preview, garbage: bytes) -> None:
    with (
        socket.create_connection(("127.0.0.1", port(preview)), timeout=PATIENCE) as stranger,
        contextlib.suppress(ConnectionError),
    ):
        stranger.sendall(garbage)
        assert stranger.recv(1) == b""
    assert status(preview, "/") == 200


def test_a_request_that_never_ends_is_dropped(preview: Preview, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "PATIENCE", 0.2)
    with socket.create_connection(("127.0.0.1", port(preview)), timeout=PATIENCE) as stranger:
        stranger.sendall(b"GET / HTTP/1.1\r\n")
        assert stranger.recv(1) == b""


def test_who_connects_and_says_nothing_keeps_nobody_out(preview: Preview, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "PATIENCE", 1000)
    with contextlib.ExitStack() as stack:
        for _ in range(300):
            stack.enter_context(socket.create_connection(("127.0.0.1", port(preview)), timeout=PATIENCE))
        assert status(preview, "/") == 200
        assert len(preview._waiting) <= server.MAX_WAITING


def test_a_port_that_is_taken_is_unavailable(preview: Preview) -> None:
    with pytest.raises(Unavailable, match=f"127.0.0.1:{port(preview)}: "), live_pages.preview(str(port(preview))):
        pass


def test_the_end_waits_for_nobody_and_leaves_nothing_behind(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def held() -> tuple[int, int]:
        return threading.active_count(), len(list(Path("/proc/self/fd").iterdir()))

    monkeypatch.setattr(server, "PATIENCE", 1000)
    monkeypatch.setattr(server, "HEARTBEAT", 1000)
    before = held()
    opened = live_pages.preview(token="the-token").__enter__()
    with contextlib.ExitStack() as clients:
        for path in ("/stream", "/events", "/stream"):
            client = clients.enter_context(socket.create_connection(("127.0.0.1", port(opened))))
            client.sendall(f"GET {path}?token=the-token HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        clients.enter_context(socket.create_connection(("127.0.0.1", port(opened))))  # says nothing
        wait_until(lambda: (opened._watchers, len(opened._clients)) == (3, 4))
        opened.show(answer(NOISE))
        end = threading.Thread(target=opened.__exit__, args=(None, None, None), daemon=True)
        end.start()
        end.join(PATIENCE)
        assert not end.is_alive()
    assert held() == before
    assert capfd.readouterr() == ("", "") and not caplog.records


def test_the_end_waits_for_no_disk() -> None:
    hanging = threading.Event()
    started = threading.Event()

    def keep(_: Answer) -> str:
        started.set()
        hanging.wait()
        return ""

    opened = live_pages.preview(token="the-token", keep=keep).__enter__()
    opened.show(answer(NOISE))
    with socket.create_connection(("127.0.0.1", port(opened))) as client:
        client.sendall(b"POST /keep HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer the-token\r\n\r\n")
        assert started.wait(PATIENCE)
        end = threading.Thread(target=opened.__exit__, args=(None, None, None), daemon=True)
        end.start()
        end.join(PATIENCE)
        assert not end.is_alive()
    hanging.set()


def test_clients_that_connect_at_the_end_are_disconnected(monkeypatch: pytest.MonkeyPatch) -> None:
    warned = []
    monkeypatch.setattr(sys, "unraisablehook", lambda unraisable: warned.append(unraisable.exc_value))
    for _ in range(50):
        opened = live_pages.preview().__enter__()
        with contextlib.ExitStack() as clients:
            for _ in range(5):
                clients.enter_context(socket.create_connection(("127.0.0.1", port(opened))))
            opened.__exit__(None, None, None)
        del opened
    gc.collect()
    assert warned == []
