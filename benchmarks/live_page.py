"""The cost of fifty viewers of the live page: frames a second of the classifier without and with them, in turns.

python benchmarks/live_page.py BUNDLE [ROUNDS]: frames of 640 x 480 are classified as fast as possible, one thread. Each
viewer reads the stream and the events, as a page does; all viewers are in one other process on the same machine.
"""

import os
import selectors
import socket
import subprocess
import sys
import time
from pathlib import Path

import cv2
import harness
import numpy as np

from tlpipe_edge import Answer, Classifier
from tlpipe_edge.camera.settings import Adjustable, Settings
from tlpipe_edge.live_page.resources import Offered
from tlpipe_edge.live_page.server import Preview
from tlpipe_edge.live_page.state import About

VIEWERS, SECONDS = 50, 1.0
ALL_HERE = "all here"


def main() -> None:
    """Measure, and publish the rates and their ratio."""
    classifier = Classifier.open(sys.argv[1], recipe="int8")
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 20
    smooth = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 256, (480, 640, 3), np.uint8), (15, 15), 5)
    frames = [np.roll(smooth, 7 * shift, axis=1) for shift in range(20)]
    offered = Offered(About.of(classifier, "this machine"), Adjustable(Settings()))
    with Preview("0", token=None, offered=offered) as preview:

        def watched(_: int) -> float:
            command = [sys.executable, str(Path(__file__)), "--viewers", preview.url]
            with subprocess.Popen(command, stdout=subprocess.PIPE) as viewers:
                assert viewers.stdout
                assert viewers.stdout.readline() == ALL_HERE.encode() + b"\n"
                rate = _rate(classifier, frames, preview)
                assert viewers.poll() is None, "a viewer was dropped"
                viewers.kill()
            return rate

        _rate(classifier, frames, preview)
        rates = harness.alternate(
            range(rounds), {"alone": lambda _: _rate(classifier, frames, preview), "watched": watched}
        )
    harness.publish(
        "live_page",
        {
            "viewers": VIEWERS,
            "rounds": rounds,
            "frames_per_second": {name: harness.median(values) for name, values in rates.items()},
            "median_ratio": harness.median(
                [one / other for one, other in zip(rates["watched"], rates["alone"], strict=True)]
            ),
            "samples": rates,
        },
    )


def _rate(classifier: Classifier, frames: list[np.ndarray], preview: Preview) -> float:
    """Frames classified and shown per second, over ``SECONDS``."""
    start, count = time.perf_counter(), 0
    while time.perf_counter() - start < SECONDS:
        frame = frames[count % len(frames)]
        prediction = classifier(frame)
        preview.show(
            Answer(
                label=prediction.label,
                best=prediction.label,
                score=prediction.score,
                labels=prediction.labels,
                scores=prediction.scores,
                frame=frame,
                timings_ms=prediction.timings_ms,
                dropped=0,
                frames_per_second=0.0,
            )
        )
        count += 1
    return count / (time.perf_counter() - start)


def watch(url: str) -> None:
    """Act as all viewers, until killed: read and discard."""
    host, port = url.removeprefix("http://").rstrip("/").split(":")
    selector, buffer = selectors.DefaultSelector(), bytearray(1 << 18)
    for path in ("/stream", "/events") * VIEWERS:
        client = socket.create_connection((host, int(port)))
        client.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        selector.register(client, selectors.EVENT_READ)
    print(ALL_HERE, flush=True)
    while True:
        for key, _ in selector.select():
            if not os.readv(key.fd, [buffer]):
                sys.exit("a viewer was dropped")


if __name__ == "__main__":
    if sys.argv[1] == "--viewers":
        watch(sys.argv[2])
    else:
        main()
