"""A site of ``tlpipe web`` with a fake worker, which gives the scores that a test chooses, and a server for it."""

import contextlib
import hashlib
import json
import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from page_built import BUILT

page = pytest.importorskip("tlpipe.website.page", reason="the device has no tlpipe")

ROOT = Path(__file__).parents[2]
FAKE_WORKER = Path(__file__).with_name("fake_worker.js")

ANSWERS, CRASHES, NO_MEMORY, MEASURES_LITTLE = range(4)
"""What the worker does: see fake_worker.js."""
LABELS = ("cat", "dog", "hen", "cow", "pig", "ant")
SCORES = (0.62, 0.2, 0.1, 0.05, 0.02, 0.01)
EXACT = (0.5, 0.25, 0.125, 0.0625, 0.0625, 0.0)
"""Scores that float32 holds exactly."""

_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css",
    ".js": "text/javascript",
    ".png": "image/png",
    ".webmanifest": "application/manifest+json",
}


@dataclass(frozen=True)
class Site:
    """What a test chooses. ``tests``: the scores that the document promises, and those that the worker gives."""

    labels: Sequence[str] = LABELS
    frames: Sequence[Sequence[float]] = (SCORES,)
    tests: Sequence[tuple[Sequence[float], Sequence[float]]] = ((EXACT, EXACT),) * 6
    behaviour: int = ANSWERS
    document: Mapping[str, Any] = field(default_factory=dict)


def photograph(scores: Sequence[float], *, approximate: bool = False) -> str:
    """The content of a file that the fake worker gives these scores for."""
    return json.dumps({"scores": list(scores), "approximate": approximate})


def files(site: Site = Site()) -> dict[str, bytes]:
    """The files of a site by their names, as ``tlpipe web`` writes them."""
    made = {file.name: file.read_bytes() for file in BUILT.iterdir()}
    made["worker.js"] = FAKE_WORKER.read_bytes()
    made["litert.js"] = made["litert.wasm.bin"] = b"nothing"
    made["model.tflite"] = bytes([site.behaviour]) + json.dumps([list(scores) for scores in site.frames]).encode()
    tests = []
    for number, (promised, given) in enumerate(site.tests, 1):
        name = f"tests/{number}.png"
        made[name] = photograph(given).encode()
        label = site.labels[max(range(len(promised)), key=promised.__getitem__)]
        tests.append({"asset": name, "scores": list(promised), "label": label})
    loaded = ("worker.js", "litert.js", "litert.wasm.bin", "model.tflite", *(test["asset"] for test in tests))
    document = _document(site) | {
        "assets": {name: {"sha256": _sha256(made[name]), "bytes": len(made[name])} for name in loaded},
        "tests": tests,
        **site.document,
    }
    version = _sha256(json.dumps([document, sorted(map(_sha256, made.values()))]).encode())[:12]
    text = json.dumps({**document, "version": version}).replace("<", "\\u003c")
    written = SimpleNamespace(name=document["name"], to_json=lambda: text)
    made["index.html"] = page.of_folder(made["index.html"].decode(), written, made).encode()
    made["service_worker.js"] = made["service_worker.js"].replace(b"{{version}}", version.encode())
    return made


def _document(site: Site) -> dict[str, Any]:
    tensor = {"dtype": "uint8", "shape": [1, 224, 224, 3], "scale": 0.0078125, "zero_point": 127}
    return {
        "schema": 1,
        "name": "clothing",
        "recipe": "int8",
        "file": "clothing-int8.tflite",
        "labels": list(site.labels),
        "image": {"size": 224, "crop": "center-crop"},
        "input": tensor,
        "output": {"dtype": "uint8", "shape": [1, len(site.labels)], "scale": 1 / 256, "zero_point": 0},
        "sha256": "5e" * 32,
        "bytes": 2_800_000,
        "keras_sha256": None,
        "tlpipe": "0.1.0",
        "evaluation": {
            "top1": 0.923,
            "interval": [0.891, 0.946],
            "images": 372,
            "split": "test",
            "trained_on": 0,
            "agreement": 0.992,
        },
        "threshold": 0.5,
        "smoothing": 0.0,
        "golden": [],
        "tolerance": 1 / 256,
        "single_file": False,
    }


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@dataclass
class Server:
    """Serves ``files``, which may be replaced, below ``url``, a folder of its host.

    ``asked`` are the paths that were requested, ``sent`` those whose content was sent: by an ETag, as hosts give it, a
    browser asks whether the one it has is still the same. ``headers`` are sent, too. Without
    ``index``, a folder is refused.
    """

    url: str
    files: dict[str, bytes]
    asked: list[str] = field(default_factory=list)
    sent: list[str] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    index: bool = True
    connections: list[socket.socket] = field(default_factory=list)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    served: Server

    def setup(self) -> None:
        super().setup()
        self.served.connections.append(self.connection)

    def do_GET(self) -> None:
        path = self.path.partition("?")[0].removeprefix("/sub/folder/")
        name = path + "index.html" if path == "" or path.endswith("/") else path
        content = self.served.files.get(name) if self.served.index or name == path else None
        self.served.asked.append(self.path)
        tag = f'"{_sha256(content or b"")}"'
        if content is not None and self.headers["If-None-Match"] == tag:
            return self._send(304, tag, name, b"")
        self.served.sent.append(self.path)
        return self._send(404 if content is None else 200, tag, name, content or b"")

    def _send(self, status: int, tag: str, name: str, content: bytes) -> None:
        self.send_response(status)
        for header, value in {"ETag": tag, **self.served.headers}.items():
            self.send_header(header, value)
        self.send_header("Content-Type", _TYPES.get(Path(name).suffix, "application/octet-stream"))
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        with contextlib.suppress(ConnectionError):  # the browser has closed the page
            self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def served(content: Mapping[str, bytes]) -> Iterator[Server]:
    """Serve the files on the loopback address below /sub/folder/, until the end."""
    handler = type("Handler", (_Handler,), {})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as httpd:
        httpd.handle_error = lambda *_: None  # the browser has closed a connection
        handler.served = Server(f"http://localhost:{httpd.server_port}/sub/folder/", dict(content))
        thread = threading.Thread(target=httpd.serve_forever)
        thread.start()
        try:
            yield handler.served
        finally:
            httpd.shutdown()
            thread.join()
            for connection in handler.served.connections:  # a browser keeps some open
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
