"""What killed commands leave is deleted or repaired, while its owner lives it is left alone, as are others' files."""

import errno
import hashlib
import os
import shutil
import time
from pathlib import Path

import pytest

from tlpipe.storage import atomic, leftovers, locks

KEY = "0123456789abcdef"
DAY = 86_400


def filled(folder: Path, text: str = "text") -> Path:
    folder.mkdir(parents=True)
    (folder / "file").write_text(text)
    return folder


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def age(path: Path, days: float) -> None:
    then = time.time() - days * DAY
    for each in (*path.rglob("*"), path):
        os.utime(each, (then, then))


@pytest.fixture(autouse=True)
def warnings_again() -> None:
    leftovers._warn_of_old.cache_clear()


def test_the_next_writer_deletes_the_garbage_of_all_names(tmp_path: Path) -> None:
    filled(tmp_path / ".one.tlpipe-abcd_123")
    (tmp_path / ".two words.json.tlpipe-00000000").write_text("half")
    (tmp_path / ".three.lock").write_bytes(locks.MARK)
    (tmp_path / ".one.lock").touch()
    atomic.write_text(tmp_path / "another", "text")

    assert names(tmp_path) == ["another"]


def test_an_empty_lock_beside_a_result_is_ours(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run/run.json").write_text('{"schema": 1}')
    for name in (".run.lock", ".other.lock"):
        (tmp_path / name).touch()
    leftovers.sweep(tmp_path)

    assert names(tmp_path) == [".other.lock", "run"]


def test_while_its_owner_lives_all_of_a_name_stays(tmp_path: Path) -> None:
    filled(tmp_path / ".out.tlpipe-abcdefgh")
    filled(tmp_path / ".out.old.abcdefgh/out")
    filled(leftovers.committed(tmp_path / "out"))
    age(filled(tmp_path / f".out.unfinished-{KEY}"), 40)
    before = names(tmp_path)
    with locks.locked(tmp_path / "out"):
        leftovers.sweep(tmp_path)
        leftovers.repair(tmp_path)
        assert names(tmp_path) == sorted([*before, ".out.lock"])

    leftovers.sweep(tmp_path)
    assert names(tmp_path) == ["file", "out"]


@pytest.mark.parametrize(
    "name",
    [
        *(
            ".out.tlpipe-abc",
            ".out.tlpipe-ABCDEFGH",
            ".out.tlpipe-abcdefghi",
            "out.tlpipe-abcdefgh",
            ".tlpipe-abcdefgh",
        ),
        *(".out.lock", ".out.lock2", "out.lock", ".lock", ".out.unfinished-0123", ".out.unfinished-0123456789ABCDEF"),
        *(".out.old.abcdefgh", ".out.old", ".out.abcdefgh", f".out.unfinished-{KEY}0", ".DS_Store", ".git"),
    ],
)
def test_hidden_files_of_other_programs_stay(tmp_path: Path, name: str) -> None:
    """Among them a lock without our mark, and a folder set aside that has another name inside."""
    if name.endswith("lock"):
        (tmp_path / name).touch()
    else:
        filled(tmp_path / name)
        age(tmp_path / name, 40)
    leftovers.sweep(tmp_path)
    leftovers.repair(tmp_path)

    assert names(tmp_path) == [name]


@pytest.mark.parametrize(("days", "stays"), [(29, True), (31, False)])
def test_a_checkpoint_is_kept_for_thirty_days(tmp_path: Path, days: int, stays: bool) -> None:
    checkpoint = filled(tmp_path / f".out.unfinished-{KEY}")
    filled(checkpoint / "deeper")
    age(checkpoint, days)
    leftovers.sweep(tmp_path)

    assert names(tmp_path) == ([checkpoint.name] if stays else [])


def test_a_checkpoint_is_as_old_as_its_newest_file(tmp_path: Path) -> None:
    checkpoint = filled(tmp_path / f".out.unfinished-{KEY}")
    age(checkpoint, 40)
    os.utime(checkpoint / "file")
    leftovers.sweep(tmp_path)

    assert names(tmp_path) == [checkpoint.name]


def test_an_old_result_without_a_new_one_is_brought_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for order, text in enumerate(("older", "newest", "oldest")):
        filled(tmp_path / f".out.old.abcdefg{order}/out", text)
        age(tmp_path / f".out.old.abcdefg{order}", {"newest": 1, "older": 2, "oldest": 3}[text])
    leftovers.repair(tmp_path)

    assert (tmp_path / "out/file").read_text() == "newest"
    assert names(tmp_path) == [".out.old.abcdefg0", ".out.old.abcdefg2", "out"]
    said = capsys.readouterr().err.splitlines()
    assert said[0] == f"{tmp_path}/out: brought back; a command was killed while it replaced it"
    assert [line.split(":")[0] for line in said[1:]] == ["warning", "warning"]


def test_an_old_result_beside_a_new_one_is_named_once_and_stays(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    filled(tmp_path / ".my out.old.abcdefgh/my out", "old")
    filled(tmp_path / "my out", "new")
    for _ in range(2):
        leftovers.sweep(tmp_path)
        leftovers.repair(tmp_path)

    assert names(tmp_path) == [".my out.old.abcdefgh", "my out"]
    (said,) = capsys.readouterr().err.splitlines()
    assert said.startswith("warning: ") and said.endswith("To delete it: rm -r '.my out.old.abcdefgh'")


def test_to_look_at_a_folder_that_may_not_be_written_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(tmp_path / ".out.old.abcdefgh/out")
    monkeypatch.setattr(os, "access", lambda *_: False)
    leftovers.repair(tmp_path, tmp_path / "none")

    assert names(tmp_path) == [".out.old.abcdefgh"] and capsys.readouterr().err == ""


def test_a_folder_that_cannot_be_written_after_all_is_left_as_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(tmp_path / ".out.old.abcdefgh/out")

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(locks.os, "open", refuse)
    leftovers.repair(tmp_path)

    assert names(tmp_path) == [".out.old.abcdefgh"] and capsys.readouterr().err == ""


def test_what_cannot_be_set_aside_stays_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As another user's old checkpoint in a folder with the sticky bit."""
    old = filled(tmp_path / f".run.unfinished-{KEY}")
    age(old, 31)

    def fail(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(Path, "replace", fail)
    leftovers.sweep(tmp_path)
    assert names(tmp_path) == [old.name]


@pytest.mark.parametrize("main", ["stage/model", ""], ids=["folder", "file"])
def test_a_checkpoint_whose_result_is_there_is_garbage(tmp_path: Path, main: str) -> None:
    """The command was killed between its end and the deletion of the checkpoint; and so in a copy of the folder."""
    checkpoint, made = finished(tmp_path / "runs", main)
    assert not leftovers.is_finished(checkpoint)
    made.rename(tmp_path / "runs/run")

    shutil.copytree(tmp_path / "runs", tmp_path / "copy")
    for folder in (tmp_path / "runs", tmp_path / "copy"):
        assert leftovers.is_finished(folder / checkpoint.name)
        leftovers.sweep(folder)
        assert names(folder) == ["run"]


@pytest.mark.parametrize("main", ["stage/model", ""], ids=["folder", "file"])
def test_a_checkpoint_whose_result_did_not_come_stays(tmp_path: Path, main: str) -> None:
    """Another command has made the result, even if the system gives the numbers of deleted files again."""
    checkpoint, made = finished(tmp_path, main)
    (made / main).write_text("of another command")
    made.rename(tmp_path / "run")

    leftovers.sweep(tmp_path)

    assert names(tmp_path) == [checkpoint.name, "run"]


def finished(folder: Path, main: str) -> tuple[Path, Path]:
    """The checkpoint of a command that was killed just before its result, the second, got its name."""
    checkpoint, made = folder / ".run.unfinished-0123456789abcdef", folder / ".run.tlpipe-abcdefgh"
    checkpoint.mkdir(parents=True)
    (made / main).parent.mkdir(parents=True, exist_ok=True)
    (made / main).write_text("made")
    assert leftovers.finish(checkpoint, made, main) == hashlib.sha256(b"made").hexdigest()
    return checkpoint, made


def full_disk(monkeypatch: pytest.MonkeyPatch, *, renames: int) -> None:
    """So many renames succeed."""
    replace, done = Path.replace, []

    def replaced(path: Path, target: Path) -> Path:
        if len(done) == renames:
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        done.append(path)
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", replaced)


def test_a_checkpoint_that_cannot_be_renamed_leaves_no_name_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = filled(tmp_path / f".out.unfinished-{KEY}")
    full_disk(monkeypatch, renames=0)
    with pytest.raises(OSError, match="No space"):
        leftovers.set_aside(checkpoint, tmp_path / "out")

    assert names(tmp_path) == [checkpoint.name]


@pytest.mark.parametrize("renames", [0, 1])
def test_what_cannot_be_moved_in_waits_for_the_next_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, renames: int
) -> None:
    filled(tmp_path / "stage")
    committed = leftovers.committed(tmp_path / "run")
    filled(committed / "stage", "new")
    with monkeypatch.context() as full, pytest.raises(OSError, match="No space"):
        full_disk(full, renames=renames)
        leftovers.move_in(tmp_path / "run")

    assert names(tmp_path) == [committed.name, "stage"][: 2 - renames]
    leftovers.repair(tmp_path)
    assert names(tmp_path) == ["stage"] and (tmp_path / "stage/file").read_text() == "new"
