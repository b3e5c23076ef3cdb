"""Whole or not at all."""

import errno
import stat
from pathlib import Path
from types import SimpleNamespace

import pytest

from tlpipe.storage import atomic, exchange, leftovers, locks
from tlpipe.storage.checkpoint import Checkpoint
from tlpipe_edge.errors import Busy, WrongUsage


def tree(folder: Path) -> dict[str, str]:
    """Every file below a folder with its text, but for locks."""
    return {
        str(file.relative_to(folder)): file.read_text()
        for file in sorted(folder.rglob("*"))
        if file.is_file() and not file.name.endswith(".lock")
    }


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    for text in ("old", "new"):
        atomic.write_text(file, text)

    assert tree(tmp_path) == {"a.txt": "new"}
    assert file.stat().st_mode & 0o777 == 0o644


def test_a_crash_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    atomic.write_text(tmp_path / "a.txt", "old")

    def fail(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(KeyboardInterrupt):
        atomic.write_text(tmp_path / "a.txt", "new")
    assert tree(tmp_path) == {"a.txt": "old"}


def test_a_folder_appears_at_the_end(tmp_path: Path) -> None:
    out = tmp_path / "deeper/out"
    with atomic.directory(out, marker="a.txt") as partial:
        (partial / "a.txt").write_text("a")
        assert not out.exists() and partial.parent == out.parent

    assert tree(tmp_path) == {"deeper/out/a.txt": "a"}
    assert out.stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_a_crash_leaves_everything_as_it_was(tmp_path: Path, error: type[BaseException]) -> None:
    out = tmp_path / "out"
    with atomic.directory(out, marker="a.txt") as partial:
        (partial / "a.txt").write_text("old")

    for path in (out, tmp_path / "another"):
        with pytest.raises(error), atomic.directory(path, marker="a.txt", overwrite=True) as partial:
            (partial / "b.txt").write_text("half")
            raise error
    assert tree(tmp_path) == {"out/a.txt": "old"}


def test_what_exists_is_replaced_only_when_told(tmp_path: Path) -> None:
    for text in ("old", "new"):
        with atomic.directory(tmp_path / "out", marker="a.txt", overwrite=True) as partial:
            (partial / "a.txt").write_text(text)
    assert tree(tmp_path) == {"out/a.txt": "new"}

    with pytest.raises(WrongUsage, match="exists already"), atomic.directory(tmp_path / "out", marker="a.txt"):
        pytest.fail("entered")


@pytest.mark.parametrize("content", ["photo.jpg", "a.txt.jpg", "folder/a.txt"])
def test_what_is_not_ours_is_not_replaced(tmp_path: Path, content: str) -> None:
    file = tmp_path / "out" / content
    file.parent.mkdir(parents=True)
    file.write_text("mine")

    with (
        pytest.raises(WrongUsage, match=r"it holds something else \(no a\.txt\)"),
        atomic.directory(tmp_path / "out", marker="a.txt", overwrite=True),
    ):
        pytest.fail("entered")
    assert file.read_text() == "mine"


@pytest.mark.parametrize("at", [1, 2])
def test_an_interrupt_while_folders_change_places_in_several_steps_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    monkeypatch.setattr(exchange, "_in_one_step", lambda *_: False)
    with atomic.directory(tmp_path / "out", marker="a.txt") as partial:
        (partial / "a.txt").write_text("old")
    replace, moves = Path.replace, []

    def interrupted(path: Path, target: Path) -> Path:
        moves.append(path)
        if len(moves) == at:
            raise KeyboardInterrupt
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt), atomic.directory(tmp_path / "out", marker="a.txt", overwrite=True):
        pass
    assert tree(tmp_path) == {"out/a.txt": "old"}
    assert [entry.name for entry in tmp_path.iterdir() if entry.is_dir()] == ["out"]


@pytest.mark.parametrize("code", [errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, None], ids=str)
def test_a_system_that_cannot_exchange_replaces_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int | None
) -> None:
    """Without the code of an error, the C library has no such function."""
    library = SimpleNamespace() if code is None else SimpleNamespace(renameat2=lambda *_: -1)
    monkeypatch.setattr(exchange.ctypes, "CDLL", lambda *_, **__: library)
    monkeypatch.setattr(exchange.ctypes, "get_errno", lambda: code)
    for text in ("old", "new"):
        with atomic.directory(tmp_path / "out", marker="a.txt", overwrite=True) as partial:
            (partial / "a.txt").write_text(text)

    assert tree(tmp_path) == {"out/a.txt": "new"}
    assert [entry.name for entry in tmp_path.iterdir()] == ["out"]


def test_another_error_of_an_exchange_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "out").mkdir()
    monkeypatch.setattr(exchange.ctypes, "get_errno", lambda: errno.ENOSPC)
    monkeypatch.setattr(exchange.ctypes, "CDLL", lambda *_, **__: SimpleNamespace(renameat2=lambda *_: -1))
    with pytest.raises(OSError, match="No space left"), atomic.directory(tmp_path / "out", marker="a", overwrite=True):
        pass
    assert [entry.name for entry in tmp_path.iterdir()] == ["out"]


def test_a_link_is_replaced_and_what_it_leads_to_stays(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/a.txt").write_text("old")
    (tmp_path / "out").symlink_to("elsewhere")
    with atomic.directory(tmp_path / "out", marker="a.txt", overwrite=True) as partial:
        (partial / "a.txt").write_text("new")

    assert tree(tmp_path) == {"elsewhere/a.txt": "old", "out/a.txt": "new"}
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["elsewhere", "out"]


def test_who_may_read_a_folder_stays_as_it_was(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "a").touch()
    out.chmod(0o2750)
    with atomic.directory(out, marker="a", overwrite=True) as partial:
        (partial / "a").write_text("new")
    assert (stat.S_IMODE(out.stat().st_mode), tree(out)) == (0o2750, {"a": "new"})


def test_several_appear_together(tmp_path: Path) -> None:
    for file in ("stage/a", "stage/b", "run.json", "kept"):
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_text("old")
    with atomic.together(tmp_path / "stage") as partial:
        (partial / "stage").mkdir()
        for file in ("stage/a", "run.json", "more"):
            (partial / file).write_text("new")
        assert set(tree(tmp_path).values()) == {"old", "new"} and (tmp_path / "run.json").read_text() == "old"

    assert tree(tmp_path) == {"kept": "old", "more": "new", "run.json": "new", "stage/a": "new"}


def test_an_exception_leaves_all_of_them_as_they_were(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("old")
    with pytest.raises(KeyboardInterrupt), atomic.together(tmp_path / "a") as partial:
        (partial / "a").write_text("new")
        raise KeyboardInterrupt
    assert tree(tmp_path) == {"a": "old"} and [entry.name for entry in tmp_path.iterdir()] == ["a"]


def test_what_belongs_to_a_folder_that_was_replaced_meanwhile_is_not_written_into_the_new_one(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/a").write_text("old")
    with pytest.raises(Busy, match="has replaced it"), atomic.together(tmp_path / "out/a") as partial:
        (partial / "a").write_text("of the old one")
        with atomic.directory(tmp_path / "out", marker="a", overwrite=True) as other:
            (other / "a").write_text("new")
    assert tree(tmp_path) == {"out/a": "new"}


def test_a_name_without_room_for_hidden_names_is_refused(tmp_path: Path) -> None:
    longest = "n" * (255 - leftovers.ADDED_BYTES)
    atomic.refuse_existing(tmp_path / longest, overwrite=False, marker="a")
    saved = Checkpoint(tmp_path / longest, "0" * 16)
    saved.save("part", {}, reached="")
    with locks.locked(saved.folder), atomic.directory(tmp_path / longest, marker="a"):
        pass

    for name in (f"{longest}n", "ü" * (len(longest) // 2 + 1), "n" * 255, "n" * 300):
        with pytest.raises(WrongUsage, match=f"its name has more than {len(longest)} bytes"):
            atomic.refuse_existing(tmp_path / name, overwrite=False, marker="a")


@pytest.mark.parametrize("overwrite", [False, True])
def test_what_came_there_meanwhile_is_not_replaced(tmp_path: Path, overwrite: bool) -> None:
    out = tmp_path / "out"
    reason = "holds something else" if overwrite else "exists already"
    with (
        pytest.raises(WrongUsage, match=reason),
        atomic.directory(out, marker="a", overwrite=overwrite) as partial,
    ):
        (partial / "a").write_text("a")
        out.mkdir()
        (out / "notes").write_text("not ours")
    assert tree(tmp_path) == {"out/notes": "not ours"}
