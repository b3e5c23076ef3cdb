"""A real headless Chromium, by the DevTools protocol over a pipe: JSON messages, each ended by a zero byte."""

import base64
import fcntl
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here (Debian: apt install chromium)")
PATIENCE = 60.0
"""Seconds: Chromium starts in one, and a loaded machine takes its time."""

FAKE_CAMERA = ("--use-fake-device-for-media-stream=fps=30", "--use-fake-ui-for-media-stream")
"""A camera that shows a test picture at 30 frames a second, and is allowed without a question."""
_OPTIONS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-pipe",
]
# DevTools are on file descriptors 3 and 4, which nothing else in this small process uses.
_LAUNCH = (
    "import os, sys; os.dup2(int(sys.argv[1]), 3); os.dup2(int(sys.argv[2]), 4); os.execv(sys.argv[3], sys.argv[3:])"
)


class Browser:
    """One tab. ``errors`` are what the page wrote to the console as an error, and exceptions of its script;
    ``requests`` the URLs that it asked for, also those that were blocked."""

    def __init__(self, writing: int, reading: int) -> None:
        self._writing, self._reading = writing, reading
        self._unread = b""
        self._number = 0
        self._session: str | None = None
        self.errors: list[str] = []
        self.requests: list[str] = []
        target = self("Target.createTarget", url="about:blank")["targetId"]
        self._session = self("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self(f"{domain}.enable")

    def __call__(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send one command and return its result."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._writing, json.dumps(message).encode() + b"\0")
        while True:
            reply = self._read()
            if reply.get("id") == self._number:
                assert "error" not in reply, reply
                return reply["result"]
            if reply.get("method") == "Runtime.exceptionThrown":
                self.errors.append(str(reply["params"]["exceptionDetails"]))
            elif reply.get("method") == "Log.entryAdded" and reply["params"]["entry"]["level"] == "error":
                self.errors.append(reply["params"]["entry"]["text"])
            elif reply.get("method") == "Network.requestWillBeSent":
                self.requests.append(reply["params"]["request"]["url"])

    def _read(self) -> dict[str, Any]:
        while b"\0" not in self._unread:
            assert select.select([self._reading], [], [], PATIENCE)[0], "Chromium is silent"
            received = os.read(self._reading, 1 << 20)
            assert received, "Chromium has ended"
            self._unread += received
        message, _, self._unread = self._unread.partition(b"\0")
        return json.loads(message)

    def look(self, *, width: int, height: int, dark: bool = False) -> None:
        """Be a screen of this size, in CSS pixels."""
        self("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 500)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self("Emulation.setEmulatedMedia", features=[scheme])

    def open(self, url: str) -> None:
        self("Page.navigate", url=url)

    def value(self, expression: str) -> Any:
        """The value of a JavaScript expression; that of a promise when it is fulfilled."""
        result = self("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def wait(self, expression: str) -> None:
        """Wait until a JavaScript expression is true."""
        end = time.monotonic() + PATIENCE
        while not self.value(expression):
            assert time.monotonic() < end, f"never: {expression}\n{self.value('document.body.innerText')}"
            time.sleep(0.1)

    def choose(self, identifier: str, *files: Path) -> None:
        """Choose these files in the file input of this id."""
        found = self("Runtime.evaluate", expression=f"document.getElementById('{identifier}')")["result"]
        self("DOM.setFileInputFiles", files=[str(file) for file in files], objectId=found["objectId"])

    def screenshot(self, file: Path) -> None:
        file.write_bytes(base64.b64decode(self("Page.captureScreenshot")["data"]))


@contextmanager
def chromium(profile: Path, *options: str) -> Iterator[Browser]:
    """Start it with a new profile in this folder, and end it with all its processes."""
    (theirs_in, writing), (reading, theirs_out) = os.pipe(), os.pipe()
    ends = [fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in (theirs_in, theirs_out)]  # clear of 3 and 4
    command = [sys.executable, "-c", _LAUNCH, *map(str, ends), str(CHROMIUM), *_OPTIONS, *options]
    command.append(f"--user-data-dir={profile}")
    process = subprocess.Popen(command, pass_fds=ends, stderr=subprocess.DEVNULL, start_new_session=True)
    for end in (theirs_in, theirs_out, *ends):
        os.close(end)
    try:
        yield Browser(writing, reading)
    finally:
        os.close(writing)
        os.close(reading)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
