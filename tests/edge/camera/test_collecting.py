"""Keeping camera frames: by the rules within a quota and without near duplicates, and because someone asks."""

import dataclasses
import errno
import threading
from pathlib import Path

import cv2
import numpy as np
import pytest
from collected import Clock, answer, checked, collector

from tlpipe_edge import Classifier
from tlpipe_edge.camera import collecting
from tlpipe_edge.camera.collecting import RETRY_SECONDS, WAITING, Origin
from tlpipe_edge.camera.dhash import as_text, dhash
from tlpipe_edge.camera.kept_images import KeptImages
from tlpipe_edge.contract.review import Kept, Reason
from tlpipe_edge.errors import Unavailable


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
    assert (status.kept, status.last, status.dropped, status.problem) == (1, name, 0, "")
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


def test_a_disk_that_fails_is_said_once_and_again_when_it_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock, broken = Clock(), True
    usage = collecting.KeptImages._check_free

    def check_free(images: KeptImages, size: int) -> None:
        if broken:
            raise OSError(errno.EROFS, "Read-only file system")
        usage(images, size)

    monkeypatch.setattr(KeptImages, "_check_free", check_free)
    with collector(tmp_path, clock, per_hour=1) as keeping:
        for seed in range(3):
            with pytest.raises(Unavailable, match="Read-only file system"):
                keeping.keep(answer(seed))
        assert "Read-only file system" in keeping.status.problem
        clock.seconds = RETRY_SECONDS - 1
        assert keeping.consider(answer(4)) is None
        clock.seconds = RETRY_SECONDS
        assert keeping.consider(answer(4)) is Reason.UNCERTAIN
        keeping._queue.put(None)
        keeping._thread.join(30)  # it has failed by now, and the quota is not used
        broken = False
        assert not keeping._granted and not [*keeping._hashes()]
        keeping.keep(answer(5))
        assert keeping.status.problem == ""
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
