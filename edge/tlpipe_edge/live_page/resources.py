"""What the live page gives and takes besides its streams: page, answer, snapshot, metrics, settings, images to keep."""

import asyncio
import contextlib
import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from http import HTTPStatus
from typing import Any, TypeVar

from tlpipe_edge.camera.answer import Answer
from tlpipe_edge.camera.settings import Adjustable, Settings
from tlpipe_edge.errors import TlpipeError, WrongUsage
from tlpipe_edge.images.encode import as_jpeg
from tlpipe_edge.live_page.request import Request, Response
from tlpipe_edge.live_page.state import About, State

JSON = "application/json"
METRICS = "text/plain; version=0.0.4; charset=utf-8"
"""The text format of Prometheus."""

Result = TypeVar("Result")
Outcome = TypeVar("Outcome")


@dataclass(frozen=True)
class Offered:
    """What the page offers besides the newest frame.

    ``adjustable`` are the settings that viewers may change. ``keep`` stores the frame of an answer and returns its
    name, or raises a TlpipeError; it is called in a thread. ``metrics`` gives the text of /metrics. None: it is not
    offered.
    """

    about: About
    adjustable: Adjustable
    keep: Callable[[Answer], str] | None = None
    metrics: Callable[[], bytes] | None = None


class Resources:
    """The paths whose responses end. ``page`` is the document at /."""

    page = b""

    def __init__(self, offered: Offered) -> None:
        self._offered = offered
        self._waiting: set[asyncio.Future[Any]] = set()

    def methods(self, path: str) -> tuple[str, ...]:
        """The methods of a path; none if there is no such path."""
        if path in ("/", "/answer", "/snapshot.jpg") or (path == "/metrics" and self._offered.metrics):
            return "GET", "HEAD"
        return ("POST",) if path in ("/settings", "/keep") else ()

    def document(self, state: State) -> dict[str, Any]:
        """The state as JSON."""
        offered = self._offered
        return state.document(offered.about, offered.adjustable.current, keeps=offered.keep is not None)

    async def response(self, request: Request, state: State) -> Response:
        """The response to a request for a path and a method that there is."""
        newest = state.newest
        match request.path:
            case "/":
                return Response(self.page, "text/html; charset=utf-8")
            case "/answer":
                return _as_json(self.document(state))
            case "/metrics":
                assert self._offered.metrics
                return Response(self._offered.metrics(), METRICS)
            case "/settings":
                return self._adjusted(request)
            case "/keep" if self._offered.keep is None:
                return Response.refusing(HTTPStatus.NOT_FOUND, "No image is kept: start the camera with --collect DIR.")
            case _ if not isinstance(newest, Answer):
                return Response.refusing(HTTPStatus.SERVICE_UNAVAILABLE, newest or "There is no frame yet.")
            case "/snapshot.jpg":
                return Response(await self._in_thread(lambda: as_jpeg(newest.frame)), "image/jpeg")
            case _:
                return await self._kept(newest)

    def end(self) -> None:
        """Wait for nothing any more: what a thread still does has no response."""
        for each in self._waiting:
            each.cancel()

    def _adjusted(self, request: Request) -> Response:
        """Change those settings that the query names."""
        try:
            changed = replace(self._offered.adjustable.current, **_values(request.parameters))
        except WrongUsage as error:
            return Response.refusing(HTTPStatus.BAD_REQUEST, error.what)
        self._offered.adjustable.current = changed
        return _as_json(asdict(changed))

    async def _kept(self, answer: Answer) -> Response:
        keep = self._offered.keep
        assert keep
        try:
            return _as_json({"kept": await self._in_thread(lambda: keep(answer))})
        except TlpipeError as error:
            return Response.refusing(HTTPStatus.SERVICE_UNAVAILABLE, error.what)

    async def _in_thread(self, work: Callable[[], Result]) -> Result:
        """The result of ``work``, which may take long: a disk may hang. The end of the program does not wait for its
        thread, as it would for one of ``asyncio.to_thread``. Raise CancelledError at the ``end``."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[Result] = loop.create_future()

        def settle(set_outcome: Callable[[Outcome], None], outcome: Outcome) -> None:
            with contextlib.suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(lambda: None if done.done() else set_outcome(outcome))

        def run() -> None:
            try:
                result = work()
            except Exception as error:
                settle(done.set_exception, error)
            else:
                settle(done.set_result, result)

        self._waiting.add(done)
        try:
            threading.Thread(target=run, name="live page", daemon=True).start()
            return await done
        finally:
            self._waiting.discard(done)


def _values(parameters: Mapping[str, str]) -> dict[str, float]:
    """The values of settings. Raise WrongUsage for another name, and for a value that is no number."""
    known, values = asdict(Settings()), {}
    for name, text in parameters.items():
        if name == "token":
            continue
        if name not in known:
            raise WrongUsage(f"no such setting; there are {' and '.join(known)}", where=name)
        try:
            values[name] = float(text)
        except ValueError as error:
            raise WrongUsage("not a number", where=name) from error
    return values


def _as_json(document: dict[str, Any]) -> Response:
    return Response(json.dumps(document).encode("ascii") + b"\n", JSON)
