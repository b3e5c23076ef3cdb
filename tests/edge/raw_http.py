"""Real HTTP requests to a live page on the loopback address."""

import contextlib
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPMessage, HTTPResponse

from tlpipe_edge.live_page.server import Preview

PATIENCE = 30.0
"""Seconds; a loaded machine takes its time."""


def port(preview: Preview) -> int:
    return int(preview.url.split("/")[2].rpartition(":")[2])


@contextlib.contextmanager
def asking(preview: Preview, path: str, method: str, headers: dict[str, str]) -> Iterator[HTTPResponse]:
    with contextlib.closing(HTTPConnection("127.0.0.1", port(preview), timeout=PATIENCE)) as connection:
        connection.request(method, path, headers=headers)
        with connection.getresponse() as response:  # it is what holds the socket
            yield response


def following(preview: Preview, path: str) -> contextlib.AbstractContextManager[HTTPResponse]:
    return asking(preview, path, "GET", {})


def ask(preview: Preview, path: str, *, method: str = "GET", **headers: str) -> tuple[int, HTTPMessage, bytes]:
    """Status, headers and body; of a body without end, nothing."""
    with asking(preview, path, method, headers) as response:
        endless = response.headers["Content-Type"].startswith(("multipart", "text/event-stream")) and method == "GET"
        return response.status, response.headers, b"" if endless else response.read()


def status(preview: Preview, path: str, **headers: str) -> int:
    return ask(preview, path, **headers)[0]
