"""Many photographs on several workers: in order, each worker with a classifier of its own."""

import os
import threading
from pathlib import Path

import numpy as np
import pytest

from tlpipe_edge import Bundle, Classifier
from tlpipe_edge.classify import batch
from tlpipe_edge.errors import BadData


@pytest.mark.arm64
def test_the_answers_come_in_the_order_of_the_files(drawn: Bundle, classifier: Classifier) -> None:
    files = list(drawn.golden().files) * 5
    opened: list[int] = []

    def open_classifier() -> Classifier:
        opened.append(threading.get_ident())
        return Classifier.open(drawn.path)

    answers = list(batch.classify(open_classifier, files, workers=2))
    assert 1 <= len(opened) <= 2 and threading.get_ident() not in opened
    for file, answer in zip(files, answers, strict=True):
        assert not isinstance(answer, BadData)
        np.testing.assert_array_equal(answer.scores, classifier(file).scores)  # type: ignore[union-attr]


def test_a_bad_file_is_an_answer_too(drawn: Bundle, classifier: Classifier, tmp_path: Path) -> None:
    (tmp_path / "bad.jpg").write_text("no picture")
    good = drawn.golden().files[0]
    first, bad, last = batch.classify(lambda: classifier, [good, tmp_path / "bad.jpg", good], workers=1)

    assert isinstance(bad, BadData) and "bad.jpg: not an image" in bad.what
    assert first.label == last.label  # type: ignore[union-attr]


def test_who_stops_reading_does_not_wait_for_the_rest(drawn: Bundle, classifier: Classifier) -> None:
    done: list[Path] = []

    class Counted:
        def __call__(self, file: Path, *, bgr: bool) -> object:
            done.append(file)
            return classifier(file, bgr=bgr)

    answers = batch.classify(Counted, [drawn.golden().files[0]] * 100_000, workers=1)  # type: ignore[arg-type,return-value]
    next(answers)
    answers.close()  # type: ignore[attr-defined]
    assert len(done) < 100_000


@pytest.mark.parametrize(
    ("photographs", "threads", "workers"), [(1, 1, 1), (7, 1, 1), (8, 1, 2), (1000, 1, 4), (1000, 2, 2), (1000, 8, 1)]
)
def test_workers_fit_the_cores_and_the_work(
    photographs: int, threads: int, workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2, 3}, raising=False)

    assert batch.workers(photographs, threads=threads) == workers
