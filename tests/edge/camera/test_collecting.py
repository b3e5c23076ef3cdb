"""Keeping camera frames: by the rules within a quota and without near duplicates, and because someone asks."""

import dataclasses
import errno
import threading
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from collected import Clock, answer, checked, collector, others

from tlpipe_edge import Classifier
from tlpipe_edge.camera import collecting
from tlpipe_edge.camera.collecting import END_SECONDS, RETRY_SECONDS, WAITING, Collector, Origin
from tlpipe_edge.camera.dhash import as_text, dhash
from tlpipe_edge.camera.kept_images import KeptImages
from tlpipe_edge.contract.review import Kept, Reason
from tlpipe_edge.errors import Unavailable


def fail_if(broken: threading.Event, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a disk on which nothing can be written while ``broken`` is set."""
    original = KeptImages._check_free

    def check_free(images: KeptImages, size: int) -> None:
        if broken.is_set():
            raise OSError(errno.EROFS, "Read-only file system")
        original(images, size)

    monkeypatch.setattr(KeptImages, "_check_free", check_free)


def wait_until_written(keeping: Collector) -> None:
    """Until the thread has taken the frames that wait, and has kept them or not."""
    for _ in range(30_000):
        if not keeping._pending:
            return
        time.sleep(0.001)
    pytest.fail("a frame is still waiting")


def test_an_image_and_its_description(tmp_path: Path) -> None:
    asked = answer(0, 0.3, label="hat", second=0.28)
    with collector(tmp_path, Clock(0.25)) as keeping:
        name = keeping.keep(asked)
        status = keeping.status
    ((found, kept),) = checked(tmp_path).items()
    assert found == name == f"review/unknown/20260301T120000.250Z-{kept.sha256[:8]}.jpg"
    assert kept == Kept(
        sha256=kept.sha256,
        label="unknown",
        best="hat",
        score=0.3,
        time="2026-03-01T12:00:00.250+00:00",
        reason=Reason.ASKED,
        model="clothing",
        recipe="int8",
        artifact_sha256="2" * 64,
        device="a device",
        dhash=as_text(dhash(asked.frame)),
    )
    pixels = cv2.cvtColor(cv2.imread(str(tmp_path / name)), cv2.COLOR_BGR2RGB)
    assert pixels.shape == asked.frame.shape and np.abs(pixels.astype(int) - asked.frame).mean() < 4
    assert (status.kept, status.dropped) == (1, 0)
    assert status.bytes == sum(each.stat().st_size for each in tmp_path.glob("review/unknown/*"))


def test_the_origin_is_that_of_the_classifier(classifier: Classifier) -> None:
    origin = Origin.of(classifier)
    assert (origin.model, origin.recipe, origin.labels) == (classifier.name, classifier.recipe, classifier.labels)
    assert origin.artifact_sha256 == classifier.sha256 and origin.device


def test_what_a_rule_takes_is_kept_in_the_folder_of_its_label(tmp_path: Path) -> None:
    with collector(tmp_path, Clock()) as keeping:
        assert keeping.consider(answer(0, label="a/b")) is Reason.UNCERTAIN
        assert keeping.consider(answer(1, 0.9, second=0.05)) is None
        assert keeping.consider(answer(2, 0.3, second=0.28)) is Reason.UNKNOWN
    kept = checked(tmp_path)
    assert {Path(name).parent.name: (each.label, each.reason) for name, each in kept.items()} == {
        "class 2": ("a/b", Reason.UNCERTAIN),
        "unknown": ("unknown", Reason.UNKNOWN),
    }


def test_a_near_duplicate_is_kept_only_if_someone_asks(tmp_path: Path) -> None:
    clock = Clock()
    with collector(tmp_path, clock) as keeping:
        assert keeping.consider(answer(0)) is Reason.UNCERTAIN
        assert keeping.consider(answer(0)) is None
    with collector(tmp_path, clock) as keeping:
        assert keeping.consider(answer(0)) is None
        clock.seconds = 1
        keeping.keep(answer(0))
        assert keeping.consider(answer(1)) is Reason.UNCERTAIN
    assert [each.reason for each in checked(tmp_path).values()].count(Reason.ASKED) == 1
    assert len(checked(tmp_path)) == 3


def test_the_quota_is_that_of_the_last_hour_also_after_a_restart(tmp_path: Path) -> None:
    clock = Clock()

    def kept(seed: int) -> bool:
        with collector(tmp_path, clock, per_hour=2) as keeping:
            keeping.keep(answer(seed + 100))  # does not count
            return keeping.consider(answer(seed)) is not None

    found = []
    for seed, seconds in enumerate((0, 1800, 1801, 3599, 3600, 3601, 5400)):
        clock.seconds = seconds
        found.append(kept(seed))
    assert found == [True, True, False, False, True, False, True]


def test_every_n_seconds_is_not_in_the_quota(tmp_path: Path) -> None:
    clock = Clock()
    rules = (Reason.UNCERTAIN, Reason.EVERY)
    with collector(tmp_path, clock, *rules, seconds=10, per_hour=1) as keeping:
        found = []
        for seed in range(4):
            clock.seconds = 5 * seed
            found.append(keeping.consider(answer(seed)))
    assert found == [Reason.UNCERTAIN, None, Reason.EVERY, None]
    clock.seconds = 15
    with collector(tmp_path, clock, *rules, seconds=10, per_hour=1) as keeping:
        assert keeping.consider(answer(7)) is None
        clock.seconds = 20
        assert keeping.consider(answer(8)) is Reason.EVERY


def test_the_interval_of_every_begins_when_a_frame_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not with a near duplicate, a frame for which the queue has no room, or one that could not be written."""
    clock, broken = Clock(), threading.Event()
    fail_if(broken, monkeypatch)
    with collector(tmp_path, clock, Reason.EVERY, seconds=3600) as keeping:
        keeping.keep(answer(0))
        assert keeping.consider(answer(0)) is None
        clock.seconds = 1
        monkeypatch.setattr(keeping._queue, "full", lambda: True)
        assert keeping.consider(answer(1)) is None
        monkeypatch.undo()
        fail_if(broken, monkeypatch)
        broken.set()
        clock.seconds = 2
        assert keeping.consider(answer(1)) is Reason.EVERY
        clock.seconds = 3
        wait_until_written(keeping)
        assert keeping.consider(answer(1)) is None  # the disk has failed just now
        broken.clear()
        clock.seconds = 2 + RETRY_SECONDS
        assert keeping.consider(answer(1)) is Reason.EVERY
        wait_until_written(keeping)
        clock.seconds += 3599
        assert keeping.consider(answer(2)) is None
        clock.seconds += 1
        assert keeping.consider(answer(2)) is Reason.EVERY
    assert len(checked(tmp_path)) == 3


def test_what_was_moved_away_is_no_near_duplicate(tmp_path: Path) -> None:
    clock = Clock()
    with collector(tmp_path, clock) as keeping:
        (tmp_path / keeping.keep(answer(0))).rename(tmp_path / "sorted.jpg")
        clock.seconds = 1
        assert keeping.consider(answer(0)) is Reason.UNCERTAIN
        wait_until_written(keeping)
        assert keeping.status.kept == 1
    assert len(checked(tmp_path)) == 1 and others(tmp_path) == []


def test_what_was_moved_away_is_noticed_while_nothing_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looked, original, errors = threading.Event(), KeptImages.forget_moved, [MemoryError()]

    def forget_moved(images: KeptImages) -> None:
        if errors:
            raise errors.pop()  # which does not end the thread
        moved = not image.exists()
        original(images)
        if moved:
            looked.set()

    with collector(tmp_path, Clock()) as keeping:
        image = tmp_path / keeping.keep(answer(0))
    monkeypatch.setattr(KeptImages, "forget_moved", forget_moved)
    monkeypatch.setattr(collecting, "LOOK_SECONDS", 0.001)
    with collector(tmp_path, Clock()) as keeping:
        image.unlink()
        assert looked.wait(30)
        assert (keeping.status.kept, keeping.status.bytes) == (0, 0)
    assert others(tmp_path) == []


def test_a_slow_disk_drops_frames_and_never_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    free, original = threading.Event(), KeptImages.add

    def add(*arguments: object, **options: object) -> str:
        assert free.wait(30)
        return original(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(KeptImages, "add", add)
    with collector(tmp_path, Clock()) as keeping:
        found = [keeping.consider(answer(seed)) for seed in range(10)]
        assert found.count(None) == keeping.status.dropped in (10 - WAITING, 9 - WAITING)  # one may be in the thread
        assert keeping.consider(answer(0)) is None and keeping.status.kept == 0
        free.set()
    assert len(checked(tmp_path)) == 10 - found.count(None)


def test_the_end_waits_once_for_a_stuck_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of its waits share the seconds, which a clock of their own counts here."""
    free, began, now = threading.Event(), threading.Event(), [0.0]
    original = KeptImages.add

    def add(*arguments: object, **options: object) -> str:
        began.set()
        assert free.wait(30)
        return original(*arguments, **options)  # type: ignore[arg-type]

    class Waits:
        """Those of the queue, the thread and the lock, which take as long as they may."""

        put = join = acquire = lambda _, *item, timeout=None: wait(item[-1] if timeout is None else timeout)

    def wait(seconds: float) -> bool:
        now[0] += seconds
        return False

    monkeypatch.setattr(KeptImages, "add", add)
    monkeypatch.setattr(collecting, "monotonic", lambda: now[0])
    with collector(tmp_path, Clock()) as keeping:
        assert keeping.consider(answer(0)) is Reason.UNCERTAIN
        assert began.wait(30)
        with monkeypatch.context() as stuck:
            for name in ("_queue", "_thread", "_writing"):
                stuck.setattr(keeping, name, Waits())
            keeping.__exit__()
        assert now[0] == END_SECONDS
        free.set()


@pytest.mark.parametrize("error", [cv2.error("of OpenCV"), MemoryError()])
def test_an_error_of_any_kind_is_said_once_and_the_next_image_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: Exception
) -> None:
    clock, broken = Clock(), threading.Event()
    broken.set()
    original = collecting.as_jpeg

    def as_jpeg(frame: np.ndarray) -> bytes:
        if broken.is_set():
            raise error
        return original(frame)

    monkeypatch.setattr(collecting, "as_jpeg", as_jpeg)
    with collector(tmp_path, clock) as keeping:
        assert keeping.consider(answer(0)) is Reason.UNCERTAIN
        wait_until_written(keeping)
        with pytest.raises(Unavailable, match=type(error).__name__):
            keeping.keep(answer(1))
        broken.clear()
        clock.seconds = RETRY_SECONDS
        assert keeping.consider(answer(0)) is Reason.UNCERTAIN
    assert len(checked(tmp_path)) == 1
    said = capsys.readouterr().err
    assert said.count("no image is kept: the image cannot be written") == said.count(type(error).__name__) == 1
    assert said.index("images are kept again") > said.index("no image is kept:")


def test_a_full_disk_that_stderr_is_on_too_stops_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def warn(_: str) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    clock, broken = Clock(), threading.Event()
    broken.set()
    fail_if(broken, monkeypatch)
    monkeypatch.setattr(collecting.progress, "warn", warn)
    with collector(tmp_path, clock) as keeping:
        assert keeping.consider(answer(0)) is Reason.UNCERTAIN
        wait_until_written(keeping)
        broken.clear()
        clock.seconds = RETRY_SECONDS
        assert keeping.consider(answer(0)) is Reason.UNCERTAIN
    assert len(checked(tmp_path)) == 1


def test_a_disk_that_fails_is_said_once_and_again_when_it_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock, broken = Clock(), threading.Event()
    broken.set()
    fail_if(broken, monkeypatch)
    with collector(tmp_path, clock, per_hour=1) as keeping:
        for seed in range(3):
            with pytest.raises(Unavailable, match="Read-only file system"):
                keeping.keep(answer(seed))
        clock.seconds = RETRY_SECONDS - 1
        assert keeping.consider(answer(4)) is None
        clock.seconds = RETRY_SECONDS
        assert keeping.consider(answer(4)) is Reason.UNCERTAIN
        keeping._queue.put(None)
        keeping._thread.join(30)  # it has failed by now, and the quota is not used
        broken.clear()
        assert not keeping._granted and not keeping._pending
        keeping.keep(answer(5))
    said = capsys.readouterr().err
    assert said.count("no image is kept:") == said.count("Read-only file system") == 1
    assert said.index("images are kept again") > said.index("no image is kept:")


def test_people_and_rules_can_keep_at_the_same_time(tmp_path: Path) -> None:
    def ask() -> None:
        for seed in range(20):
            keeping.keep(answer(100 + seed))

    with collector(tmp_path, Clock()) as keeping:
        threads = [threading.Thread(target=ask) for _ in range(2)]
        for each in threads:
            each.start()
        taken = sum(keeping.consider(answer(seed)) is not None for seed in range(20))
        for each in threads:
            each.join()
        with pytest.raises(Unavailable, match="no images are kept any more"):
            keeping.__exit__()
            keeping.keep(answer(999))
    kept = checked(tmp_path)
    assert [each.reason for each in kept.values()].count(Reason.UNCERTAIN) == taken > 0
    assert keeping.status.kept == len(kept) == taken + 20  # the two asked for the same images at the same time


def test_a_score_above_one_by_rounding_can_be_read_back(tmp_path: Path) -> None:
    with collector(tmp_path, Clock()) as keeping:
        keeping.keep(dataclasses.replace(answer(0), score=1.0000001))
    assert [each.score for each in checked(tmp_path).values()] == [1.0]
