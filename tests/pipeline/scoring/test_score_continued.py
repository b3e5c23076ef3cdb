"""A `tlpipe score` that was stopped goes on: no row is lost or there twice, whatever the source is."""

import errno
import io
import json
import os
import shutil
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import drawing
import pytest
from happening import after
from results import rows

from tlpipe.data import allowance
from tlpipe.scoring import packed, saved_rows
from tlpipe.scoring.saved_rows import Done
from tlpipe.scoring.score import Scored
from tlpipe.storage import checkpoint
from tlpipe.storage.checkpoint import Checkpoint
from tlpipe.storage.resume import Resume
from tlpipe_edge.errors import BadData, MissingInput, WrongUsage

Run = Callable[..., Scored]
PICTURES = 12


class Killed(BaseException):
    """In the place of SIGKILL."""


@pytest.fixture
def stopped(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Run a command up to its row of this number; so many of the rows before it were saved."""

    def run(command: Callable[[], object], *, at: int, saved: int | None = None) -> None:
        usual, seen = Done.add, 0

        def add(done: Any, *more: Any) -> Any:
            nonlocal seen
            seen += 1
            if seen == at:
                raise Killed
            return usual(done, *more)

        with monkeypatch.context() as patch, pytest.raises(Killed):
            patch.setattr(Done, "add", add)
            patch.setattr(Checkpoint, "due", lambda _: saved is None or seen <= saved)
            patch.setattr(Checkpoint, "delete", lambda _: None)
            command()

    return run


def sources(photos: Path, folder: Path) -> dict[str, tuple[Path, ...]]:
    """The same pictures, as each kind of source; in each, some are more than one for an engine."""
    files = sorted(photos.rglob("*.*"))
    (folder / "list.txt").write_text("".join(f"{file}\n" for file in files))
    (folder / "list.csv").write_text("\n".join(["label,path", *(f"x,{file}" for file in files)]))
    (folder / "list.jsonl").write_text("".join(json.dumps({"path": str(file)}) + "\n" for file in files))
    for suffix in ("tar", "tar.gz"):
        with tarfile.open(folder / f"shard.{suffix}", "w:gz" if suffix == "tar.gz" else "w") as archive:
            for number, file in enumerate(files):
                _add(archive, f"{number}.json", b"{}")
                _add(archive, f"{number}{file.suffix}", file.read_bytes())
                _add(archive, f"{number}.seg.png", b"\x89PNG\r\n\x1a\n")
    shutil.make_archive(str(folder / "photos"), "zip", photos)
    one_file = [
        folder / name for name in ("list.txt", "list.csv", "list.jsonl", "shard.tar", "shard.tar.gz", "photos.zip")
    ]
    single = tuple(photos / "bars" / name for name in ("00.jpg", "01.png", "02.jpg"))
    several = (photos / "bars", single[0], folder / "shard.tar", folder / "list.csv")
    return {"folder": (photos,), "several": several, "images": single} | {each.name: (each,) for each in one_file}


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    archive.addfile(info, io.BytesIO(content))


KINDS = (
    *("folder", "several", "images", "list.txt", "list.csv", "list.jsonl", "shard.tar", "shard.tar.gz", "photos.zip"),
)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("out", ["out.csv", "out.jsonl"])
def test_it_goes_on_with_the_next_image(
    score: Run, photos: Path, tmp_path: Path, stopped: Callable[..., None], kind: str, out: str
) -> None:
    chosen = sources(photos, tmp_path)[kind]
    images = score(*chosen, out=f"undisturbed-{out}").images
    for at in (2, 2, images // 2):
        stopped(lambda: score(*chosen, out=out), at=at)
    done = score(*chosen, out=out)

    assert (tmp_path / out).read_bytes() == (tmp_path / f"undisturbed-{out}").read_bytes()
    assert done.continued == 1 + 1 + images // 2 - 1 and done.images == images
    assert [each.name for each in tmp_path.iterdir() if each.name.startswith(".")] == []


def _shard(kind: str, images: list[bytes], masked: bytes) -> list[tuple[str, bytes]]:
    """The members of a shard of two samples. Those of ``long`` are too many to be looked at together."""
    suffixes = {
        "plain": [(".cls", b"0"), (".jpg", images[0])],
        "masks": [(".cls", b"0"), (".jpg", images[0]), (".seg.png", masked)],
        "two images": [(".jpg", images[0]), (".png", images[1]), (".seg.png", masked), (".cls", b"0")],  # both scored
        "no suffix": [("", images[0]), (".seg.png", masked), (".cls", b"0")],
        "long": [
            *((".jpg", images[0]), (".png", images[1]), (".0.png", masked), (".1.png", masked)),  # all are scored
            *((".webp", images[0]), (".2.png", masked), (".cls", b"0")),  # one is scored
        ],
    }
    return [(f"{number:03}{suffix}", content) for number in range(2) for suffix, content in suffixes[kind]]


@pytest.mark.usefixtures("engine_of_one")
@pytest.mark.parametrize("kind", ["plain", "masks", "two images", "no suffix", "long", "bytes"])
def test_a_shard_goes_on_after_each_row(
    score: Run, photos: Path, tmp_path: Path, stopped: Callable[..., None], kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``long`` samples have more members, and ``bytes`` more bytes, than are looked at together."""
    images = [file.read_bytes() for file in sorted(photos.rglob("*.*"))[:3]]
    monkeypatch.setattr(packed, "_MAX_SAMPLE", 4)
    if kind == "bytes":
        monkeypatch.setattr(packed, "_MAX_SAMPLE_BYTES", len(images[0]) + 1)
    shard = tmp_path / "shard.tar"
    with tarfile.open(shard, "w") as archive:
        for name, content in _shard("two images" if kind == "bytes" else kind, images, images[2]):
            _add(archive, name, content)
    undisturbed = score(shard, out="undisturbed.csv").images

    for number in range(1, undisturbed):
        stopped(lambda: score(shard, overwrite=True), at=number + 1)
        done = score(shard, overwrite=True)
        assert (done.continued, done.images) == (number, undisturbed)
        assert (tmp_path / "out.csv").read_bytes() == (tmp_path / "undisturbed.csv").read_bytes(), number


@pytest.mark.usefixtures("engine_of_one")
def test_what_was_scored_counts_for_the_size_of_an_archive(
    score: Run, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or a hostile zip would be read to its end by enough repetitions."""
    contents = [file.read_bytes() for file in sorted(photos.rglob("*.*"))]
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for number, content in enumerate(contents):
            archive.writestr(f"{number}.jpg", content)
    monkeypatch.setattr(allowance, "FREE_OF_RATIO", sum(map(len, contents[:7])))
    monkeypatch.setattr(allowance, "MAX_RATIO", 0)
    for _ in range(2):
        with pytest.raises(BadData, match="more than images come to"):
            score(tmp_path / "a.zip")


def test_parquet_goes_on(score: Run, photos: Path, tmp_path: Path, stopped: Callable[..., None]) -> None:
    pa = pytest.importorskip("pyarrow", reason="pyarrow comes with the extra parquet")
    pq = pytest.importorskip("pyarrow.parquet")
    contents = [file.read_bytes() for file in sorted(photos.rglob("*.*"))]
    pq.write_table(pa.table({"image": contents}), tmp_path / "in.parquet", row_group_size=3)
    score(tmp_path / "in.parquet", out="undisturbed.parquet")
    for at in (5, 4):
        stopped(lambda: score(tmp_path / "in.parquet", out="out.parquet"), at=at)
    assert score(tmp_path / "in.parquet", out="out.parquet").continued == 7

    assert (tmp_path / "out.parquet").read_bytes() == (tmp_path / "undisturbed.parquet").read_bytes()


def test_rows_after_the_last_save_are_written_again(
    score: Run, photos: Path, tmp_path: Path, stopped: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    score(photos, out="undisturbed.csv")
    monkeypatch.setattr(checkpoint, "_PIECE", 10)  # they are in the file, but no part knows of them
    stopped(lambda: score(photos), at=9, saved=5)
    done = score(photos)

    assert done.continued == 5
    assert (tmp_path / "out.csv").read_bytes() == (tmp_path / "undisturbed.csv").read_bytes()


def test_nothing_is_read_again(
    score: Run, photos: Path, stopped: Callable[..., None], capfd: pytest.CaptureFixture[str]
) -> None:
    stopped(lambda: score(photos), at=6)
    first = sorted(photos.rglob("*.*"))[:5]
    for file in first:  # whose size and time stay
        status = file.stat()
        file.write_bytes(file.read_bytes()[:8] + bytes(status.st_size - 8))
        os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    done = score(photos)

    assert (done.failed, done.continued) == (0, 5)
    assert "continuing the unfinished" in (said := capfd.readouterr().err) and "after 5 images, saved 0 s ago" in said


def _touched(photos: Path) -> Path:
    file = photos / "bars/00.jpg"
    os.utime(file, ns=(1, 1))
    return photos


def _added(photos: Path) -> Path:
    shutil.copy(photos / "bars/00.jpg", photos / "bars/000.jpg")
    return photos


def _fewer(photos: Path) -> Path:
    for folder in ("bars", "crosses"):
        shutil.rmtree(photos / folder)
    return photos


@pytest.mark.parametrize("change", [_touched, _added, _fewer])
def test_a_folder_that_changed_begins_anew(
    score: Run,
    photos: Path,
    tmp_path: Path,
    stopped: Callable[..., None],
    change: Callable[[Path], Path],
    capfd: pytest.CaptureFixture[str],
) -> None:
    stopped(lambda: score(photos), at=6)
    done = score(change(photos))

    assert f"not continuing the unfinished {tmp_path / 'out.csv'} (changed since: {photos}): it begins anew" in (
        capfd.readouterr().err
    )
    score(photos, out="undisturbed.csv")
    assert done.continued == 0
    assert (tmp_path / "out.csv").read_bytes() == (tmp_path / "undisturbed.csv").read_bytes()


def _again(photos: Path, folder: Path) -> tuple[Path, Path, Path]:
    """Three sources, the second of which is damaged: the first has 4 images, the last 1."""
    packed = sources(photos, folder)["shard.tar"][0]
    whole = packed.read_bytes()
    packed.with_suffix(".whole").write_bytes(whole)
    packed.write_bytes(whole[: len(whole) // 2])
    return photos / "bars", packed, photos / "bars/00.jpg"


def test_a_damaged_archive_that_is_replaced_is_scored_again_alone(
    score: Run, photos: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], stopped: Callable[..., None]
) -> None:
    given = _again(photos, tmp_path)
    with pytest.raises(BadData, match="a damaged archive"):
        score(*given)
    given[1].with_suffix(".whole").replace(given[1])
    stopped(lambda: score(*given), at=1)
    capfd.readouterr()
    done = score(*given)
    said = f"{given[1]}: changed since then, so continuing after 4 images"

    assert (done.continued, done.images) == (4, 4 + PICTURES + 1) and said not in capfd.readouterr().err
    score(*given, out="undisturbed.csv")
    assert (tmp_path / "out.csv").read_bytes() == (tmp_path / "undisturbed.csv").read_bytes()


def test_what_is_kept_of_others_is_said(
    score: Run, photos: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    given = _again(photos, tmp_path)
    with pytest.raises(BadData, match="a damaged archive"):
        score(*given)
    given[1].with_suffix(".whole").replace(given[1])

    assert score(*given).continued == 4
    assert f"{given[1]}: changed since then, so continuing after 4 images" in capfd.readouterr().err


def test_a_finished_source_that_changed_begins_anew(
    score: Run, photos: Path, tmp_path: Path, stopped: Callable[..., None], capfd: pytest.CaptureFixture[str]
) -> None:
    given = [sources(photos, tmp_path)["list.txt"][0], photos]
    stopped(lambda: score(*given), at=PICTURES + 3)
    given[0].write_text(given[0].read_text().splitlines()[0])

    assert (done := score(*given)).continued == 0 and done.images == 1 + PICTURES
    assert "(changed since: a source that was scored): it begins anew" in capfd.readouterr().err


def test_images_that_came_later_are_scored(score: Run, photos: Path, stopped: Callable[..., None]) -> None:
    stopped(lambda: score(photos), at=6)
    shutil.copytree(photos / "bars", photos / "z")
    done = score(photos)

    assert (done.continued, done.images) == (5, PICTURES + 4)


def test_a_list_that_changed_begins_anew(
    score: Run, photos: Path, tmp_path: Path, stopped: Callable[..., None], capfd: pytest.CaptureFixture[str]
) -> None:
    file = sources(photos, tmp_path)["list.txt"][0]
    stopped(lambda: score(file), at=6)
    file.write_text("".join(reversed(file.read_text().splitlines(keepends=True))))
    assert score(file).continued == 0
    assert f"(changed since: {file})" in capfd.readouterr().err


@pytest.mark.parametrize("first", ["/elsewhere/photos/bars/00.jpg", "photos/bars/00.jpg"])
def test_paths_of_another_machine_are_found_as_from_the_beginning(
    score: Run, photos: Path, tmp_path: Path, stopped: Callable[..., None], first: str
) -> None:
    """The third path alone would be found in the folder elsewhere."""
    shutil.copytree(photos / "rings", tmp_path / "elsewhere/photos/rings")
    written = [first, "/elsewhere/photos/bars/01.png", "/elsewhere/photos/rings/00.jpg", "/elsewhere/photos/gone.jpg"]
    (tmp_path / "list.txt").write_text("\n".join(written))
    score(tmp_path / "list.txt", out="undisturbed.csv")
    stopped(lambda: score(tmp_path / "list.txt"), at=3)
    done = score(tmp_path / "list.txt")

    assert (tmp_path / "out.csv").read_bytes() == (tmp_path / "undisturbed.csv").read_bytes()
    assert (done.continued, done.failed) == (2, 1 if first.startswith("/") else 3)


def test_what_was_kept_stays_if_it_cannot_be_opened(
    score: Run, photos: Path, stopped: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped(lambda: score(photos), at=6)

    def fail(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    with monkeypatch.context() as patch, pytest.raises(PermissionError):
        patch.setattr(Checkpoint, "growing", fail)
        score(photos)
    assert score(photos).continued == 5


@pytest.mark.usefixtures("engine_of_one")
def test_a_result_that_came_meanwhile_is_not_replaced(
    score: Run, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch, pytest.raises(WrongUsage, match="exists already"):
        after(3, lambda: (tmp_path / "out.csv").write_text("mine"), patch)
        score(photos)
    assert (tmp_path / "out.csv").read_text() == "mine"
    assert score(photos, overwrite=True).continued == PICTURES


@pytest.mark.parametrize("options", [{"top_k": 1}, {"resume": Resume(restart=True)}])
def test_other_options_and_restart_begin_anew(
    score: Run, photos: Path, stopped: Callable[..., None], options: dict[str, Any]
) -> None:
    stopped(lambda: score(photos), at=6)
    assert score(photos, **options).continued == 0


@pytest.mark.parametrize("workers", [1, 3])
def test_the_number_of_workers_may_differ(score: Run, photos: Path, stopped: Callable[..., None], workers: int) -> None:
    stopped(lambda: score(photos), at=6)
    assert score(photos, workers=workers).continued == 5


@pytest.mark.parametrize("damage", ["cut", "changed", "gone", "record"])
def test_damaged_rows_begin_anew(
    score: Run, photos: Path, tmp_path: Path, stopped: Callable[..., None], damage: str
) -> None:
    score(photos, out="undisturbed.csv")
    stopped(lambda: score(photos), at=6)
    (grown,) = tmp_path.glob(".out.csv.unfinished-*/*.growing")
    content = grown.read_bytes()
    match damage:
        case "cut":
            grown.write_bytes(content[:-1])
        case "changed":
            grown.write_bytes(b"X" + content[1:])
        case "gone":
            grown.unlink()
        case "record":
            (part,) = grown.parent.glob("*.part")
            part.write_bytes(part.read_bytes()[:-9])
    assert score(photos).continued == 0
    assert (tmp_path / "out.csv").read_bytes() == (tmp_path / "undisturbed.csv").read_bytes()


@pytest.fixture
def engine_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Images are scored one by one, and each row is saved."""

    class One:
        def run(self, work: Any, items: Any) -> Iterator[Any]:
            yield from map(work.start(), items)

    monkeypatch.setattr(saved_rows, "engine", One)
    monkeypatch.setattr(Checkpoint, "due", lambda _: True)


@pytest.mark.usefixtures("engine_of_one")
@pytest.mark.parametrize(("how", "kept"), [("all", 7), ("content", 7), ("second", 2), ("between", 10)])
def test_a_source_that_vanishes(
    score: Run,
    photos: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    how: str,
    kept: int,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """``between``: before the walker lists the last folder."""
    other = drawing.photographs(tmp_path / "other", ("bars",), count=2)
    given, moved = (other, photos), tmp_path / "moved"

    def vanish() -> None:
        photos.rename(moved)
        if how == "content":
            photos.mkdir()

    with monkeypatch.context() as patch:
        after(1 if how == "second" else kept, vanish, patch)
        with pytest.raises(MissingInput, match=f"{photos}: gone while it was read\nPut it back."):
            score(*given)
    assert f"what was scored is kept. The same command continues after {kept} images." in capfd.readouterr().err
    shutil.rmtree(photos, ignore_errors=True)
    moved.rename(photos)

    done = score(*given)
    assert (done.continued, done.images) == (kept, PICTURES + 2)


@pytest.mark.usefixtures("engine_of_one")
def test_an_image_that_vanishes_is_a_row(
    score: Run, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    after(6, (photos / "crosses/02.jpg").unlink, monkeypatch)
    walked = [*sorted(photos.rglob("*.*"))]
    with monkeypatch.context() as patch:
        patch.setattr("tlpipe_edge.images.walker.images", lambda *_, **__: iter(walked))
        done = score(photos)

    (row,) = (row for row in rows(tmp_path / "out.csv") if row["error"])
    assert (done.images, done.failed, row["error"]) == (PICTURES, 1, "no such file")


@pytest.mark.parametrize("suffix", ["tar", "tar.gz"])
def test_a_damaged_archive_keeps_the_rows_before(
    score: Run, photos: Path, tmp_path: Path, suffix: str, capfd: pytest.CaptureFixture[str]
) -> None:
    (file,) = sources(photos, tmp_path)[f"shard.{suffix}"]
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    with pytest.raises(BadData, match="a damaged archive"):
        score(file)
    said = capfd.readouterr().err
    assert "what was scored is kept. The same command continues after " in said
    kept = int(said.split("continues after ")[1].split()[0])

    assert 3 <= kept < PICTURES
    with pytest.raises(BadData, match="a damaged archive"):
        score(file)
    assert f"after {kept} images, saved" in capfd.readouterr().err


def test_a_full_disk(
    score: Run, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """At the second save, and so in the middle."""
    score(photos, out="undisturbed.csv")
    usual, saves = os.fsync, 0

    def fsync(descriptor: int) -> None:
        nonlocal saves
        if Path(f"/proc/self/fd/{descriptor}").readlink().suffix == ".growing":
            saves += 1
            if saves == 4:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        usual(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fsync)
        patch.setattr(Checkpoint, "due", lambda _: True)
        with pytest.raises(OSError, match="No space left") as raised:
            score(photos)
    assert raised.value.filename == str(tmp_path / "out.csv") and raised.value.errno == errno.ENOSPC
    assert "what was scored is kept. The same command continues after 3 images." in capfd.readouterr().err

    assert score(photos).continued == 3
    assert (tmp_path / "out.csv").read_bytes() == (tmp_path / "undisturbed.csv").read_bytes()
