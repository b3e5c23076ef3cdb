"""A network camera that gives one image per request: it is asked again and again, and what it refuses is told."""

import base64
import contextlib
import hashlib
import itertools
import threading
import time
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from tlpipe_edge import Answer, Classifier, Outage, watch
from tlpipe_edge.camera import image_url, loop, sources
from tlpipe_edge.camera.sources import Still
from tlpipe_edge.errors import Unavailable

RED, BLUE = (200, 30, 30), (30, 30, 200)


def jpeg(colour: tuple[int, int, int], *, orientation: int = 1) -> bytes:
    """64 pixels wide and 48 high as stored."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    file = BytesIO()
    Image.new("RGB", (64, 48), colour).save(file, "JPEG", exif=exif)
    return file.getvalue()


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


class Camera(BaseHTTPRequestHandler):
    """Each path is a camera of another kind."""

    asked: tuple[str, ...] = ()

    def do_GET(self) -> None:
        kind = self.path.split("/")[1].partition("?")[0]
        Camera.asked = (*Camera.asked, self.path)
        with contextlib.suppress(OSError):
            getattr(self, kind)()

    def give(self, body: bytes, content_type: str = "image/jpeg", *, code: int = 200, **headers: str) -> None:
        self.send_response(code)
        for name, value in {"Content_Type": content_type, "Content_Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def capture(self) -> None:
        self.give(jpeg((RED, BLUE)[len(self.asked) % 2]))

    def turned(self) -> None:
        self.give(jpeg(RED, orientation=6))

    def untyped(self) -> None:
        self.give(jpeg(RED), "application/octet-stream")

    def moved(self) -> None:
        self.give(b"", code=302, Location="/capture?from=elsewhere")

    def moved_far(self) -> None:
        """It says that the page about it is larger than any memory."""
        self.give(b"", code=302, Location="/capture", Content_Length=str(2**63))

    def basic(self, *challenges: str) -> None:
        wanted = "Basic " + base64.b64encode(b"admin:p ss/1").decode()
        if self.headers.get("Authorization") == wanted:
            self.capture()
        else:
            self.send_response(401)
            for challenge in challenges or ('Basic realm="camera"',):
                self.send_header("WWW-Authenticate", challenge)
            self.end_headers()

    def unquoted(self) -> None:
        self.basic("Basic realm=camera")

    def second(self) -> None:
        self.basic("Negotiate", 'Basic realm="camera"')

    def digest(self) -> None:
        if 'username="admin"' in self.headers.get("Authorization", ""):
            self.capture()
        else:
            self.give(b"", code=401, WWW_Authenticate='Digest realm="camera", nonce="1", qop="auth", algorithm=MD5')

    def digest_sha256(self) -> None:
        """The example of RFC 7616, 3.9.1, with the one nonce that this server has."""
        given = urllib.request.parse_keqv_list(
            urllib.request.parse_http_list(self.headers.get("Authorization", "").removeprefix("Digest "))
        )
        if given:
            login, request = (sha256(text) for text in ("Mufasa:camera:Circle", f"GET:{self.path}"))
            counted = ":".join((given["nonce"], given["nc"], given["cnonce"], "auth"))
            if given["response"] == sha256(f"{login}:{counted}:{request}"):
                return self.capture()
        challenge = 'Digest realm="camera", nonce="1", qop="auth", algorithm=sha-256'
        return self.give(b"", code=401, WWW_Authenticate=challenge)

    def negotiate(self) -> None:
        self.give(b"", code=401, WWW_Authenticate="Negotiate")

    def valueless(self) -> None:
        self.give(b"", code=401, WWW_Authenticate='Digest realm="camera", nonce=')

    def nameless(self) -> None:
        """Without a Content-Type."""
        self.wfile.write(b"HTTP/1.0 200 OK\r\n\r\n" + jpeg(RED))

    def page(self) -> None:
        self.give(b"<html><body>log in</body></html>", "text/Secret1")

    def cut(self) -> None:
        self.give(jpeg(RED)[:-20], Content_Length=str(len(jpeg(RED))))

    def damaged(self) -> None:
        self.give(jpeg(RED)[:-20])

    def huge(self) -> None:
        self.give(jpeg(RED) + bytes(10_000))

    def missing(self) -> None:
        self.give(b"", code=404)

    def slow(self) -> None:
        time.sleep(1)

    def dripping(self) -> None:
        for byte in jpeg(RED)[:20]:
            self.wfile.write(b"HTTP/1.0 200 OK\r\nContent-Type: image/jpeg\r\n\r\n" if byte == 0xFF else bytes([byte]))
            time.sleep(0.05)

    def chunked(self) -> None:
        """With a chunk of a size that no machine has."""
        self.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-fffffffffffffffffff\r\n" + jpeg(RED))

    def closing(self) -> None:
        self.close_connection = True

    def failing(self) -> None:
        if len(self.asked) < 5:
            self.capture()
        else:
            self.give(b"Secret1", code=503)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """HOST:PORT."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Camera) as camera:
        threading.Thread(target=camera.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{camera.server_port}"
        camera.shutdown()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "INTERVAL", 0.01)
    Camera.asked = ()


@pytest.mark.parametrize(
    "address",
    [
        "http://{}/capture",
        "HTTP://{}/capture?user=admin&password=x y#part",
        "http://{}/untyped",
        "http://{}/nameless",
        "http://{}/moved",
        "http://Mufasa:Circle@{}/digest_sha256",
        "http://{}/moved_far",
        "http://admin:p%20ss%2F1@{}/basic",
        "http://admin:p%20ss%2F1@{}/unquoted",
        "http://admin:p%20ss%2F1@{}/second",
        "http://admin:Secret1@{}/digest/picture/1/current/",
    ],
)
def test_an_image_is_asked_for_again_and_again(address: str, server: str) -> None:
    frames = list(itertools.islice(sources.read(address.format(server)), 8))  # more than urllib's five retries

    for frame in frames:
        assert isinstance(frame, Still) and frame.pixels.shape == (48, 64, 3)
        colour = frame.pixels.mean(axis=(0, 1))
        assert np.abs(colour - RED).max() < 6 or np.abs(colour - BLUE).max() < 6


def test_the_query_is_sent_and_the_password_is_not_in_the_address(server: str) -> None:
    next(sources.read(f"http://admin:Secret1@{server}/capture?cmd=Snap&rs=ab%2Fc"))

    assert Camera.asked[-1] == "/capture?cmd=Snap&rs=ab%2Fc"


def test_an_image_is_upright_as_its_exif_says(server: str) -> None:
    frame = next(sources.read(f"http://{server}/turned"))

    assert isinstance(frame, Still) and frame.pixels.shape == (64, 48, 3)


@pytest.mark.parametrize(
    ("path", "said", "advice"),
    [
        ("basic", "the server answers HTTP 401 Unauthorized", "Check its user and password."),
        ("digest_sha256", "the server answers HTTP 401 Unauthorized", "Check its user and password."),
        ("negotiate", "the server answers HTTP 401 Unauthorized", "Check its user and password."),
        ("valueless", "the server answers HTTP 401 Unauthorized", "Check its user and password."),
        ("missing", "the server answers HTTP 404 Not Found", "Check its address."),
        (
            "page",
            "the server answers with text, not with an image",
            "Name the address of its stream or image, not of a page.",
        ),
        ("chunked", "no valid response", "Check its address."),
        ("closing", "no valid response", "Check its address."),
    ],
)
def test_what_the_server_refuses_is_told_without_secrets(path: str, said: str, advice: str, server: str) -> None:
    with pytest.raises(Unavailable) as caught:
        next(sources.read(f"http://admin:Secret1@{server}/{path}?token=Secret1"))

    assert str(caught.value) == f"camera http://{server}: cannot be opened ({said})\n{advice}"


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("cut", "the response is cut off"),
        ("damaged", "the server's image: truncated JPEG"),
        ("huge", "the server's image: more than 0 MB, too large for an image"),
    ],
)
def test_an_image_that_cannot_be_used(path: str, said: str, server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_url, "MAX_BYTES", 5000)

    assert image_url.ImageUrl(f"http://{server}/{path}").get().problem == said


def test_a_slow_server_is_not_waited_for(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_url, "TIMEOUT", 0.2)

    assert image_url.ImageUrl(f"http://{server}/slow").get().problem == "no response for 0.2 s"
    assert image_url.ImageUrl(f"http://{server}/dripping").get().problem == "no response for 0.2 s"


@pytest.mark.parametrize(
    "url", ["http://[", "http://a b/", "http://admin:p[w@[::1", "http://:x@/", "http://\u00fc:-1/\u00fc"]
)
def test_no_url_at_all(url: str) -> None:
    assert image_url.ImageUrl(url).get().pixels is None


def test_when_the_images_end_the_reason_is_told(server: str) -> None:
    with pytest.raises(Unavailable) as caught:
        list(sources.read(f"http://{server}/failing?token=Secret1"))

    said = "delivers no more images (the server answers HTTP 503 Service Unavailable)"
    assert caught.value.what == f"camera http://{server}: {said}"


@pytest.mark.usefixtures("importable_cameras")
def test_the_same_image_is_an_outage_only_after_a_longer_time(
    classifier: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = itertools.count(step=5)  # of a clock that goes on with each look at it: one a frame, and one for its rate
    monkeypatch.setattr(loop, "time", SimpleNamespace(monotonic=lambda: next(seconds)))
    events = watch(classifier, "0", reader="cameras:slow_still", timeout=30)
    assert all(isinstance(event, Answer) for event in itertools.islice(events, 5))  # 50 of the 60 seconds
    events.close()

    monkeypatch.setattr(loop, "STILL_TIMEOUT", 45)
    events = watch(classifier, "0", reader="cameras:slow_still", timeout=30)
    outage = next(event for event in events if isinstance(event, Outage))
    assert "keeps repeating one frame" in outage.reason
    events.close()
