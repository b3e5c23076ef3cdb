"""The command `camera`: prints what the loop yields, and sends it to systemd, the live page and a broker."""

import contextlib
import json
import signal
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tlpipe_edge.camera.answer import Answer
from tlpipe_edge.camera.loop import Outage, watch
from tlpipe_edge.classify.classifier import Classifier
from tlpipe_edge.classify.model_file import FileOptions
from tlpipe_edge.cli.model_options import say_notes
from tlpipe_edge.cli.systemd import notify, watched
from tlpipe_edge.console import streams
from tlpipe_edge.console.text import printable
from tlpipe_edge.errors import Unavailable
from tlpipe_edge.live_page.server import Preview


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
    smoothing: float
    loop: bool
    preview: str | None
    token: str | None
    mqtt: str | None
    as_json: bool


def run(options: CameraOptions) -> None:
    """Run until the end of the source, SIGTERM or Ctrl-C. Raise those of Classifier, Preview, Publisher, ``watch``."""
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
    with contextlib.ExitStack() as stack:
        page = None
        if options.preview is not None:
            page = stack.enter_context(Preview(options.preview, token=options.token))
            from tlpipe_edge.console import progress

            address, query, _ = page.url.partition("?token=")
            progress.say(f"live page: {address}" + f"{query}..., with the token" * bool(query))
        broker = None
        if options.mqtt is not None:
            from tlpipe_edge.telemetry.mqtt import Publisher

            broker = stack.enter_context(Publisher(options.mqtt, classifier))
        events = watch(
            classifier,
            options.source,
            loop=options.loop,
            threshold=options.threshold,
            smoothing=options.smoothing,
        )
        stack.enter_context(contextlib.closing(events))
        attempt, seen = 0, False
        for event in events:
            if isinstance(event, Answer):
                notify(READY="1", WATCHDOG="1", STATUS=f"{event.label} {event.score:.2f}")
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
            if page:
                page.show(event) if isinstance(event, Answer) else page.outage(event.reason)
            if broker:
                broker.show(event) if isinstance(event, Answer) else broker.outage(event.reason)


def _by_hand() -> bool:
    """Whether someone looks at a terminal: a service has none, and tells systemd how it is."""
    return not watched() and all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stderr))


def _stop(*_: Any) -> None:
    """Exit by an exception, so that the camera and the page are closed."""
    notify(STOPPING="1")
    sys.exit(0)


def _document(answer: Answer) -> str:
    best = sorted(zip(answer.labels, answer.scores.tolist(), strict=True), key=lambda pair: -pair[1])[:3]
    document = {
        "schema": 1,
        "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "label": answer.label,
        "score": answer.score,
        "top_k": [{"label": label, "score": score} for label, score in best],
        "timings_ms": answer.timings_ms,
        "dropped": answer.dropped,
        "frames_per_second": answer.frames_per_second,
    }
    return json.dumps(document)


def _line(answer: Answer) -> str:
    """``t-shirt 0.93  (3.4 ms, 24.8 frames/s, 12 dropped)``"""
    speed = f"{answer.timings_ms['total']:.1f} ms, {answer.frames_per_second:.1f} frames/s, {answer.dropped} dropped"
    return f"{printable(answer.label)} {answer.score:.2f}  ({speed})"


def _outage(outage: Outage) -> str:
    return f"outage: {printable(outage.reason)}; attempt {outage.attempt + 1} in {outage.seconds:g} s"
