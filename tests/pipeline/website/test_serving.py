"""The server for trying a site, and its address: over http on this machine, over https for others."""

import http.client
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass

import cv2
import numpy as np
import pytest

from tlpipe.website import address, qr_code
from tlpipe.website.serving import Serving, serving
from tlpipe_edge.errors import Unavailable, WrongUsage
from tlpipe_edge.live_page.listen import ListenAddress

FILES = {"index.html": b"<!doctype html>", "tests/1.png": b"png", "a b.js": b"1", "litert.wasm.bin": b"wasm"}
LOCAL = ListenAddress.parse("127.0.0.1:0")


@dataclass(frozen=True)
class Response:
    status: int
    body: bytes
    headers: "http.client.HTTPMessage"


Get = Callable[..., Response]


@contextmanager
def running(at: ListenAddress = LOCAL) -> Iterator[tuple[Serving, Get]]:
    """The server in a thread, and a function that asks it, without checking who made the certificate."""
    with serving(FILES, at) as server:
        thread = threading.Thread(target=server.forever)
        thread.start()
        port = int(server.url.rstrip("/").rpartition(":")[2])

        def get(path: str, *, method: str = "GET", host: str = f"localhost:{port}") -> Response:
            client: http.client.HTTPConnection
            if server.url.startswith("https:"):
                unchecked = ssl.create_default_context()
                unchecked.check_hostname, unchecked.verify_mode = False, ssl.CERT_NONE
                client = http.client.HTTPSConnection("127.0.0.1", port, timeout=20, context=unchecked)
            else:
                client = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
            with closing(client):
                client.request(method, path, headers={"Host": host})
                answer = client.getresponse()
                return Response(answer.status, answer.read(), answer.headers)

        try:
            yield server, get
        finally:
            server.stop()
            thread.join()


def test_it_serves_the_files_with_their_types() -> None:
    with running() as (server, get):
        assert server.url.startswith("http://localhost:")
        for path, content, kind in (
            ("/", FILES["index.html"], "text/html; charset=utf-8"),
            ("/index.html?v=1", FILES["index.html"], "text/html; charset=utf-8"),
            ("/tests/1.png?v=12345678", b"png", "image/png"),
            ("/a%20b.js", b"1", "text/javascript; charset=utf-8"),
            ("/litert.wasm.bin", b"wasm", "application/octet-stream"),
        ):
            found = get(path)
            assert (found.status, found.body, found.headers["Content-Type"]) == (200, content, kind)
            assert (found.headers["Cache-Control"], found.headers["Connection"]) == ("no-cache", "close")
            assert found.headers["X-Content-Type-Options"] == "nosniff"
            assert "Content-Encoding" not in found.headers and found.headers["Server"] == "tlpipe"
        head = get("/", method="HEAD")
        assert (head.status, head.body, head.headers["Content-Length"]) == (200, b"", "15")


@pytest.mark.parametrize("path", ["/tests", "/tests/", "/other", "/../etc/passwd", "/%2e%2e/etc/passwd", "/.git"])
def test_it_serves_nothing_else(path: str) -> None:
    with running() as (_, get):
        assert get(path).status == 404


def test_it_refuses_other_methods_and_names() -> None:
    """A page of another site whose name resolves to this machine cannot read the files."""
    with running() as (_, get):
        assert get("/", method="POST").status == 501
        assert get("/", host="evil.example").status == 403
        assert get("/", host="127.0.0.1").status == 200


def test_for_others_it_is_https_and_a_silent_client_keeps_nobody_waiting() -> None:
    with running(ListenAddress.parse("0.0.0.0:0")) as (server, get):
        assert server.url.startswith("https://")
        port = int(server.url.rstrip("/").rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port)):
            found = get("/", host="camera.local")
            assert (found.status, found.body) == (200, FILES["index.html"])
        with socket.create_connection(("127.0.0.1", port)) as plain:
            plain.sendall(b"GET / HTTP/1.1\r\n\r\n")
            assert b"html" not in plain.recv(1000)


def test_a_certificate_is_for_the_names_and_for_a_month() -> None:
    with running(ListenAddress.parse("0.0.0.0:0")) as (server, _):
        port = int(server.url.rstrip("/").rpartition(":")[2])
        from cryptography import x509

        found = x509.load_pem_x509_certificate(ssl.get_server_certificate(("127.0.0.1", port)).encode())
    names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert "localhost" in names.get_values_for_type(x509.DNSName)
    assert (found.not_valid_after_utc - found.not_valid_before_utc).days == 31


def test_a_name_that_no_certificate_can_have_is_served(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ListenAddress, "public_name", "my_laptop")
    with running(ListenAddress.parse("0.0.0.0:0")) as (server, get):
        assert server.url.startswith("https://my_laptop:") and get("/").status == 200


def test_a_port_in_use_is_an_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(Unavailable) as raised, serving(FILES, ListenAddress.parse(f"127.0.0.1:{port}")):
            pass
    assert raised.value.exit_code == 69 and f"127.0.0.1:{port}: " in str(raised.value)


@pytest.mark.parametrize(
    "url",
    [
        "https://example.org/clothing/",
        "https://example.org:8443/a/b.html",
        "http://localhost:8000/",
        "http://127.0.0.1:8000",
        "http://[::1]/",
        "https://münchen.example/",
    ],
)
def test_an_address_that_a_camera_works_at(url: str) -> None:
    address.check(url)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://example.org/", "http: browsers give a page the camera only over https, or on localhost"),
        ("http://192.168.1.5:8000/", "only over https"),
        ("example.org", "not an address"),
        ("ftp://example.org/", "not an address"),
        ("https://", "not an address"),
        ("https://example.org:port/", "not an address"),
        ("https://[::1/", "not an address"),
        ("https://exam ple.org/", "not an address"),
        ("https://example.org/\n", "not an address"),
        ("https://example.org/" + "x" * 1000, "not an address"),
        ("https://me:pw@example.org/", "it has a user name or a password"),
        ("0", "not an address"),
    ],
)
def test_an_address_that_it_does_not(url: str, said: str) -> None:
    with pytest.raises(WrongUsage) as raised:
        address.check(url)
    assert said in str(raised.value) and "https://example.org/clothing/" in str(raised.value)


def test_a_phone_reads_the_code() -> None:
    """A block is light: the terminal's ground is dark."""
    url = "https://example.org/clothing/"
    halves = {" ": (0, 0), "▀": (255, 0), "▄": (0, 255), "█": (255, 255)}
    columns = [[halves[character] for character in line] for line in qr_code.lines(url)]
    rows = [[pair[half] for pair in line] for line in columns for half in (0, 1)]
    enlarged = cv2.resize(np.array(rows, np.uint8), None, fx=8, fy=8, interpolation=cv2.INTER_NEAREST)

    assert cv2.QRCodeDetector().detectAndDecode(enlarged)[0] == url
