"""Reads frames in a separate process, which can be killed if the driver of the camera hangs.

The process keeps the newest frame and sends it on request, so a slow reader misses frames and never lags. When either
process ends, the pipe between them closes, and the other process notices.
"""

import importlib
import os
import signal
import struct
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import Connection

import numpy as np

from tlpipe_edge.camera.address import is_url
from tlpipe_edge.camera.sources import Still
from tlpipe_edge.errors import BadData, MissingInput, TlpipeError, Unavailable, WrongUsage
from tlpipe_edge.images.decode import Pixels

READER = "tlpipe_edge.camera.sources:read"
"""The function that opens a source, as MODULE:NAME."""
START_SECONDS = 30.0
"""Time limit for the process to start, to import OpenCV and to open the camera."""
KILL_SECONDS = 1.0
"""How long to wait after each way of ending the process; one that survives SIGKILL is left behind."""

_QUIET = {"OPENCV_LOG_LEVEL": "SILENT", "OPENCV_FFMPEG_LOGLEVEL": "-8"}
"""OpenCV and FFmpeg would print several lines at each attempt; errors are reported by exceptions."""

_HEADER = struct.Struct("<cQII")
_FRAME, _STILL, _ERROR, _END = b"F", b"S", b"E", b"."
_ERRORS: dict[str, type[TlpipeError]] = {
    kind.__name__: kind for kind in (BadData, MissingInput, Unavailable, WrongUsage)
}


@dataclass(frozen=True)
class Frame:
    """A frame, RGB uint8 (H, W, 3), and its ``number``, counted from 1 in the order of the source.

    ``still``: the frame was asked for, so it may be the same as the one before.
    """

    number: int
    pixels: Pixels
    still: bool = False


class Capture:
    """A context manager that reads a source in a separate process."""

    def __init__(self, source: str, *, loop: bool = False, reader: str = READER) -> None:
        self._source, self._loop, self._reader, self._first = source, loop, reader, True

    def __enter__(self) -> "Capture":
        self._pipe, theirs = Pipe()
        self._pipe.send_bytes(self._source.encode(errors="surrogatepass"))  # all users can read a command line
        # Not multiprocessing.Process: at exit this program would wait for a process that cannot be killed.
        arguments = [str(theirs.fileno()), self._reader, *["loop"] * self._loop]
        command = [sys.executable, "-P", "-m", "tlpipe_edge.camera.capture", *arguments]
        self._process = subprocess.Popen(
            command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, env=_QUIET | os.environ
        )
        theirs.close()
        return self

    def frame(self, seconds: float) -> Frame | None:
        """The newest frame, a new one at each call; None at the end of a file.

        Wait at most ``seconds``, and ``START_SECONDS`` more for the first frame. Raise the errors of the source, and
        Unavailable if no frame comes in time or the process has ended.
        """
        wait, self._first = seconds + START_SECONDS * self._first, False
        try:
            self._pipe.send_bytes(b"next")
            if not self._pipe.poll(wait):
                advice = "Check its network." if is_url(self._source) else "Unplug it and plug it in again."
                raise Unavailable(f"no frame for {seconds:g} s: the camera does not respond", advice)
            kind, number, height, width = _HEADER.unpack(self._pipe.recv_bytes())
            if kind == _END:
                return None
            body = self._pipe.recv_bytes()
        except (EOFError, OSError) as error:
            raise Unavailable("the camera process ended unexpectedly", "See the system log (journalctl).") from error
        if kind == _ERROR:
            name, reason, advice, where = body.decode().split("\0")
            raise _ERRORS.get(name, Unavailable)(reason, advice, where=where)
        return Frame(number, np.frombuffer(body, np.uint8).reshape(height, width, 3), still=kind == _STILL)

    def __exit__(self, *_: object) -> None:
        """Release the camera: the process ends when the pipe closes, or it is killed."""
        self._pipe.close()
        for ending in (None, signal.SIGTERM, signal.SIGKILL):
            if ending:
                self._process.send_signal(ending)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(KILL_SECONDS)
                return


class _Newest:
    """The newest frame, shared by the thread that reads the source and the one that sends frames."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._number, self._frame, self._end = 0, Still(np.empty(0, np.uint8)), b""

    def fill(self, source: str, *, loop: bool, reader: str) -> None:
        end = _HEADER.pack(_END, 0, 0, 0)
        try:
            module, _, name = reader.partition(":")
            for frame in getattr(importlib.import_module(module), name)(source, loop=loop):
                with self._changed:
                    self._number, self._frame = self._number + 1, frame
                    self._changed.notify()
        except Exception as error:  # whatever a driver raises is sent to the parent
            # The text of a library's error may have the URL in it, with its password.
            text = type(error).__name__ if is_url(source) else repr(error)
            told = error if isinstance(error, TlpipeError) else Unavailable(text)
            fields = (type(told).__name__, told.reason, told.advice, told.where)
            end = _HEADER.pack(_ERROR, 0, 0, 0) + "\0".join(fields).encode(errors="backslashreplace")
        with self._changed:
            self._end = end
            self._changed.notify()

    def after(self, number: int) -> tuple[int, Pixels | Still, bytes]:
        """The next newer frame, or the last message: its header, and for an error its text."""
        with self._changed:
            self._changed.wait_for(lambda: self._number > number or self._end)
            return self._number, self._frame, b"" if self._number > number else self._end


def _serve(pipe: Connection, reader: str, *, loop: bool) -> None:
    """The main function of the process: receive the source, and send the newest frame on each request, until either
    side ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which then closes the pipe
    source, newest = pipe.recv_bytes().decode(errors="surrogatepass"), _Newest()
    threading.Thread(target=newest.fill, args=(source,), kwargs={"loop": loop, "reader": reader}, daemon=True).start()
    number = 0
    with suppress(EOFError, OSError):
        while pipe.recv_bytes():
            number, frame, end = newest.after(number)
            if end:
                pipe.send_bytes(end[: _HEADER.size])
                if len(end) > _HEADER.size:
                    pipe.send_bytes(end[_HEADER.size :])
                continue
            kind, pixels = (_STILL, frame.pixels) if isinstance(frame, Still) else (_FRAME, frame)
            pipe.send_bytes(_HEADER.pack(kind, number, *pixels.shape[:2]))
            pipe.send_bytes(np.ascontiguousarray(pixels).reshape(-1).data)
    os._exit(0)  # without waiting for the reading thread, which a driver may block for ever


if __name__ == "__main__":
    _serve(Connection(int(sys.argv[1])), sys.argv[2], loop=len(sys.argv) > 3)
