"""Images a second, all cores at work."""

import threading

import pytest

from tlpipe_edge import Bundle, Classifier
from tlpipe_edge.bench import throughput


def test_each_worker_has_its_own_classifier_and_all_count(drawn: Bundle) -> None:
    opened = []

    def open_classifier() -> Classifier:
        opened.append(Classifier.open(drawn.path))
        return opened[-1]

    sources = [file.read_bytes() for file in drawn.golden().files]
    assert throughput.measure(open_classifier, sources, workers=2, seconds=0.2) > 0
    assert len(opened) == 2


def test_the_rate_is_what_was_done_over_the_time_that_passed() -> None:
    class Watch:
        """Each answer takes 10 ms on the clock, whoever gives it."""

        def __init__(self) -> None:
            self.now, self.lock = 0, threading.Lock()

        def __call__(self) -> int:
            return self.now

        def answer(self, _: bytes) -> None:
            with self.lock:
                self.now += 10_000_000

    watch = Watch()

    assert throughput.measure(
        lambda: watch.answer,  # type: ignore[arg-type,return-value]
        [b"picture"],
        workers=1,
        seconds=1.0,
        clock=watch,
    ) == pytest.approx(100.0)
