"""The folder of kept images: what is deleted for room, what a disk does, and what a person moves away."""

import contextlib
import errno
import itertools
import os
import shutil
import stat
from collections import namedtuple
from collections.abc import Iterator
from pathlib import Path

import pytest
from collected import Clock, answer, checked, collector, others

from tlpipe_edge.camera import durable, kept_images
from tlpipe_edge.camera.collecting import Collector
from tlpipe_edge.camera.kept_images import KeptImages
from tlpipe_edge.contract import review
from tlpipe_edge.contract.review import REVIEW, Reason
from tlpipe_edge.errors import Busy, Unavailable, WrongUsage

Usage = namedtuple("Usage", "total used free")


@contextlib.contextmanager
def three_kept(folder: Path, clock: Clock, *, asked: bool) -> Iterator[Collector]:
    """A folder with images of the scores 0.60, 0.70 and 0.60, which are all that there is room for."""
    scores = (0.60, 0.70, 0.601)
    rules = (Reason.EVERY,)
    with collector(folder, clock, *rules, seconds=1) as keeping:
        for seed, score in enumerate(scores):
            clock.seconds += 10
            if asked:
                keeping.keep(answer(seed, score))
            else:
                assert keeping.consider(answer(seed, score)) is Reason.EVERY
    size = sum(each.stat().st_size for each in folder.glob("review/*/*"))
    with collector(folder, clock, *rules, seconds=1, limit=size + 100) as keeping:
        clock.seconds += 10
        yield keeping


def scores(folder: Path) -> list[float]:
    return [kept.score for kept in checked(folder).values()]


def test_the_most_certain_is_deleted_first_and_then_the_oldest(tmp_path: Path) -> None:
    clock = Clock()
    with three_kept(tmp_path, clock, asked=False) as keeping:
        keeping.consider(answer(10, 0.5))
    assert scores(tmp_path) == [0.60, 0.601, 0.5]
    clock.seconds += 10
    with collector(tmp_path, clock, limit=keeping.status.bytes + 100) as keeping:
        keeping.keep(answer(11, 0.4))
    assert scores(tmp_path) == [0.601, 0.5, 0.4] and others(tmp_path) == []


def test_what_someone_asked_for_is_deleted_only_for_what_someone_asks_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = Clock()
    with three_kept(tmp_path, clock, asked=True) as keeping:
        assert keeping.consider(answer(10, 0.5)) is Reason.EVERY
    assert scores(tmp_path) == [0.60, 0.70, 0.601]
    assert "not enough beside the images that someone asked for" in capsys.readouterr().err
    clock.seconds += 10
    with collector(tmp_path, clock, limit=keeping.status.bytes + 100) as keeping:
        keeping.keep(answer(11, 0.4))
    assert scores(tmp_path) == [0.60, 0.601, 0.4]


def test_what_someone_asked_for_is_deleted_after_what_is_less_certain(tmp_path: Path) -> None:
    clock = Clock()
    with collector(tmp_path, clock) as keeping:
        keeping.keep(answer(0, 0.9))
        keeping.consider(answer(1, 0.4))
    clock.seconds = 10
    with collector(tmp_path, clock, limit=keeping.status.bytes + 100) as keeping:
        keeping.keep(answer(2, 0.9))
    assert [each.reason for each in checked(tmp_path).values()] == [Reason.ASKED] * 2


def test_an_image_above_the_limit_deletes_none(tmp_path: Path) -> None:
    with collector(tmp_path, Clock()) as keeping:
        keeping.keep(answer(0))
    with collector(tmp_path, Clock(), limit=100) as keeping, pytest.raises(Unavailable, match="are not enough"):
        keeping.keep(answer(1))
    assert len(checked(tmp_path)) == 1


def test_what_was_sorted_makes_room_and_leaves_no_description(tmp_path: Path) -> None:
    clock, sorted_away = Clock(), tmp_path / "dress"
    with three_kept(tmp_path / "kept", clock, asked=False) as keeping:
        image = tmp_path / "kept" / next(iter(checked(tmp_path / "kept")))
        image.rename(sorted_away)
        keeping.keep(answer(10, 0.9))
    assert scores(tmp_path / "kept") == [0.70, 0.601, 0.9] and others(tmp_path / "kept") == []


@pytest.mark.parametrize(("total", "spare"), [(10**10, 200 * 10**6), (10**9, 50 * 10**6)])
def test_the_disk_is_never_filled(total: int, spare: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    free = spare + 100_000
    monkeypatch.setattr(kept_images.shutil, "disk_usage", lambda _: Usage(total, total - free, free))
    with collector(tmp_path, Clock()) as keeping:
        keeping.keep(answer(0))
        free = spare
        with pytest.raises(Unavailable, match=f"less than {spare // 10**6} MB would stay free"):
            keeping.keep(answer(1))
    assert len(checked(tmp_path)) == 1


def test_a_full_disk_leaves_neither_of_the_two_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = durable.os.fsync
    files = iter(range(100))

    def fsync(descriptor: int) -> None:
        if stat.S_ISREG(os.fstat(descriptor).st_mode) and next(files) == 1:  # the image, after its description
            raise OSError(errno.ENOSPC, "No space left on device")
        original(descriptor)

    monkeypatch.setattr(durable.os, "fsync", fsync)
    with collector(tmp_path, Clock()) as keeping:
        with pytest.raises(Unavailable, match="No space left on device"):
            keeping.keep(answer(0))
        assert [*tmp_path.glob("review/dress/*")] == [*tmp_path.glob("review/dress/.*")] == []
        keeping.keep(answer(0))
    assert len(checked(tmp_path)) == 1


def folder_cannot_be_flushed(monkeypatch: pytest.MonkeyPatch, *, number: int) -> None:
    """From its flush with this number on: 0 is that after the description got its name, 1 that after the image did."""
    original, numbers = durable.os.fsync, itertools.count()

    def fsync(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode) and next(numbers) >= number:
            raise OSError(errno.EIO, "Input/output error")
        original(descriptor)

    monkeypatch.setattr(durable.os, "fsync", fsync)


def test_an_image_that_is_there_counts_although_its_folder_cannot_be_flushed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with collector(tmp_path, Clock()) as keeping:
        keeping.keep(answer(0))
        folder_cannot_be_flushed(monkeypatch, number=1)
        name = keeping.keep(answer(1))
        assert (tmp_path / name).exists() and name in keeping._images.entries and keeping.status.kept == 2
        assert keeping.consider(answer(1)) is None
    assert len(checked(tmp_path)) == 2


def test_a_description_whose_folder_cannot_be_flushed_does_not_stay_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with collector(tmp_path, Clock()) as keeping:
        keeping.keep(answer(0))
        folder_cannot_be_flushed(monkeypatch, number=0)
        with pytest.raises(Unavailable, match="Input/output error"):
            keeping.keep(answer(1))
    assert len(checked(tmp_path)) == 1 and others(tmp_path) == []


def test_a_folder_that_is_gone_is_not_made_again_but_opened_again(tmp_path: Path) -> None:
    """As that of a USB stick which is pulled out: below it is the card that the device starts from."""
    folder = tmp_path / "stick" / "kept"
    with collector(folder, Clock()) as keeping:
        keeping.keep(answer(0))
        folder.parent.rename(tmp_path / "pulled")
        with pytest.raises(Unavailable, match="is not there any more"):
            keeping.keep(answer(1))
        assert not folder.parent.exists()
        shutil.copytree(tmp_path / "pulled", folder.parent)
        keeping.keep(answer(2))
        assert keeping.status.kept == 2
        with pytest.raises(Busy):
            KeptImages(folder, limit=1).__enter__()
    assert len(checked(folder)) == 2


def test_two_cameras_cannot_use_one_folder(tmp_path: Path) -> None:
    with collector(tmp_path, Clock()), pytest.raises(Busy, match="another tlpipe-edge process"):
        collector(tmp_path, Clock()).__enter__()
    with collector(tmp_path, Clock()):
        pass


def test_a_file_and_a_place_that_cannot_be_written_to_are_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(WrongUsage, match="file: is a file, not a folder"):
            collector(path, Clock()).__enter__()
    with pytest.raises(Unavailable, match="cannot be written to"):
        collector(Path("/proc/kept"), Clock()).__enter__()


def test_only_the_owner_can_read(tmp_path: Path) -> None:
    with collector(tmp_path / "kept", Clock()) as keeping:
        name = keeping.keep(answer(0))
    image = tmp_path / "kept" / name
    folders = (tmp_path / "kept", tmp_path / "kept" / REVIEW, image.parent)
    assert [each.stat().st_mode & 0o777 for each in folders] == [0o700] * 3
    assert [each.stat().st_mode & 0o777 for each in (image, review.beside(image))] == [0o600] * 2


def test_files_of_others_stay_and_what_cannot_be_read_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with collector(tmp_path, Clock()) as keeping:
        image = tmp_path / keeping.keep(answer(0))
    review.beside(image).write_text("{}", encoding="utf-8")
    mine = [image.with_name(name) for name in ("mine.jpg", "mine.review.json", ".mine")]
    for each in mine:
        each.write_text("", encoding="utf-8")
    with collector(tmp_path, Clock()) as keeping:
        assert keeping.status.kept == 0
    assert all(each.exists() for each in (*mine, image))
    assert "1 descriptions of kept images cannot be read, and stay: " in capsys.readouterr().err
