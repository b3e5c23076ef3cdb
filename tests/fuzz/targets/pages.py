"""Requests to the live page. Nobody gets in without the token."""

import asyncio
from pathlib import Path
from typing import Any, cast

from fuzz import mutations
from fuzz.loop import Fuzzed
from tlpipe_edge.camera.settings import Adjustable, Settings
from tlpipe_edge.errors import BadData
from tlpipe_edge.live_page import server
from tlpipe_edge.live_page.resources import Offered
from tlpipe_edge.live_page.server import MAX_REQUEST, Preview
from tlpipe_edge.live_page.state import About

TOKEN = "s3cret-t0ken"
PORT = 8080
WORDS = (
    *(b"\r\n\r\n", b"\r\n", b": ", b"Host: localhost", b"Cookie: ", TOKEN.encode(), b"?token=", b"%00", b"%ff", b"%s3"),
    *(
        b"/settings",
        b"/answer",
        b"/snapshot.jpg",
        b"/metrics",
        b"/keep",
        b"threshold=nan",
        b"smoothing=1e999",
        b"Bearer ",
    ),
    *(b";", b"&", b"=", b"HTTP/1.1", b"/stream", b"/events", b"GET ", b"HEAD ", b"POST ", b"[::1]"),
)


class _Writer:
    """A client that takes all that is sent."""

    def __init__(self) -> None:
        self.sent = b""

    @property
    def transport(self) -> "_Writer":
        return self

    def write(self, data: bytes) -> None:
        self.sent += data

    def get_extra_info(self, _name: str) -> "_Writer":
        return self

    def set_write_buffer_limits(self, *, high: int) -> None: ...
    def setsockopt(self, *_option: int) -> None: ...
    def abort(self) -> None: ...
    async def drain(self) -> None: ...
    async def wait_closed(self) -> None: ...


def prepare(_folder: Path) -> Fuzzed:
    about = About("model", "int8", "0" * 64, 2, 96, "stretch", "board")
    offered = Offered(about, Adjustable(Settings()), keep=lambda _: "kept", metrics=lambda: b"")
    previews = [
        Preview(str(PORT), token=None, offered=offered),
        Preview(str(PORT), token=TOKEN, offered=offered),
        Preview(f"0.0.0.0:{PORT}", token=TOKEN, offered=offered),
    ]
    for preview in previews:
        preview._bound(PORT)
    server.HEARTBEAT = 0.001  # seconds until it looks again whether a client is gone
    loop = asyncio.new_event_loop()

    def read(content: bytes) -> None:
        answers = [loop.run_until_complete(_answer(preview, content)) for preview in previews]
        for preview, answer in zip(previews, answers, strict=True):
            assert not preview._clients and not preview._watchers
            assert not answer or answer.startswith(b"HTTP/1.1 ")
            head = answer.partition(b"\r\n\r\n")[0]
            assert TOKEN.encode() not in head or TOKEN.encode() in content
        assert TOKEN.encode() in _unquoted(content) or not any(b" 200 " in each[:20] for each in answers[1:])
        if not any(answers):
            raise BadData("no request")

    first = f"GET /?token={TOKEN} HTTP/1.1\r\nHost: localhost:{PORT}\r\nAccept: */*\r\n\r\n"
    second = f"HEAD /stream HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: a=b; tlpipe-preview-{PORT}={TOKEN}\r\n\r\n"
    third = f"GET /events HTTP/1.0\r\nHost: [::1]:{PORT}\r\nCookie: tlpipe-preview-{PORT}={TOKEN}\r\n\r\n"
    fourth = f"POST /settings?threshold=0.6&token={TOKEN} HTTP/1.1\r\nHost: localhost\r\n\r\n"
    fifth = f"GET /answer HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n\r\n"
    return Fuzzed(read, [each.encode() for each in (first, second, third, fourth, fifth)], mutations.octets(WORDS))


async def _answer(preview: Preview, content: bytes) -> bytes:
    reader, writer = asyncio.StreamReader(limit=MAX_REQUEST), _Writer()
    reader.feed_data(content)
    reader.feed_eof()
    await preview._serve(reader, cast(Any, writer))
    return writer.sent


def _unquoted(content: bytes) -> bytes:
    from urllib.parse import unquote_to_bytes

    return unquote_to_bytes(content)
