"""A small server for trying a site at once. It has the files in memory, so it gives away nothing else."""

import contextlib
import errno
import ipaddress
import socket
import ssl
import sys
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import PurePosixPath
from socketserver import TCPServer
from urllib.parse import unquote

from tlpipe.website import built
from tlpipe_edge.console import progress
from tlpipe_edge.errors import Unavailable
from tlpipe_edge.live_page.listen import ListenAddress, names_loopback

PATIENCE = 20.0
"""Time limit in seconds for a client to send its request, and for each part of the response."""

_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".webmanifest": "application/manifest+json",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".gif": "image/gif",
    ".webp": "image/webp",
    ".txt": "text/plain; charset=utf-8",
    ".md": "text/plain; charset=utf-8",
}


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: ListenAddress, files: Mapping[str, bytes], secure: ssl.SSLContext | None) -> None:
        self.address_family = address.family
        self.files, self.secure, self.is_local = files, secure, address.is_loopback
        super().__init__(address.socket_address, _Handler)

    def get_request(self) -> tuple[socket.socket, tuple[str, int]]:
        connection, client = super().get_request()
        if self.secure is not None:
            # The handshake is left to the thread of the client: here, a slow one would keep all others waiting.
            connection = self.secure.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        return connection, client

    def server_bind(self) -> None:
        """Not that of HTTPServer, which asks the name server for a name of this machine."""
        TCPServer.server_bind(self)

    def handle_error(self, _request: object, client_address: tuple[str, int]) -> None:
        """A client that went away, or does not trust the certificate, is no error."""
        progress.detail(f"{client_address[0]}: {sys.exception()}")


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = PATIENCE
    server: _Server

    def do_GET(self) -> None:
        """Send a file."""
        self._respond(with_body=True)

    def do_HEAD(self) -> None:
        """Send the headers of a file."""
        self._respond(with_body=False)

    def _respond(self, *, with_body: bool) -> None:
        name = unquote(self.path.partition("?")[0]).removeprefix("/") or built.INDEX
        content, kind = self.server.files.get(name), _TYPES.get(PurePosixPath(name).suffix, "application/octet-stream")
        status = HTTPStatus.OK
        if self.server.is_local and not names_loopback(self.headers.get("Host", "")):
            status = HTTPStatus.FORBIDDEN
        elif content is None:
            status = HTTPStatus.NOT_FOUND
        if status is not HTTPStatus.OK or content is None:
            content, kind = f"{status.phrase}\n".encode(), "text/plain; charset=utf-8"
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Cache-Control", "no-cache")
        self.send_header("Connection", "close")  # a connection that stays open would be served after ``stop``
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()
        if with_body:
            self.wfile.write(content)

    def version_string(self) -> str:
        return "tlpipe"

    def log_message(self, format: str, *arguments: object) -> None:
        progress.detail(f"{self.client_address[0]}: {format % arguments}")


class Serving:
    """A server that has its port, and serves from ``forever`` on. ``url`` is its address for a browser."""

    def __init__(self, server: _Server, url: str) -> None:
        self._server = server
        self.url = url

    def forever(self) -> None:
        """Serve until the process is interrupted, or another thread calls ``stop``."""
        self._server.serve_forever()

    def stop(self) -> None:
        """End ``forever``."""
        self._server.shutdown()


def _numeric(name: str) -> tuple[str, ...]:
    """The address in a URL, if it is one. The name of a machine can have characters that a certificate cannot."""
    try:
        return (str(ipaddress.ip_address(name.strip("[]"))),)
    except ValueError:
        return ()


@contextlib.contextmanager
def serving(files: Mapping[str, bytes], address: ListenAddress) -> Iterator[Serving]:
    """Serve ``files``: over http on the loopback address, and else over https, with a certificate made on the spot.

    Raise Unavailable if the port cannot be opened.
    """
    secure = None
    if not address.is_loopback:
        from tlpipe.website import certificate

        secure = certificate.context("localhost", *_numeric(address.public_name))
    try:
        server = _Server(address, files, secure)
    except OSError as error:
        if error.errno == errno.EADDRNOTAVAIL:
            advice = "Name one that it has with --host, or 0.0.0.0 for all of them."
            raise Unavailable("this machine has no such address", advice, where=address) from error
        raise Unavailable(f"{error.strerror}", "Name another --port.", where=address) from error
    with server:
        host = "localhost" if address.host == "127.0.0.1" else address.public_name
        scheme = "http" if secure is None else "https"
        yield Serving(server, f"{scheme}://{host}:{server.server_address[1]}/")
