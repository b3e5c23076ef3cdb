"""Where frames come from: a camera, a stream, a video file, a folder of images. Runs in the capture process."""

import itertools
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import cv2
import numpy as np

from tlpipe_edge.errors import BadData, MissingInput, TlpipeError, Unavailable
from tlpipe_edge.images import decode
from tlpipe_edge.images.decode import Pixels
from tlpipe_edge.images.walker import images_below

PICAMERA = "picamera2"
DEFAULT_RATE = 25.0
"""Frames a second of a video file that does not state its own."""
IMAGE_SECONDS = 1.0
"""How long each image of a folder is shown."""


def is_live(source: str) -> bool:
    """Whether a source never ends by itself (a camera or a URL, not a file or a folder), so its end is an outage."""
    return source == PICAMERA or source.isdecimal() or is_url(source) or source.startswith("/dev/")


def is_url(source: str) -> bool:
    """Whether a source is a stream from the network, not a camera of this machine, a file or a folder."""
    return "://" in source


def shown(source: str) -> str:
    """The source as messages name it: a URL without user, password and query."""
    if not is_url(source):
        return source
    parts = urlsplit(source)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def read(source: str, *, loop: bool = False) -> Iterator[Pixels]:
    """The frames of a source, RGB uint8 (H, W, 3), files at their own speed; with ``loop``, a file starts again.

    ``source`` is a V4L2 index or device ("0", "/dev/video0"), "picamera2", an http or rtsp URL, a video file or a
    folder of images. Raise Unavailable if a camera or stream does not open or ends, MissingInput and BadData for
    files.
    """
    if source == PICAMERA:
        return _from_picamera()
    if is_live(source):
        return _from_live(int(source) if source.isdecimal() else source)
    path = Path(source)
    if not path.exists():
        raise MissingInput("no such camera, file or folder", "Name a camera's number, a file or a URL.", where=source)
    open_once = _from_folder if path.is_dir() else _from_video
    return itertools.chain.from_iterable(open_once(path) for _ in (itertools.count() if loop else range(1)))


def _from_live(device: int | str) -> Iterator[Pixels]:
    source = shown(str(device))
    capture = cv2.VideoCapture(device)
    try:
        if not capture.isOpened():
            local = "Plug it in, close other programs that use it, and run tlpipe-edge doctor."
            advice = "Check its address." if is_url(source) else local
            raise Unavailable("cannot be opened", advice, where=f"camera {source}")
        capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
        while True:
            there, frame = capture.read()
            if not there:
                raise Unavailable(
                    "delivers no more frames", "Check that it is still connected.", where=f"camera {source}"
                )
            yield _rgb(frame)
    finally:
        capture.release()


def _from_picamera() -> Iterator[Pixels]:
    try:
        from picamera2 import Picamera2
    except ImportError as error:
        raise Unavailable(
            "picamera2 is not installed",
            "sudo apt install python3-picamera2, and make the virtual environment with --system-site-packages",
        ) from error
    try:
        camera = Picamera2()
        # libcamera names formats by the order of a little-endian word: its BGR888 is R, G, B in memory.
        camera.configure(camera.create_video_configuration(main={"format": "BGR888"}))
        camera.start()
    except (RuntimeError, IndexError) as error:
        raise Unavailable(f"picamera2: {error}", "Connect it, and close other programs that use it.") from error
    try:
        while True:
            yield np.ascontiguousarray(camera.capture_array("main")[..., :3])
    finally:
        camera.close()


def _from_video(path: Path) -> Iterator[Pixels]:
    capture = cv2.VideoCapture(str(path))
    try:
        if not capture.isOpened():
            raise BadData("not a video that OpenCV can read", "Convert it, or name another one.", where=path)
        rate = capture.get(cv2.CAP_PROP_FPS)
        paced = _paced(1 / (rate if 0 < rate <= 1000 else DEFAULT_RATE))
        while True:
            there, frame = capture.read()
            if not there:
                return
            next(paced)
            yield _rgb(frame)
    finally:
        capture.release()


def _from_folder(folder: Path) -> Iterator[Pixels]:
    """The images below the folder in sorted order; images that cannot be read are skipped."""
    paced, shown = _paced(IMAGE_SECONDS), 0
    for file in images_below(folder):
        try:
            pixels = decode.decode(file)
        except TlpipeError:
            continue
        next(paced)
        shown += 1
        yield pixels
    if not shown:
        raise BadData("no images that can be read", "Name another folder.", where=folder)


def _paced(seconds: float) -> Iterator[None]:
    """Each ``next`` waits until ``seconds`` after the one before; a delay is not made up for."""
    turn = time.monotonic()
    while True:
        time.sleep(max(0.0, turn - time.monotonic()))
        yield
        turn = max(turn + seconds, time.monotonic())


def _rgb(bgr: np.ndarray) -> Pixels:
    return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8)
