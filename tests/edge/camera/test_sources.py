"""Real sources: a video file, a folder, an HTTP stream; cameras are not to be had in a test, but their absence is."""

import contextlib
import itertools
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import cv2
import numpy as np
import pytest

from tlpipe_edge.camera import address, sources
from tlpipe_edge.errors import BadData, MissingInput, Unavailable

COLOURS = ((200, 30, 30), (30, 200, 30), (30, 30, 200))


class Clock:
    """In the place of the module ``time``: it goes on while somebody sleeps."""

    now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def video(tmp_path: Path) -> Path:
    """Three frames of red, green and blue at 20 a second."""
    file = tmp_path / "video.avi"
    writer = cv2.VideoWriter(str(file), cv2.VideoWriter_fourcc(*"MJPG"), 20, (64, 48))  # type: ignore[attr-defined]
    for colour in COLOURS:
        writer.write(np.full((48, 64, 3), colour[::-1], np.uint8))
    writer.release()
    return file


@pytest.fixture
def stream() -> Iterator[str]:
    """An HTTP server whose MJPEG stream ends after five frames."""
    jpeg = cv2.imencode(".jpg", np.full((48, 64, 3), (30, 30, 200), np.uint8))[1].tobytes()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
            self.end_headers()
            with contextlib.suppress(OSError):
                for _ in range(5):
                    header = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
                    self.wfile.write(header.encode() + jpeg + b"\r\n")
                    time.sleep(0.02)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/video"
    server.shutdown()
    server.server_close()


def assert_colours(found: list[np.ndarray], colours: tuple[tuple[int, int, int], ...]) -> None:
    assert len(found) == len(colours)
    for frame, colour in zip(found, colours, strict=True):
        assert frame.shape == (48, 64, 3) and frame.dtype == np.uint8
        np.testing.assert_allclose(frame.mean(axis=(0, 1)), colour, atol=6)  # JPEG


def test_a_video_gives_rgb_frames_at_its_own_speed(video: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr(sources, "time", clock)
    shown = [(clock.now, frame) for frame in sources.read(str(video))]

    assert_colours([frame for _, frame in shown], COLOURS)
    assert [seconds for seconds, _ in shown] == pytest.approx([0, 1 / 20, 2 / 20])


def test_a_video_begins_again_when_told(video: Path) -> None:
    assert_colours(list(itertools.islice(sources.read(str(video), loop=True), 5)), (*COLOURS, *COLOURS[:2]))


def test_a_folder_gives_its_photographs_in_order_and_passes_over_the_bad(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "IMAGE_SECONDS", 0.01)
    for name, colour in zip(("a.png", "c.png", "deeper/d.png"), COLOURS, strict=True):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        cv2.imwrite(str(tmp_path / name), np.full((48, 64, 3), colour[::-1], np.uint8))
    (tmp_path / "b.jpg").write_bytes(b"\xff\xd8\xff no picture")

    assert_colours(list(sources.read(str(tmp_path))), COLOURS)


def test_a_stream_that_ends_is_unavailable(stream: str) -> None:
    source = sources.read(stream)
    found = [next(source) for _ in range(3)]

    assert_colours(found, (COLOURS[0],) * 3)
    with pytest.raises(Unavailable, match="delivers no more frames"):
        list(source)


@pytest.mark.parametrize("source", ["97", "/dev/video97", "http://127.0.0.1:9/nothing"])
def test_a_camera_that_is_not_there_is_unavailable(source: str) -> None:
    with pytest.raises(Unavailable, match="cannot be opened"):
        next(sources.read(source))


def test_a_password_is_in_no_message() -> None:
    source = "http://user:secret@127.0.0.1:9/video?token=secret"
    with pytest.raises(Unavailable) as caught:
        next(sources.read(source))

    assert "secret" not in str(caught.value) and "http://127.0.0.1:9: cannot be opened" in caught.value.what


def test_without_picamera2_the_way_to_it_is_named() -> None:
    with pytest.raises(Unavailable, match="picamera2 is not installed") as caught:
        next(sources.read("picamera2"))
    assert "apt install python3-picamera2" in caught.value.advice


@pytest.mark.parametrize("number", ["9" * 11, "1" * 5000])
def test_a_number_that_no_camera_has(number: str) -> None:
    with pytest.raises(MissingInput):
        next(sources.read(number))


def test_what_is_no_source(tmp_path: Path) -> None:
    with pytest.raises(MissingInput, match="no such camera, file or folder"):
        sources.read("gone.avi")
    (tmp_path / "text.avi").write_text("no video")
    with pytest.raises(BadData, match="not a video"):
        next(sources.read(str(tmp_path / "text.avi")))
    (tmp_path / "empty").mkdir()
    for loop in (False, True):
        with pytest.raises(BadData, match="no images"):
            next(sources.read(str(tmp_path / "empty"), loop=loop))


@pytest.mark.parametrize(
    ("source", "live"),
    [
        ("0", True),
        ("/dev/video0", True),
        ("picamera2", True),
        ("rtsp://c/1", True),
        ("a.mp4", False),
        ("folder", False),
    ],
)
def test_cameras_and_streams_are_live(source: str, live: bool) -> None:
    assert address.is_live(source) is live
