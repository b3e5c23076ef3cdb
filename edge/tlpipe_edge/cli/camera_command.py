"""The command `camera`: prints what the loop yields, and sends it to systemd, the live page and a broker."""

import contextlib
import json
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tlpipe_edge.camera.address import is_folder
from tlpipe_edge.camera.answer import UNKNOWN, Answer
from tlpipe_edge.camera.loop import Outage, watch_adjustable
from tlpipe_edge.camera.settings import SMOOTHING, Adjustable, Settings
from tlpipe_edge.classify.classifier import Classifier
from tlpipe_edge.classify.model_file import FileOptions
from tlpipe_edge.cli.camera_listeners import Listeners, Wanted
from tlpipe_edge.cli.model_options import say_notes
from tlpipe_edge.cli.systemd import notify, watched
from tlpipe_edge.console import streams
from tlpipe_edge.console.text import printable
from tlpipe_edge.errors import Unavailable

TOP_K = 3
"""Number of labels in a JSON document."""


@dataclass(frozen=True)
class CameraOptions:
    """The options of the command; see its help."""

    model: Path
    source: str
    recipe: str | None
    runtime: str
    threads: int
    file: FileOptions
    threshold: float
    smoothing: float | None
    loop: bool
    wanted: Wanted
    as_json: bool


def run(options: CameraOptions) -> None:
    """Run until the end of the source, SIGTERM or Ctrl-C. Raise the errors of Classifier, Listeners and ``watch``."""
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGINT, _stop)
    classifier = Classifier.open(
        options.model,
        recipe=options.recipe,
        threads=options.threads,
        runtime=options.runtime,
        **vars(options.file),
    )
    say_notes(classifier.notes)
    adjustable = Adjustable(_settings(options))
    with (
        Listeners(options.wanted, classifier, adjustable) as listeners,
        contextlib.closing(watch_adjustable(classifier, options.source, adjustable, loop=options.loop)) as events,
    ):
        attempt, seen = 0, False
        for event in events:
            if isinstance(event, Answer):
                notify(READY="1", WATCHDOG="1", STATUS=_named(event))
                print(_document(event) if options.as_json else _line(event), flush=True)
                attempt, seen = 0, True
            elif not seen and _by_hand():
                raise Unavailable(event.reason, event.advice)
            else:
                notify(READY="1", WATCHDOG="1", STATUS=event.reason)
                if event.attempt != attempt:
                    attempt = event.attempt
                    with streams.messages():
                        print(_outage(event), file=sys.stderr, flush=True)
            listeners.hear(event)


def _settings(options: CameraOptions) -> Settings:
    """Images of a folder have nothing to do with each other, so they are not smoothed unless asked."""
    if options.smoothing is not None:
        return Settings(options.threshold, options.smoothing)
    return Settings(options.threshold, 0.0 if is_folder(options.source) else SMOOTHING)


def _by_hand() -> bool:
    """Whether someone looks at a terminal: a service has none, and tells systemd how it is."""
    return not watched() and all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stderr))


def _stop(*_: Any) -> None:
    """Exit by an exception, so that the camera and the page are closed."""
    notify(STOPPING="1")
    sys.exit(0)


def _document(answer: Answer) -> str:
    return json.dumps({"schema": 1} | answer.document(TOP_K))


def _line(answer: Answer) -> str:
    """``t-shirt 0.93  (3.4 ms, 24.8 frames/s, 12 dropped)``, or ``unknown, best guess t-shirt 0.41  (...)``."""
    speed = f"{answer.timings_ms['total']:.1f} ms, {answer.frames_per_second:.1f} frames/s, {answer.dropped} dropped"
    return f"{_named(answer)}  ({speed})"


def _named(answer: Answer) -> str:
    guess = f"{printable(answer.best)} {answer.score:.2f}"
    return f"{UNKNOWN}, best guess {guess}" if answer.label == UNKNOWN != answer.best else guess


def _outage(outage: Outage) -> str:
    return f"outage: {printable(outage.reason)}; attempt {outage.attempt + 1} in {outage.seconds:g} s"
