"""The camera loop: it classifies frames, smooths the scores, reports outages, and opens the camera again."""

import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field

import numpy as np

from tlpipe_edge.camera import address
from tlpipe_edge.camera.answer import UNKNOWN, Answer
from tlpipe_edge.camera.capture import READER, Capture, Frame
from tlpipe_edge.camera.settings import Adjustable, Settings
from tlpipe_edge.classify.classifier import Classifier
from tlpipe_edge.errors import TlpipeError, Unavailable, WrongUsage

TIMEOUT = 5.0
"""Seconds without a frame, or with only black or repeated frames, after which there is an outage."""
STILL_TIMEOUT = 60.0
"""The same for repeated images of a URL that gives one per request: many such cameras take one every few seconds."""
MAX_WAIT = 60.0
"""Maximum seconds between two attempts; the first wait is 1 s, and each one is twice the one before."""
SLICE = 5.0
"""Seconds after which a lasting outage is reported again, so that a watchdog sees that the loop is alive."""
STEADY = 10.0
"""Seconds of frames after which the waits begin again at 1 s: a loose plug gives a frame now and then."""
BLACK = 8
"""Maximum value, of 255, in a frame that counts as black: the lens is covered or the sensor gives nothing."""


@dataclass(frozen=True)
class Outage:
    """The camera gives no frames. ``attempt`` counts from 1; the next attempt is in ``seconds``.

    ``advice`` says what to do; empty if that is unknown.
    """

    reason: str
    attempt: int
    seconds: float
    advice: str = ""


def watch(
    classifier: Classifier,
    source: str,
    *,
    loop: bool = False,
    threshold: float = 0.0,
    smoothing: float = 0.0,
    timeout: float = TIMEOUT,
    reader: str = READER,
    sleep: Callable[[float], None] = time.sleep,
) -> Generator[Answer | Outage, None, None]:
    """Yield an answer for each newest frame of a source (see ``sources.read``), and outages while there is no frame.

    ``threshold`` and ``smoothing`` are as in ``Settings``.

    A file or folder ends the loop at its end, and its errors are raised. A live source that gives nothing new for
    ``timeout`` seconds is opened again after 1, 2, 4, ... 60 s, and its outage is reported, but WrongUsage is raised
    for a URL of no known kind that never gave a frame. A URL that gives one image per request may repeat one for
    ``STILL_TIMEOUT`` seconds.
    """
    adjustable = Adjustable(Settings(threshold, smoothing))
    return watch_adjustable(classifier, source, adjustable, loop=loop, timeout=timeout, reader=reader, sleep=sleep)


def watch_adjustable(
    classifier: Classifier,
    source: str,
    adjustable: Adjustable,
    *,
    loop: bool = False,
    timeout: float = TIMEOUT,
    reader: str = READER,
    sleep: Callable[[float], None] = time.sleep,
) -> Generator[Answer | Outage, None, None]:
    """As ``watch``, with settings that may change meanwhile."""
    live, attempt, answered = address.is_live(source), 0, False
    while True:
        smoother = _Smoother(classifier, adjustable)
        try:
            with Capture(source, loop=loop, reader=reader) as capture:
                sight, opened = _Sight(timeout), time.monotonic()
                while (frame := capture.frame(timeout)) is not None:
                    if not live or sight.is_news(frame):
                        answered = True
                        yield smoother.answer(frame)
                        attempt = 0 if time.monotonic() - opened >= STEADY else attempt
            if not live:
                return
            raise Unavailable("the stream ended", "Check that it is still connected.", where=address.shown(source))
        except TlpipeError as error:
            if not live or (isinstance(error, WrongUsage) and not answered):
                raise
            cause = error
        attempt += 1
        yield from _wait(cause, attempt, sleep)


def _wait(cause: TlpipeError, attempt: int, sleep: Callable[[float], None]) -> Iterator[Outage]:
    left = min(2.0 ** (attempt - 1), MAX_WAIT)
    while left > 0:
        yield Outage(cause.what, attempt, left, cause.advice)
        sleep(min(left, SLICE))
        left -= SLICE


class _Sight:
    """Notices a camera that gives only black frames, or the same frame."""

    def __init__(self, timeout: float) -> None:
        self._timeout, self._last = timeout, np.empty(0, np.uint8)
        self._seen = time.monotonic()

    def is_news(self, frame: Frame) -> bool:
        """Whether the frame is to be classified: it is not black, and new or ``still``.

        Raise Unavailable if none was new for too long.
        """
        now, pixels = time.monotonic(), frame.pixels
        black = not (pixels > BLACK).any()
        repeats = np.array_equal(pixels, self._last)
        self._last = pixels
        if not black and not repeats:
            self._seen = now
            return True
        if now - self._seen > (STILL_TIMEOUT if frame.still and not black else self._timeout):
            what = "delivers only black frames" if black else "keeps repeating one frame"
            raise Unavailable(f"the camera {what}", "Check its lens and its cable.")
        return frame.still and not black


@dataclass
class _Smoother:
    """Classifies frames; keeps the moving average of the scores, and counts frames."""

    classifier: Classifier
    adjustable: Adjustable
    scores: np.ndarray | None = None
    number: int = 0
    dropped: int = 0
    times: list[float] = field(default_factory=list)

    def answer(self, frame: Frame) -> Answer:
        prediction = self.classifier(frame.pixels)
        new, settings = prediction.scores, self.adjustable.current
        old = settings.smoothing
        self.scores = new if self.scores is None else old * self.scores + (1 - old) * new
        self.dropped += frame.number - self.number - 1
        self.number = frame.number
        self.times = [*self.times[-30:], time.monotonic()]
        best = int(np.argmax(self.scores))
        score = float(self.scores[best])
        span = self.times[-1] - self.times[0]
        return Answer(
            label=self.classifier.labels[best] if score >= settings.threshold else UNKNOWN,
            best=self.classifier.labels[best],
            score=score,
            labels=self.classifier.labels,
            scores=self.scores.astype(np.float32),
            frame=frame.pixels,
            timings_ms={name: prediction.timings_ms[name] for name in ("resize", "invoke", "total")},
            dropped=self.dropped,
            frames_per_second=(len(self.times) - 1) / span if span > 0 else 0.0,
        )
