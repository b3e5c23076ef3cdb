"""The live page: the newest frame with its prediction, in a browser.

One thread with one event loop serves all clients. ``show`` only stores the answer. If a client is connected, the loop
encodes the answer once, and all clients get the same bytes. A client that has not received the previous frame misses
this one. A client that receives no frame for ``PATIENCE`` seconds is disconnected.
"""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from types import TracebackType

from tlpipe_edge.camera.answer import Answer
from tlpipe_edge.camera.settings import Settings
from tlpipe_edge.errors import Unavailable, WrongUsage
from tlpipe_edge.live_page import page
from tlpipe_edge.live_page.access import TOKEN, Access
from tlpipe_edge.live_page.listen import ListenAddress
from tlpipe_edge.live_page.request import Request, Response, head
from tlpipe_edge.live_page.resources import Offered, Resources
from tlpipe_edge.live_page.state import State
from tlpipe_edge.live_page.stream import BOUNDARY, FIRST_PART, Shown, prepare

FRAMES_PER_SECOND = 15
PARTS_PER_SECOND = 400
"""Maximum frames a second to one client, and to all together: many clients get fewer each. Sending 400 takes 2 % of an
x86 core."""
MAX_CLIENTS = 128
"""Maximum number of requests that are served at once; a page holds two of them."""
MAX_WAITING = 256
"""Maximum number of connections without a request yet, twice as many as ``MAX_CLIENTS``, which may all connect at once.
With one more, the oldest is closed: so whoever opens connections and says nothing keeps nobody out."""
MAX_REQUEST = 16_384
"""Maximum bytes of a request with its headers."""
PATIENCE = 5.0
"""Time limit in seconds for a client to send its request, and to receive each frame."""
HEARTBEAT = 2.0
"""Seconds after which the same is sent again, so that each side notices when the other is gone."""
SEND_BUFFER = 131_072
"""Bytes of the send buffer of a client: a larger one would only hold older frames."""


@dataclass(frozen=True)
class _Live:
    """A path whose response never ends: its content type, its first bytes, and the part of each ``Shown`` to send."""

    kind: str
    first: bytes
    part: Callable[[Shown], bytes]


_LIVE = {
    "/stream": _Live(f"multipart/x-mixed-replace; boundary={BOUNDARY}", FIRST_PART, lambda s: s.part),
    "/events": _Live("text/event-stream", b"", lambda s: s.event),
}


class Preview:
    """The server of the live page, a context manager.

    ``address`` is HOST:PORT, or a port on the loopback address; ``url`` is the address for a browser, with the token.
    Do not change the frame of an answer after ``show``, and do not write ``url`` into a log.

    Raise WrongUsage if the address is invalid, if others can reach it and there is no ``token``, or if the token has
    other characters than letters, digits and ``-._~``; on entering, Unavailable if the port cannot be opened.
    """

    def __init__(self, address: str, *, token: str | None, offered: Offered) -> None:
        self._address = ListenAddress.parse(address)
        if token is None and not self._address.is_loopback:
            raise WrongUsage(
                "other machines can reach this address", "Set a token, or name only the port.", where=address
            )
        if token is not None and not TOKEN.fullmatch(token):
            raise WrongUsage("the token is empty or has invalid characters", "Use letters, digits and any of -._~")
        self._token, self._offered, self._resources = token, offered, Resources(offered)
        self._state = State()
        self._shown: Shown | None = None
        self._changed = asyncio.Event()
        self._watched = asyncio.Event()
        self._watchers = 0
        self._clients: set[asyncio.StreamWriter] = set()
        self._waiting: dict[asyncio.StreamWriter, None] = {}  # those of the clients that sent no request yet, in order

    def __enter__(self) -> "Preview":
        try:
            self._socket = socket.create_server(self._address.socket_address, family=self._address.family)
        except OSError as error:
            raise Unavailable(f"{error.strerror}", "Name another port.", where=self._address) from error
        self._bound(self._socket.getsockname()[1])
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

    def _bound(self, port: int) -> None:
        """Prepare what depends on the port."""
        query = "" if self._token is None else f"?token={self._token}"
        self.url = f"http://{self._address.public_name}:{port}/{query}"
        self._access = Access(self._token, self._address.is_loopback, f"tlpipe-preview-{port}")
        self._resources.page, self._policy = page.load(self._access.key)

    def show(self, answer: Answer) -> None:
        """Show this answer on the page, in place of the one before."""
        self._state = self._state.after(answer)

    def outage(self, reason: str) -> None:
        """Show on the page that the camera gives no frames, and why, until the next ``show``."""
        self._state = self._state.after(reason)

    def _run(self) -> None:
        with self._socket, contextlib.closing(self._loop), contextlib.suppress(asyncio.CancelledError):
            self._loop.run_until_complete(self._publishing)

    async def _publish(self) -> None:
        """Serve; while clients are connected, prepare the newest answer for all of them."""
        server = await asyncio.start_server(self._serve, sock=self._socket, limit=MAX_REQUEST, start_serving=False)
        state: State | None = None
        settings: Settings | None = None
        try:
            await server.start_serving()
            while True:
                await self._watched.wait()
                if self._shown is None or state is not self._state or settings is not self._offered.adjustable.current:
                    state, settings = self._state, self._offered.adjustable.current
                    frame = state.newest.frame if isinstance(state.newest, Answer) else None
                    self._shown = prepare(self._resources.document(state), frame)
                    self._changed.set()
                    self._changed = asyncio.Event()
                await asyncio.sleep(max(1 / FRAMES_PER_SECOND, self._watchers / PARTS_PER_SECOND))
        finally:
            self._loop.remove_reader(self._socket)
            # Nothing is cancelled: a task of asyncio that is accepting a connection would leave it open.
            while asyncio.all_tasks() != {asyncio.current_task()}:
                for client in self._clients:
                    client.transport.abort()
                self._resources.end()
                self._changed.set()
                await asyncio.sleep(0)
            server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._clients.add(writer)
        self._waiting[writer] = None
        try:
            if len(self._waiting) > MAX_WAITING:
                oldest = next(iter(self._waiting))
                del self._waiting[oldest]
                oldest.transport.abort()
            writer.transport.set_write_buffer_limits(high=0)
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
            async with asyncio.timeout(PATIENCE):
                received = await reader.readuntil(b"\r\n\r\n")
            self._waiting.pop(writer, None)
            request = Request.parse(received)
            if request:
                await self._respond(request, reader, writer)
        except (OSError, EOFError, asyncio.LimitOverrunError):
            pass  # the client disconnected, was too slow (TimeoutError is an OSError), or does not speak HTTP
        finally:
            self._waiting.pop(writer, None)
            writer.transport.abort()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
            self._clients.discard(writer)

    async def _respond(self, request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        headers = {"Content-Security-Policy": self._policy}
        refused = self._refused(request)
        live = None if refused else _LIVE.get(request.path)
        response = (
            Response(live.first, live.kind) if live else refused or await self._resources.response(request, self._state)
        )
        if request.path == "/" and not refused and self._token is not None:
            headers["Set-Cookie"] = f"{self._access.cookie}={self._token}; Path=/; HttpOnly; SameSite=Strict"
        if response.status == HTTPStatus.METHOD_NOT_ALLOWED:
            headers["Allow"] = ", ".join(self._methods(request.path))
        start = head(response.status, response.kind, headers)
        await _send(writer, start + (b"" if request.method == "HEAD" else response.body))
        if live and request.method == "GET":
            await self._follow(reader, writer, live.part)

    def _refused(self, request: Request) -> Response | None:
        """The refusal of a request; without a token, it is the same for any path."""
        methods = self._methods(request.path)
        if len(self._clients) - len(self._waiting) > MAX_CLIENTS:
            return Response.refusing(HTTPStatus.SERVICE_UNAVAILABLE)
        if not self._access.may_see(request):
            return Response.refusing(HTTPStatus.FORBIDDEN)
        if not methods:
            return Response.refusing(HTTPStatus.NOT_FOUND)
        if request.method not in methods:
            return Response.refusing(HTTPStatus.METHOD_NOT_ALLOWED)
        if request.method == "POST" and not self._access.may_change(request):
            return Response.refusing(HTTPStatus.FORBIDDEN, "Only the page, or a bearer token, may change something.")
        return None

    def _methods(self, path: str) -> tuple[str, ...]:
        """The methods of a path; none if there is no such path."""
        return ("GET", "HEAD") if path in _LIVE else self._resources.methods(path)

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
