"""The program on a device for ``tlpipe pull``: its source is sent over ssh, and the Python there runs it.

It needs only Python 3.11 or newer. It lists and sends the images that a camera kept, and deletes those that it is told
to; it writes nothing. It ends when stdin ends or is silent for too long.

stdin brings requests, and stdout takes events (pull_messages.py). Empty lines between the requests show that the
workstation is still there.
"""

import hashlib
import json
import os
import queue
import re
import signal
import stat
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

SILENCE_SECONDS = 60
"""Time limit for silence on stdin: the workstation sends something every ten seconds."""
MAX_BYTES = 64_000_000
"""Maximum size of an image; a camera's have far less."""
REVIEW, SUFFIX, SIDECAR = "review", ".jpg", ".review.json"


def tell(event: str, content: bytes = b"", **fields: Any) -> None:
    """Send an event, and the bytes that follow it."""
    line = json.dumps({"event": event, **fields, "bytes": len(content)}).encode() + b"\n"
    sys.stdout.buffer.write(line + content)
    sys.stdout.buffer.flush()


def listen(requests: "queue.SimpleQueue[dict[str, Any]]") -> None:
    """Take requests, also while one is answered. End this process when nobody is there any more."""
    signal.alarm(SILENCE_SECONDS)
    for line in sys.stdin.buffer:
        signal.alarm(SILENCE_SECONDS)
        if line.strip():
            requests.put(json.loads(line))
    os._exit(0)


def read(file: Path) -> bytes:
    """The content of a file. Raise OSError if it cannot be read, or is too large."""
    with file.open("rb") as stream:
        content = stream.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise OSError(0, f"more than {MAX_BYTES // 10**6} MB")
    return content


def is_folder(path: Path) -> bool:
    """Whether a folder is there. Raise OSError if that cannot be known, as in a closed folder, with any Python."""
    try:
        return stat.S_ISDIR(path.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return False


class Kept:
    """The images below the folder ``review`` that ``look`` has found."""

    def __init__(self) -> None:
        self._review = Path()

    def look(self, folders: list[str]) -> None:
        """Find the folder, and list its images."""
        there: dict[Path, str] = {}
        closed: OSError | None = None
        for folder in (Path(each).expanduser() for each in folders):
            try:
                if is_folder(folder / REVIEW):
                    there.setdefault(folder.resolve(), str(folder))
            except OSError as error:
                closed = error
        if closed and not there:
            tell("not-listed", folder=str(closed.filename), reason=str(closed.strerror))
            return
        if len(there) != 1:
            tell("no-folder", there=list(there.values()))
            return
        self._review = Path(*there.values()) / REVIEW
        try:
            images, others = self._images()
        except OSError as error:
            tell("not-listed", folder=str(error.filename), reason=str(error.strerror))
            return
        tell("listing", folder=str(self._review), images=images, others=others)

    def _images(self) -> tuple[list[dict[str, str]], int]:
        images, others = [], 0
        for folder in sorted(each.name for each in os.scandir(self._review) if each.is_dir()):
            names = set() if folder.startswith(".") else {each.name for each in os.scandir(self._review / folder)}
            for name in sorted(each for each in names if each.endswith(SUFFIX) and not each.startswith(".")):
                if name.removesuffix(SUFFIX) + SIDECAR in names:
                    images.append({"path": f"{folder}/{name}", "sha256": self._sha256(f"{folder}/{name}")})
                else:
                    others += 1
        return images, others

    def _sha256(self, path: str) -> str:
        """The sha256 that the .review.json says; empty if it does not say it."""
        try:
            said = json.loads(read(self._sidecar(path)))["sha256"]
            return said if re.fullmatch("[0-9a-f]{64}", said) else ""
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return ""

    def _sidecar(self, path: str) -> Path:
        return self._review / (path.removesuffix(SUFFIX) + SIDECAR)

    def fetch(self, paths: list[str]) -> None:
        """Send images."""
        for path in paths:
            try:
                sidecar, image = read(self._sidecar(path)), read(self._review / path)
            except FileNotFoundError:
                tell("gone", path=path)
            except OSError as error:
                tell("unreadable", path=path, reason=str(error.strerror))
            else:
                tell("sent", sidecar + image, path=path, sidecar=len(sidecar))

    def free(self, images: list[dict[str, str]]) -> None:
        """Delete images that have not changed: first the image, so that none is ever without its .review.json."""
        for path, sha256 in ((each["path"], each["sha256"]) for each in images):
            try:
                if hashlib.sha256(read(self._review / path)).hexdigest() != sha256:
                    tell("not-freed", path=path, reason="it has changed")
                    continue
                (self._review / path).unlink()
                self._sidecar(path).unlink(missing_ok=True)
            except FileNotFoundError:
                tell("gone", path=path)
            except OSError as error:
                tell("not-freed", path=path, reason=str(error.strerror))
            else:
                tell("freed", path=path)


def main() -> None:
    """Answer requests until nobody is there."""
    requests: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    threading.Thread(target=listen, args=(requests,), daemon=True).start()
    kept = Kept()
    answers: dict[str, Callable[[Any], None]] = {"look": kept.look, "fetch": kept.fetch, "free": kept.free}
    while True:
        ((request, what),) = requests.get().items()
        try:
            answers[request](what)
        except BrokenPipeError:
            os._exit(0)


if __name__ == "__main__":
    main()
