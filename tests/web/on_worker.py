"""The worker of the page alone, with the model of a bundle, in a real browser."""

import itertools
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from browser import Browser, chromium
from fake_site import served

from tlpipe_edge.contract.bundle import Bundle

site = pytest.importorskip("tlpipe.website.site")

PAGE = Path(__file__).with_name("worker_page")


def files(bundle: Bundle, recipe: str) -> dict[str, bytes]:
    """What ``tlpipe web`` makes of a bundle, with a page that has the worker alone."""
    made = site.build(bundle, site.Options(recipe))
    document = {"site.json": made.document.to_json().encode()}
    return {**made.files, **document, **{file.name: file.read_bytes() for file in PAGE.iterdir()}}


class Worker:
    """The worker, loaded in a page. ``loaded`` is its reply to that."""

    def __init__(self, browser: Browser, served: dict[str, bytes]) -> None:
        self._browser, self._served, self._numbers = browser, served, itertools.count()
        self._call("begin()")
        self.loaded = browser.value("replies[1]")

    def file(self, content: bytes) -> dict[str, Any]:
        """The reply for a file."""
        return self._call(f"file({self._address(content)})")

    def frame(self, content: bytes) -> dict[str, Any]:
        """The reply for a file as a frame of a camera."""
        return self._call(f"frame({self._address(content)})")

    def bench(self, milliseconds: int) -> dict[str, Any]:
        """The latency of the network alone."""
        return self._call(f"request({{type: 'bench', milliseconds: {milliseconds}}})")

    def _address(self, content: bytes) -> str:
        name = f"given/{next(self._numbers)}"
        self._served[name] = content
        return json.dumps(name)

    def _call(self, expression: str) -> Any:
        key = next(self._numbers)
        self._browser.value(f"run({key}, {expression})")
        self._browser.wait(f"results[{key}] !== undefined")
        return self._browser.value(f"results[{key}]")


@contextmanager
def working(content: Mapping[str, bytes], *, profile: Path) -> Iterator[Worker]:
    """The worker in a headless Chromium, from the ``files`` of a bundle."""
    with served(content) as server, chromium(profile) as browser:
        browser.open(server.url)
        browser.wait("typeof run === 'function' && document.readyState === 'complete'")
        yield Worker(browser, server.files)
        assert not browser.errors, browser.errors
