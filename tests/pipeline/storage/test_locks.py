"""One writer at a time, by real processes; a lock ends with its owner, and a file system may have none."""

import errno
import fcntl
import os
import tempfile
from pathlib import Path

import pytest
from holding import held, holding, started

from tlpipe.storage import atomic, leftovers, locks
from tlpipe_edge.errors import Busy

WAITING = """
import sys
from pathlib import Path
from tlpipe.storage import locks
with locks.locked(Path(sys.argv[1]), waiting="waiting for it"):
    print("held", flush=True)
"""
BY_ANOTHER_USER = """
import os, sys
from pathlib import Path
from tlpipe.storage import locks
os.umask(0o077)
os.setgroups([])
os.setgid(int(sys.argv[2]))
os.setuid(int(sys.argv[2]))
with locks.locked(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""
COUNTING = """
import sys
from pathlib import Path
from tlpipe.storage import locks
file = Path(sys.argv[1])
for _ in range(300):
    with locks.locked(file, waiting="waiting"):
        file.write_text(str(int(file.read_text()) + 1))
"""


@pytest.fixture(autouse=True)
def warnings_again() -> None:
    locks._warn_once.cache_clear()


def test_two_writers_of_one_folder_are_one_too_many(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with held(out) as other:
        with pytest.raises(Busy, match="another tlpipe process is writing it"), atomic.directory(out, marker="a"):
            pytest.fail("entered")
        with pytest.raises(Busy, match="another tlpipe process is writing it"):
            atomic.refuse_existing(out, overwrite=False, marker="a")
        other.communicate("")
    assert not list(tmp_path.iterdir())

    with atomic.directory(out, marker="a"):
        pass
    assert list(tmp_path.iterdir()) == [out]


def test_the_lock_of_a_killed_process_is_free(tmp_path: Path) -> None:
    with held(tmp_path / "out") as other:
        other.kill()
        other.wait()
    assert (tmp_path / ".out.lock").exists()

    locks.check_free(tmp_path / "out")
    with locks.locked(tmp_path / "out", patience=0) as certain:
        assert certain
    assert not list(tmp_path.iterdir())


def test_a_writer_that_waits_follows_the_other_one(tmp_path: Path) -> None:
    with held(tmp_path / "out") as other, started(WAITING, tmp_path / "out") as second:
        assert second.stderr and second.stderr.readline() == "waiting for it\n"
        other.communicate("")
        assert second.communicate(timeout=60)[0] == "held\n" and second.returncode == 0
    assert not list(tmp_path.iterdir())


def test_no_two_processes_have_one_lock_though_its_file_is_removed_each_time(tmp_path: Path) -> None:
    file = tmp_path / "count"
    file.write_text("0")
    processes = [started(COUNTING, file) for _ in range(3)]
    for process in processes:
        _, said = process.communicate(timeout=300)
        assert process.returncode == 0, said

    assert file.read_text() == "900" and list(tmp_path.iterdir()) == [file]


def test_to_ask_whether_a_lock_is_free_writes_nothing(tmp_path: Path) -> None:
    locks.check_free(tmp_path / "out")
    locks.check_free(tmp_path / "none/out")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS], ids=errno.errorcode.get)
def test_without_locks_the_work_goes_on_after_one_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], code: int
) -> None:
    garbage = tmp_path / ".out.tlpipe-abcdefgh"
    garbage.mkdir()

    def fail(*_: object) -> None:
        raise OSError(code, "none")

    monkeypatch.setattr(fcntl, "flock", fail)
    for text in ("old", "new"):
        with atomic.directory(tmp_path / "out", marker="a", overwrite=True) as partial:
            (partial / "a").write_text(text)
        atomic.write_text(tmp_path / "file", text)

    assert (tmp_path / "out/a").read_text() == (tmp_path / "file").read_text() == "new"
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1 and said[0].startswith("warning: this file system has no locks")
    assert sorted(entry.name for entry in tmp_path.iterdir()) == [garbage.name, "file", "out"]  # whose may be alive


def test_without_locks_what_was_committed_is_still_moved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    committed = leftovers.committed(tmp_path / "a")
    committed.mkdir()
    (committed / "a").write_text("new")

    def fail(*_: object) -> None:
        raise OSError(errno.ENOLCK, "none")

    monkeypatch.setattr(fcntl, "flock", fail)
    leftovers.repair(tmp_path)
    assert (tmp_path / "a").read_text() == "new" and not committed.exists()


@pytest.mark.parametrize("mode", [0o777, 0o1777], ids=["shared", "sticky"])
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be two users")
def test_the_lock_of_another_user_is_held_or_free_as_any_other(mode: int) -> None:
    with tempfile.TemporaryDirectory() as name:  # not below the folder of pytest, which is root's alone
        folder = Path(name)
        folder.chmod(mode)
        _check_two_users(folder, stays=mode == 0o1777)


def _check_two_users(folder: Path, *, stays: bool) -> None:
    lock = folder / ".out.lock"
    with holding(BY_ANOTHER_USER, folder / "out", Path("1001")):
        assert lock.stat().st_uid == 1001
        with started(BY_ANOTHER_USER, folder / "out", Path("1002")) as second:
            _, said = second.communicate("")
        assert "Busy: " in said and "another tlpipe process is writing it" in said
    assert lock.exists()  # its owner was killed

    with started(BY_ANOTHER_USER, folder / "out", Path("1002")) as third:
        out, said = third.communicate("")
    assert (out, said) == ("held\n", "")
    assert lock.exists() == stays


def test_another_error_of_a_lock_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.EIO, "broken disk")

    monkeypatch.setattr(fcntl, "flock", fail)
    with pytest.raises(OSError, match="broken disk"), locks.locked(tmp_path / "out"):
        pytest.fail("entered")


def test_a_lock_that_may_only_be_read_and_not_be_locked_is_an_error_of_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on NFS, where another user's lock stays."""

    def fail(*_: object) -> None:
        raise OSError(errno.EBADF, "Bad file descriptor")

    monkeypatch.setattr(fcntl, "flock", fail)
    with pytest.raises(PermissionError, match="Permission denied"), locks.locked(tmp_path / "out"):
        pytest.fail("entered")


def test_no_empty_lock_stays_where_there_is_no_room_for_its_mark(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(locks.os, "write", full)
    with pytest.raises(OSError, match="No space left"), locks.locked(tmp_path / "out"):
        pytest.fail("entered")

    assert not list(tmp_path.iterdir())
