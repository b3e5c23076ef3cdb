"""The live page: the newest frame with its prediction, in a browser.

One thread with one event loop serves all clients. ``show`` only stores the answer. If a client is connected, the loop
encodes the answer once, and all clients get the same bytes. A client that has not received the previous frame misses
this one. A client that receives no frame for ``PATIENCE`` seconds is disconnected.
"""

import asyncio
import base64
import contextlib
import hashlib
import hmac
import re
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from importlib import resources
from types import TracebackType
from urllib.parse import parse_qs

from tlpipe_edge.camera.answer import Answer
from tlpipe_edge.errors import Unavailable, WrongUsage
from tlpipe_edge.live_page.listen import ListenAddress, names_loopback
from tlpipe_edge.live_page.stream import BOUNDARY, Shown, prepare

FRAMES_PER_SECOND = 15
PARTS_PER_SECOND = 400
"""Maximum frames a second to one client, and to all together: many clients get fewer each. Sending 400 takes 2 % of an
x86 core."""
MAX_CLIENTS = 128
"""Maximum number of connections; a page holds two of them."""
MAX_REQUEST = 16_384
"""Maximum bytes of a request with its headers."""
PATIENCE = 5.0
"""Time limit in seconds for a client to send its request, and to receive each frame."""
HEARTBEAT = 2.0
"""Seconds after which the same is sent again, so that each side notices when the other is gone."""
SEND_BUFFER = 131_072
"""Bytes of the send buffer of a client: a larger one would only hold older frames."""

_SCRIPTS = ("prediction.js", "page.js")
"""Modules of the page, in the order in which they are joined. The page of ``tlpipe web`` uses the first, too."""
_TOKEN = re.compile(r"[A-Za-z0-9._~-]+")


@dataclass(frozen=True)
class _Live:
    """A path whose response never ends: its content type, its first bytes, and the part of each ``Shown`` to send."""

    kind: str
    first: bytes
    part: Callable[[Shown], bytes]


_LIVE = {
    "/stream": _Live(f"multipart/x-mixed-replace; boundary={BOUNDARY}", f"--{BOUNDARY}\r\n".encode(), lambda s: s.part),
    "/events": _Live("text/event-stream", b"", lambda s: s.event),
}


@dataclass(frozen=True)
class _Request:
    """The first line and the headers of a request; header names in lower case, the query as it was sent."""

    method: str
    path: str
    query: str
    headers: dict[str, str]


class Preview:
    """The server of the live page, a context manager.

    ``address`` is HOST:PORT, or a port on the loopback address; ``url`` is the address for a browser, with the token.
    Do not change the frame of an answer after ``show``, and do not write ``url`` into a log.

    Raise WrongUsage if the address is invalid, if others can reach it and there is no ``token``, or if the token has
    other characters than letters, digits and ``-._~``; on entering, Unavailable if the port cannot be opened.
    """

    def __init__(self, address: str, *, token: str | None) -> None:
        self._address = ListenAddress.parse(address)
        if token is None and not self._address.is_loopback:
            raise WrongUsage(
                "other machines can reach this address", "Set a token, or name only the port.", where=address
            )
        if token is not None and not _TOKEN.fullmatch(token):
            raise WrongUsage("the token is empty or has invalid characters", "Use letters, digits and any of -._~")
        self._token = token
        self._page, self._policy = _load_page()
        self._newest: Answer | str | None = None  # an answer, the reason of an outage, or nothing yet
        self._shown: Shown | None = None
        self._changed = asyncio.Event()
        self._watched = asyncio.Event()
        self._watchers = 0
        self._clients: set[asyncio.StreamWriter] = set()

    def __enter__(self) -> "Preview":
        try:
            self._socket = socket.create_server(self._address.socket_address, family=self._address.family)
        except OSError as error:
            raise Unavailable(f"{error.strerror}", "Name another port.", where=self._address) from error
        self._port = self._socket.getsockname()[1]
        query = "" if self._token is None else f"?token={self._token}"
        self.url = f"http://{self._address.public_name}:{self._port}/{query}"
        self._loop = asyncio.new_event_loop()
        self._publishing = self._loop.create_task(self._publish())
        self._thread = threading.Thread(target=self._run, name="preview", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._publishing.cancel)
        self._thread.join()

    def show(self, answer: Answer) -> None:
        """Show this answer on the page, in place of the one before."""
        self._newest = answer

    def outage(self, reason: str) -> None:
        """Show on the page that the camera gives no frames, and why, until the next ``show``."""
        self._newest = reason

    def _run(self) -> None:
        with self._socket, contextlib.closing(self._loop), contextlib.suppress(asyncio.CancelledError):
            self._loop.run_until_complete(self._publishing)

    async def _publish(self) -> None:
        """Serve; while clients are connected, prepare the newest answer for all of them."""
        server = await asyncio.start_server(self._serve, sock=self._socket, limit=MAX_REQUEST, start_serving=False)
        source: Answer | str | None = None
        try:
            await server.start_serving()
            while True:
                await self._watched.wait()
                if self._shown is None or self._newest is not source:
                    source = self._newest
                    self._shown = prepare(source)
                    self._changed.set()
                    self._changed = asyncio.Event()
                await asyncio.sleep(max(1 / FRAMES_PER_SECOND, self._watchers / PARTS_PER_SECOND))
        finally:
            self._loop.remove_reader(self._socket)
            # Nothing is cancelled: a task of asyncio that is accepting a connection would leave it open.
            while asyncio.all_tasks() != {asyncio.current_task()}:
                for client in self._clients:
                    client.transport.abort()
                self._changed.set()
                await asyncio.sleep(0)
            server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._clients.add(writer)
        try:
            if len(self._clients) > 2 * MAX_CLIENTS:
                return
            writer.transport.set_write_buffer_limits(high=0)
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
            async with asyncio.timeout(PATIENCE):
                head = await reader.readuntil(b"\r\n\r\n")
            request = _parse(head)
            if request:
                await self._respond(request, reader, writer)
        except (OSError, EOFError, asyncio.LimitOverrunError):
            pass  # the client disconnected, was too slow (TimeoutError is an OSError), or does not speak HTTP
        finally:
            writer.transport.abort()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
            self._clients.discard(writer)

    async def _respond(self, request: _Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        status = self._status(request)
        headers = {"Content-Security-Policy": self._policy}
        live = _LIVE.get(request.path) if status == HTTPStatus.OK else None
        if live:
            kind, body = live.kind, live.first
        elif status == HTTPStatus.OK:
            kind, body = "text/html; charset=utf-8", self._page
            if self._token is not None:
                headers["Set-Cookie"] = f"{self._cookie}={self._token}; Path=/; HttpOnly; SameSite=Strict"
        else:
            kind, body = "text/plain", f"{status.phrase}\n".encode()
            if status == HTTPStatus.METHOD_NOT_ALLOWED:
                headers["Allow"] = "GET, HEAD"
        await _send(writer, _head(status, kind, headers) + (b"" if request.method == "HEAD" else body))
        if live and request.method == "GET":
            await self._follow(reader, writer, live.part)

    def _status(self, request: _Request) -> HTTPStatus:
        """200 for a known path with a valid token; without a token, 403 for any path."""
        if len(self._clients) > MAX_CLIENTS:
            return HTTPStatus.SERVICE_UNAVAILABLE
        if not self._admits(request):
            return HTTPStatus.FORBIDDEN
        if request.path != "/" and request.path not in _LIVE:
            return HTTPStatus.NOT_FOUND
        return HTTPStatus.OK if request.method in ("GET", "HEAD") else HTTPStatus.METHOD_NOT_ALLOWED

    def _admits(self, request: _Request) -> bool:
        """Whether the token is in the query or a cookie, and, on loopback, the Host header names this machine."""
        if self._address.is_loopback and not names_loopback(request.headers.get("host", "")):
            return False
        if self._token is None:
            return True
        cookies = dict(pair.strip().partition("=")[::2] for pair in request.headers.get("cookie", "").split(";"))
        given = parse_qs(request.query).get("token", [cookies.get(self._cookie, "")])[0]
        return hmac.compare_digest(given.encode(), self._token.encode())

    @property
    def _cookie(self) -> str:
        """The name of the cookie. It has the port, because browsers share cookies between the ports of a host."""
        return f"tlpipe-preview-{self._port}"

    async def _follow(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, part: Callable[[Shown], bytes]
    ) -> None:
        """Send the newest part, and the next one as soon as there is one and the client has received this one."""
        self._watchers += 1
        self._watched.set()
        gone = asyncio.create_task(_read_all(reader))
        try:
            while not gone.done():  # without a frame nothing is sent, so no send would fail
                changed = self._changed
                await _send(writer, part(self._shown) if self._shown else b"")
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(HEARTBEAT):
                        await changed.wait()
        finally:
            gone.cancel()
            self._watchers -= 1
            if not self._watchers:
                self._watched.clear()
                self._shown = None


async def _read_all(reader: asyncio.StreamReader) -> None:
    """Read what a client sends after its request, until it is gone: where something is left to read, its end is not
    seen."""
    with contextlib.suppress(OSError):
        while await reader.read(MAX_REQUEST):
            pass


async def _send(writer: asyncio.StreamWriter, data: bytes) -> None:
    """Pass all of it to the system. Raise TimeoutError if the client does not receive it."""
    writer.write(data)
    async with asyncio.timeout(PATIENCE):
        await writer.drain()


def _load_page() -> tuple[bytes, str]:
    """The page, and a Content-Security-Policy that allows its own style and script and nothing else."""
    files = resources.files("tlpipe_edge.live_page")
    style = b"".join(files.joinpath(name).read_bytes() for name in ("style.css", "page.css"))
    script = b'"use strict";\n' + b"".join(_as_script(files.joinpath(name).read_bytes()) for name in _SCRIPTS)
    page = files.joinpath("page.html").read_bytes()
    sums = {}
    for name, text in (("style", style), ("script", script)):
        page = page.replace(f"<{name}></{name}>".encode(), f"<{name}>".encode() + text + f"</{name}>".encode())
        sums[name] = base64.b64encode(hashlib.sha256(text).digest()).decode()
    own = "; ".join(f"{name}-src 'sha256-{checksum}'" for name, checksum in sums.items())
    nothing_else = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    return page, f"{nothing_else}; img-src 'self' data:; connect-src 'self'; {own}"


def _as_script(module: bytes) -> bytes:
    """A module as a part of one script: an inline script has no other module to import from."""
    return re.sub(rb"^import .*\n|^export ", b"", module, flags=re.MULTILINE)


def _parse(head: bytes) -> _Request | None:
    """The request, or None if it is not HTTP."""
    first, *lines = head.decode("latin-1").split("\r\n")
    words = first.split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/1."):
        return None
    path, _, query = words[1].partition("?")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return _Request(words[0], path, query, headers)


def _head(status: HTTPStatus, kind: str, headers: dict[str, str]) -> bytes:
    lines = {
        "Content-Type": kind,
        "Connection": "close",
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "Cross-Origin-Resource-Policy": "same-origin",
    }
    text = "".join(f"{name}: {value}\r\n" for name, value in (lines | headers).items())
    return f"HTTP/1.1 {status.value} {status.phrase}\r\n{text}\r\n".encode()
