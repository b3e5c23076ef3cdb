"""Where frames come from: a camera, a stream, a video file, a folder of images. Runs in the capture process."""

import itertools
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from tlpipe_edge.camera.address import PICAMERA, has_scheme, is_live, is_number, is_url, shown
from tlpipe_edge.camera.image_url import INTERVAL, ImageUrl
from tlpipe_edge.contract import kinds
from tlpipe_edge.errors import BadData, MissingInput, TlpipeError, Unavailable, WrongUsage, listed
from tlpipe_edge.images import decode, walker
from tlpipe_edge.images.decode import Pixels

DEFAULT_RATE = 25.0
"""Frames a second of a video file that does not state its own."""
IMAGE_SECONDS = 1.0
"""How long each image of a folder is shown."""
_FOR_CAMERAS = ("rtsp", "rtmp", "http", "https", "udp", "srt")
_FFMPEG = (
    "async bluray cache concat concatf crypto data dtls fd ffrtmpcrypt ffrtmphttp file ftp gopher gophers hls http "
    "httpproxy https icecast ipfs ipfs_gateway ipns md5 mmsh mmst pipe prompeg rtmp rtmpe rtmps rtmpt rtmpte rtmpts "
    "rtp sctp srtp subfile tcp tee tls udp udplite unix amqp rist sftp smb srt ssh zmq mms rtsp rtsps satip"
)
_GSTREAMER = "rtsph rtsp-sdp rtspt rtspu rtspsh rtspst rtspsu rtmp2 v4l2 v4l ndi webrtc whep gs s3 device dvb"
_SCHEMES = frozenset((*_FFMPEG.split(), *_GSTREAMER.split()))
"""The schemes that some OpenCV reads. Which ones are built in cannot be asked, so another one is tried, too."""


@dataclass(frozen=True)
class Still:
    """A frame that was asked for, RGB uint8 (H, W, 3): it may be the same as the one before."""

    pixels: Pixels


def read(source: str, *, loop: bool = False) -> Iterator[Pixels | Still]:
    """The frames of a source, RGB uint8 (H, W, 3), files at their own speed; with ``loop``, a file starts again.

    ``source`` is a V4L2 index or device ("0", "/dev/video0"), "picamera2", an http or rtsp URL, a video file or a
    folder of images. Videos and streams are turned as their container says. A URL that gives a single image is asked
    every ``INTERVAL`` seconds, and its frames are ``Still``.

    Raise Unavailable if a camera or stream does not open or ends, WrongUsage if it does not open and its URL is of no
    known kind, MissingInput and BadData for files.
    """
    if source == PICAMERA:
        return _from_picamera()
    if source.strip().lower().startswith(("http://", "https://")):
        return _from_http(source)
    if is_live(source):
        return _from_live(int(source) if is_number(source) else source)
    path = Path(source)
    try:
        path.stat()
    except (OSError, ValueError) as error:
        closed = isinstance(error, PermissionError)
        reason = "in a folder that cannot be read" if closed else "no such camera, file or folder"
        raise MissingInput(reason, "Name a camera's number, a file or a URL.", where=shown(source)) from error
    turns = itertools.count() if loop else range(1)
    open_once = _from_folder if path.is_dir() else _from_video
    return itertools.chain.from_iterable(open_once(path, turn) for turn in turns)


def _from_http(url: str) -> Iterator[Pixels | Still]:
    """The frames of a stream; if OpenCV gets at most one, what the server answers to a request decides."""
    frames, early = _from_live(url), list[Pixels]()
    try:
        early.append(next(frames))
        early.append(next(frames))
    except Unavailable as error:
        ended = error
    else:
        yield from itertools.chain(early, frames)
    address, paced = ImageUrl(url), _paced(INTERVAL)
    response = address.get()
    if response.pixels is None and early:
        yield from early
        raise ended
    what = "cannot be opened" if response.pixels is None else "delivers no more images"
    while response.pixels is not None:
        next(paced)
        yield Still(response.pixels)
        response = address.get()
    raise Unavailable(f"{what} ({response.problem})", response.advice, where=f"camera {shown(url)}")


def _from_live(device: int | str) -> Iterator[Pixels]:
    source = shown(str(device))
    capture = _capture(device)
    try:
        if not capture.isOpened():
            _refuse_unknown_scheme(str(device))
            local = "Plug it in, close other programs that use it, and run tlpipe-edge doctor."
            advice = "Check its address, and its login." if is_url(str(device)) else local
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


def _refuse_unknown_scheme(url: str) -> None:
    """Raise WrongUsage for a URL that could not be opened and whose scheme is not known: waiting will not help.

    The scheme is named if it is like one for cameras: else it may be a user.
    """
    scheme = url.split(":", 1)[0].strip().lower()
    if not has_scheme(url) or not _SCHEMES.isdisjoint(scheme.split("+")):
        return
    near = kinds.nearest(scheme, _FOR_CAMERAS)
    named = f" ({scheme}://)" if near else ""
    advice = f"Did you mean {listed(f'{each}://' for each in near)}?" if near else f"Use {listed(_FOR_CAMERAS)}."
    raise WrongUsage(f"no known kind of URL{named}", advice, where=f"camera {shown(url)}")


def _capture(source: int | str) -> cv2.VideoCapture:
    """OpenCV turns frames as the container says by default, but not in 4.11."""
    capture = cv2.VideoCapture(source)
    if isinstance(source, str):
        capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, 1)
    return capture


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


def _from_video(path: Path, _turn: int) -> Iterator[Pixels]:
    capture = _capture(str(path))
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


def _from_folder(folder: Path, turn: int) -> Iterator[Pixels]:
    """The images below the folder in sorted order; images that cannot be read are skipped.

    What is passed over is said in the first ``turn`` (0) only.
    """
    paced, shown = _paced(IMAGE_SECONDS), 0
    found = walker.walk(folder)
    if turn == 0 and found.images:
        walker.tell(found)
    for file in found.images:
        try:
            pixels = decode.decode(file)
        except TlpipeError:
            continue
        next(paced)
        shown += 1
        yield pixels
    if not shown:
        there = f"; passed over: {found.left_out}" if found.left_out else ""
        raise BadData(f"no images that can be read{there}", "Name another folder.", where=folder)


def _paced(seconds: float) -> Iterator[None]:
    """Each ``next`` waits until ``seconds`` after the one before; a delay is not made up for."""
    turn = time.monotonic()
    while True:
        time.sleep(max(0.0, turn - time.monotonic()))
        yield
        turn = max(turn + seconds, time.monotonic())


def _rgb(bgr: np.ndarray) -> Pixels:
    return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8)
