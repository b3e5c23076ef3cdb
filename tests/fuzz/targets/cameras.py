"""What a camera answers to a request for an image. It is never an exception, and no password gets into a message."""

import io
import socket
from pathlib import Path
from typing import Any, cast

from fuzz import mutations
from fuzz.loop import Fuzzed
from fuzz.seeds import encoded, picture
from tlpipe_edge.camera.image_url import ImageUrl
from tlpipe_edge.errors import BadData
from tlpipe_edge.images import decode

USER, PASSWORD = "s3cret-us3r", "s3cret-passw0rd"
WORDS = (
    *(b"\r\n\r\n", b"\r\n", b": ", b"HTTP/1.1 ", b"HTTP/1.0 ", b"HTTP/0.9", b"ICY ", b" 100 ", b" 204 ", b" 302 "),
    *(
        b" 401 ",
        b"Location: http://there/y",
        b"Location: ftp://there/y",
        b"Location: file:///etc/passwd",
        b"Location: //",
    ),
    *(b"Transfer-Encoding: chunked", b"Content-Length: -1", b"Content-Length: 5000000000", b"Content-Type: text/html"),
    *(b"WWW-Authenticate: Digest ", b"WWW-Authenticate: Basic ", b'realm="', b'qop="auth-int"', b"algorithm=SHA-256"),
    *(
        b"algorithm=",
        b"nonce=",
        b"opaque=",
        b"stale=true",
        b",",
        b"=",
        b'"',
        b"http://[::1",
        b"http://x:y/",
        USER.encode(),
    ),
)
JPEG = encoded(picture(), "JPEG")


class _Socket:
    """A connection to a camera that says the same to everyone."""

    def __init__(self, said: bytes) -> None:
        self._said = said

    def makefile(self, *_: object) -> io.BytesIO:
        return io.BytesIO(self._said)

    def sendall(self, data: bytes) -> None:
        assert data

    def setsockopt(self, *_option: int) -> None: ...
    def settimeout(self, _seconds: float) -> None: ...
    def close(self) -> None: ...


def prepare(_folder: Path) -> Fuzzed:
    decode.MAX_PIXELS = 1_000_000  # larger images are for the target images
    url = f"http://{USER}:{PASSWORD}@there/image.jpg"
    said, seeds = [b""], _seeds()
    socket.create_connection = cast(Any, lambda *_, **__: _Socket(said[0]))

    def read(content: bytes) -> None:
        said[0] = content
        found = ImageUrl(url).get()
        assert (found.pixels is None) == bool(found.problem)
        assert USER not in f"{found.problem} {found.advice}" and PASSWORD not in f"{found.problem} {found.advice}"
        if found.problem and content not in seeds:
            raise BadData(found.problem)

    return Fuzzed(read, seeds, mutations.octets(WORDS))


def _seeds() -> list[bytes]:
    chunks = b"%x\r\n%b\r\n0\r\n\r\n" % (len(JPEG), JPEG)
    digest = b'WWW-Authenticate: Digest realm="camera", qop="auth", nonce="abc", algorithm=MD5, stale="FALSE"\r\n'
    return [
        b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%b" % (len(JPEG), JPEG),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks,
        b"HTTP/1.0 200 OK\r\n\r\n" + JPEG,
        b"HTTP/1.1 401 Unauthorized\r\n" + digest + b'WWW-Authenticate: Basic realm="camera"\r\n\r\n',
        b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n" + digest.replace(b"MD5", b"SHA-256") + b"\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: http://elsewhere/image.jpg\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>",
    ]
