"""Whole or not at all, and one writer at a time."""

import subprocess
import sys
from pathlib import Path

import pytest

from tlpipe import atomic
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
    with atomic.directory(out) as partial:
        (partial / "a.txt").write_text("a")
        assert not out.exists() and partial.parent == out.parent

    assert tree(tmp_path) == {"deeper/out/a.txt": "a"}
    assert out.stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_a_crash_leaves_everything_as_it_was(tmp_path: Path, error: type[BaseException]) -> None:
    out = tmp_path / "out"
    with atomic.directory(out) as partial:
        (partial / "a.txt").write_text("old")

    for path in (out, tmp_path / "another"):
        with pytest.raises(error), atomic.directory(path, overwrite=True) as partial:
            (partial / "b.txt").write_text("half")
            raise error
    assert tree(tmp_path) == {"out/a.txt": "old"}


def test_what_exists_is_replaced_only_when_told(tmp_path: Path) -> None:
    for text in ("old", "new"):
        with atomic.directory(tmp_path / "out", overwrite=True) as partial:
            (partial / f"{text}.txt").write_text(text)
    assert tree(tmp_path) == {"out/new.txt": "new"}

    with pytest.raises(WrongUsage, match="exists already"), atomic.directory(tmp_path / "out"):
        pytest.fail("entered")


def test_two_writers_of_one_folder_are_one_too_many(tmp_path: Path) -> None:
    """The second writer is another process; afterwards the folder is free again."""
    program = "import sys, pathlib; from tlpipe import atomic\nwith atomic.directory(pathlib.Path(sys.argv[1])): pass"
    second = [sys.executable, "-c", program, str(tmp_path / "out")]
    with atomic.directory(tmp_path / "out"):
        refused = subprocess.run(second, capture_output=True, text=True, timeout=60, check=False)
        with pytest.raises(Busy, match="another run is working on it"), atomic.locked(tmp_path / "out"):
            pytest.fail("entered")

    assert refused.returncode == 1 and "Busy" in refused.stderr
    (tmp_path / "out").rmdir()
    assert subprocess.run(second, timeout=60, check=False).returncode == 0
