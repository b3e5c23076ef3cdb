"""Whole or not at all, and one writer at a time."""

import subprocess
import sys
from pathlib import Path

import pytest

from tlpipe.storage import atomic
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


def test_a_crash_while_folders_change_places_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with atomic.directory(tmp_path / "out", marker="a.txt") as partial:
        (partial / "a.txt").write_text("old")
    replace, moves = Path.replace, []

    def interrupted(path: Path, target: Path) -> Path:
        moves.append(path)
        if len(moves) == 2:
            raise KeyboardInterrupt
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt), atomic.directory(tmp_path / "out", marker="a.txt", overwrite=True):
        pass
    assert tree(tmp_path) == {"out/a.txt": "old"}
    assert [entry.name for entry in tmp_path.iterdir() if entry.is_dir()] == ["out"]


def test_two_writers_of_one_folder_are_one_too_many(tmp_path: Path) -> None:
    """The second writer is another process; afterwards the folder is free again."""
    program = "import sys; from pathlib import Path; from tlpipe.storage import atomic\n"
    program += "with atomic.directory(Path(sys.argv[1]), marker='a'): pass"
    second = [sys.executable, "-c", program, str(tmp_path / "out")]
    with atomic.directory(tmp_path / "out", marker="a"):
        refused = subprocess.run(second, capture_output=True, text=True, timeout=60, check=False)
        with pytest.raises(Busy, match="another tlpipe process is writing it"), atomic.locked(tmp_path / "out"):
            pytest.fail("entered")

    assert refused.returncode == 1 and "Busy" in refused.stderr
    (tmp_path / "out").rmdir()
    assert subprocess.run(second, timeout=60, check=False).returncode == 0
