"""The loop: answers, smoothing, outages and their back-off."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tlpipe_edge import Answer, Bundle, Classifier, Outage, watch
from tlpipe_edge.camera.answer import UNKNOWN
from tlpipe_edge.camera.capture import Frame
from tlpipe_edge.camera.loop import _Smoother
from tlpipe_edge.camera.settings import Adjustable, Settings
from tlpipe_edge.errors import BadData, MissingInput, WrongUsage

pytestmark = pytest.mark.usefixtures("importable_cameras")


def outages(classifier: Classifier, camera: str, *, count: int) -> tuple[list[Outage], list[float], int]:
    """The first outages of a camera, how long was waited for each, and the answers between them."""
    waited: list[float] = []
    events = watch(classifier, "0", reader=f"cameras:{camera}", timeout=0.5, sleep=waited.append)
    found: list[Outage] = []
    answers = 0
    for event in events:
        if isinstance(event, Answer):
            answers += 1
            assert answers < 1000, "a camera that gives nothing new is answered for"
            continue
        found.append(event)
        if len(found) == count:
            break
    events.close()
    return found, waited, answers


@pytest.mark.parametrize(
    ("camera", "said", "advice"),
    [
        ("blocked", "the camera does not respond", "Unplug it and plug it in again."),
        ("dying", "ended unexpectedly", "See the system log (journalctl)."),
        ("unplugged", "delivers no more frames", "Check that it is still plugged in."),
        ("three", "the stream ended", "Check that it is still connected."),
        ("broken", "driver fault", ""),
        ("absent", "cannot be opened", "Is it plugged in?"),
        ("black", "only black frames", "Check its lens and its cable."),
        ("frozen", "keeps repeating one frame", "Check its lens and its cable."),
    ],
)
def test_an_outage_says_why_and_what_to_do(camera: str, said: str, advice: str, classifier: Classifier) -> None:
    (outage,), _, _ = outages(classifier, camera, count=1)

    assert said in outage.reason and (outage.attempt, outage.seconds) == (1, 1.0)
    assert outage.advice == advice


@pytest.mark.parametrize(
    ("url", "what", "advice"),
    [
        ("rtps://owner:Secret1@127.0.0.1:1/live", "(rtps://)", "Did you mean rtsp:// or rtmp://?"),
        ("htp://127.0.0.1:1/live", "(htp://)", "Did you mean http:// or https://?"),
        ("owner://127.0.0.1:1/live", "kind of URL", "Use rtsp, rtmp, http, https, udp or srt."),
    ],
)
def test_a_url_of_no_known_kind_is_not_tried_again(classifier: Classifier, url: str, what: str, advice: str) -> None:
    with pytest.raises(WrongUsage) as caught:
        next(watch(classifier, url, sleep=lambda _: pytest.fail("waits")))

    assert caught.value.what.endswith(what) and caught.value.advice == advice
    assert "owner" not in str(caught.value)


@pytest.mark.parametrize("url", ["tcp://127.0.0.1:1", "rtsp+tcp://127.0.0.1:1"])
def test_a_known_kind_that_does_not_open_is_an_outage(classifier: Classifier, url: str) -> None:
    events = watch(classifier, url, sleep=lambda _: None)
    assert isinstance(next(events), Outage)
    events.close()


def test_what_has_opened_once_is_opened_again(classifier: Classifier) -> None:
    """Whatever its kind: OpenCV may read more than is known here."""
    found = []
    events = watch(classifier, "new://127.0.0.1", reader="cameras:once_of_no_known_kind", sleep=lambda _: None)
    for event in events:
        found.append(event)
        if isinstance(event, Outage):
            break
    events.close()
    assert isinstance(found[0], Answer)


def test_black_pictures_are_not_classified(classifier: Classifier) -> None:
    _, _, answers = outages(classifier, "black", count=1)

    assert answers == 0


def test_the_waits_double_up_to_a_minute_and_are_told_meanwhile(
    classifier: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tlpipe_edge.camera import loop

    class Absent:
        def __init__(self, *_: object, **__: object) -> None: ...

        def __enter__(self) -> "Absent":
            raise loop.Unavailable("camera 0: cannot be opened", "")

        def __exit__(self, *_: object) -> None: ...

    monkeypatch.setattr(loop, "Capture", Absent)
    found, waited, _ = outages(classifier, "absent", count=45)

    first = [next(each) for _, each in itertools.groupby(found, key=lambda outage: outage.attempt)]
    assert [outage.seconds for outage in first[:9]] == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert max(waited) <= 5 and [outage.seconds for outage in found if outage.attempt == 5] == [16, 11, 6, 1]


@pytest.mark.parametrize(("steady", "attempts"), [(0.0, [1, 1]), (10.0, [1, 2])])
def test_after_steady_pictures_the_waits_begin_again(
    steady: float, attempts: list[int], classifier: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One picture between two outages is no recovery."""
    from tlpipe_edge.camera import loop

    monkeypatch.setattr(loop, "STEADY", steady)
    found, _, answers = outages(classifier, "unplugged", count=2)

    assert [outage.attempt for outage in found] == attempts and answers >= 1


def test_a_folder_ends_and_its_answers_are_those_of_the_classifier(
    drawn: Bundle, classifier: Classifier, tmp_path: Path
) -> None:
    import shutil

    file = drawn.golden().files[0]
    shutil.copy(file, tmp_path)
    (answer,) = watch(classifier, str(tmp_path))

    assert isinstance(answer, Answer)
    np.testing.assert_allclose(answer.scores, classifier(file).scores, atol=1 / 256)
    assert answer.label == classifier(file).label and answer.dropped == 0
    assert set(answer.timings_ms) == {"resize", "invoke", "total"}


def test_an_error_of_a_file_is_raised(classifier: Classifier, tmp_path: Path) -> None:
    with pytest.raises(MissingInput):
        next(watch(classifier, "gone.avi"))
    with pytest.raises(BadData, match="no images"):
        next(watch(classifier, str(tmp_path)))


class Scripted:
    """A classifier with given scores."""

    labels = ("a", "b")

    def __init__(self, *scores: tuple[float, float]) -> None:
        self._scores: Iterator[tuple[float, float]] = iter(scores)

    def __call__(self, _: np.ndarray) -> object:
        from tlpipe_edge import Prediction

        times = {"decode": 0.0, "resize": 1.0, "invoke": 2.0, "total": 3.0}
        return Prediction(self.labels, np.array(next(self._scores), np.float32), times)


def test_scores_are_smoothed_and_what_is_unsure_is_unknown() -> None:
    classifier = Scripted((1.0, 0.0), (0.0, 1.0), (0.0, 1.0))
    smoother = _Smoother(classifier, Adjustable(Settings(0.6, 0.5)))  # type: ignore[arg-type]
    pixels = np.zeros((4, 4, 3), np.uint8)
    answers = [smoother.answer(Frame(number, pixels)) for number in (1, 2, 6)]

    assert [answer.label for answer in answers] == ["a", UNKNOWN, "b"]
    assert [answer.scores.tolist() for answer in answers] == [[1.0, 0.0], [0.5, 0.5], [0.25, 0.75]]
    assert [answer.dropped for answer in answers] == [0, 0, 3]
