"""A pull that is killed or loses its device is continued, and only what is safe here is deleted there."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from kept_images import files, keep
from loopback import Device, refused

from tlpipe.data import loading
from tlpipe.remote import copies, pull, ssh
from tlpipe.remote.address import DeviceFolder
from tlpipe_edge.errors import BadData, Unavailable

KILLED = """
import os, signal, sys
from pathlib import Path
from tlpipe.remote import pull
from tlpipe.remote.address import DeviceFolder

def replace(self, target, before=Path.replace, left=[int(sys.argv[1])]):
    if left[0] == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    left[0] -= 1
    return before(self, target)

Path.replace, pull.BATCH = replace, 2
pull.pull(DeviceFolder.parse(sys.argv[2]), Path(sys.argv[3]), free=True)
"""


@pytest.mark.parametrize("renamed", [0, 1, 2, 5])
def test_a_killed_pull_is_continued(kept: Path, source: DeviceFolder, tmp_path: Path, renamed: int) -> None:
    """Killed after so many files have their names: an odd one is that of what is said of an image."""
    before, into = files(kept), tmp_path / "kept"
    command = [sys.executable, "-c", KILLED, str(renamed), str(source), str(into)]
    killed = subprocess.run(command, check=False, stderr=subprocess.DEVNULL, timeout=120)
    assert killed.returncode == -signal.SIGKILL

    visible = {name: content for name, content in files(into).items() if "/." not in name and name[0] != "."}
    assert len(visible) == renamed and visible.items() <= before.items()
    there = files(kept)
    assert {**there, **visible} == before, "what is deleted there is here"
    if renamed >= 2:
        refused(lambda: loading.load(into), BadData, "unsorted image")

    pulled = pull.pull(source, into, free=True)
    assert files(into) == before and files(kept) == {}
    assert pulled.fetched + pulled.here == len(there) // 2 and pulled.moved == 0


def test_a_lost_device_is_said_and_the_same_command_goes_on(
    bare: Device, kept: Path, source: DeviceFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, into, store = files(kept), tmp_path / "kept", copies.store

    def cutting(file: Path, sha256: str, sidecar: bytes, image: bytes) -> copies.Copy:
        copy = store(file, sha256, sidecar, image)
        bare.cut()
        return copy

    monkeypatch.setattr(pull, "BATCH", 1)
    with monkeypatch.context() as patch:
        patch.setattr(copies, "store", cutting)
        refused(lambda: pull.pull(source, into, free=True), Unavailable, "the connection was lost", "Run it again")
    assert len(files(into)) == 2 and files(kept) == before

    pulled = pull.pull(source, into, free=True)
    assert (pulled.fetched, pulled.here, pulled.freed) == (4, 1, 5)
    assert files(into) == before and files(kept) == {}


def test_nobody_is_heard_of_any_more(bare: Device, kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As when the cable is pulled: no end of the connection is seen."""
    source = ssh.PULL.source.decode()
    assert source.count("SILENCE_SECONDS = 60") == 1 and kept.exists()
    patient = source.replace("SILENCE_SECONDS = 60", "SILENCE_SECONDS = 1").encode()
    monkeypatch.setattr(ssh.Program, "source", patient)
    monkeypatch.setattr(ssh, "PULSE_SECONDS", 1000.0)
    with ssh.connected(bare.address, ssh.PULL) as connection:
        refused(lambda: next(connection.events({})), Unavailable, "the connection was lost")


def during(monkeypatch: pytest.MonkeyPatch, change: Callable[[], object]) -> None:
    """Do this when all images are here, and none is deleted there yet."""
    flush = copies.flush

    def changing(given: Mapping[Path, str]) -> set[Path]:
        safe = flush(given)
        change()
        return safe

    monkeypatch.setattr(copies, "flush", changing)


def test_what_is_kept_meanwhile_stays_there(
    kept: Path, source: DeviceFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    during(monkeypatch, lambda: keep(kept, "cat/new.jpg"))

    assert pull.pull(source, tmp_path / "kept", free=True).freed == 5
    assert set(files(kept / "review")) == {"cat/new.jpg", "cat/new.review.json"}


def test_what_changes_meanwhile_stays_there(
    kept: Path, source: DeviceFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    during(monkeypatch, lambda: keep(kept, "cat/1.jpg", b"\xff\xd8\xff another"))

    pulled = pull.pull(source, tmp_path / "kept", free=True)
    assert pulled.freed == 4 and pulled.not_freed == (pull.Problem("cat/1.jpg", "it has changed"),)
    refused(pulled.check, Unavailable, "1 image not deleted on the device; the first: cat/1.jpg: it has changed")
    assert (kept / "review/cat/1.jpg").read_bytes() == b"\xff\xd8\xff another"
    assert (kept / "review/cat/1.review.json").exists()


def test_what_is_deleted_meanwhile_is_no_error(
    kept: Path, source: DeviceFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the camera does if there are too many."""
    during(monkeypatch, (kept / "review/cat/1.jpg").unlink)

    pulled = pull.pull(source, tmp_path / "kept", free=True)
    pulled.check()
    assert (pulled.fetched, pulled.freed) == (5, 4)


def test_what_is_deleted_before_it_is_fetched_is_no_error(
    kept: Path, source: DeviceFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copies, "recover", lambda _folder: (kept / "review/cat/1.jpg").unlink())

    pulled = pull.pull(source, tmp_path / "kept")
    pulled.check()
    assert pulled.fetched == 4 and pulled.labels == {"cat": 2, "unknown": 2}


@pytest.mark.parametrize("when", ["fetched", "stored"])
def test_what_is_moved_or_changed_here_meanwhile_stays_there(
    kept: Path, source: DeviceFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    """As by a person who sorts what came before: an image that was here, and, once they are here, new ones."""
    into, before, store, flush = tmp_path / "kept", files(kept), copies.store, copies.flush
    review = into / "review"
    for path in ("cat/1.jpg", "cat/2.jpg"):
        keep(into, path)
    here = ["cat/1.jpg"] if when == "fetched" else ["cat/1.jpg", "cat/3.jpg"]

    def sort() -> None:
        for path in here:
            (review / path).rename(tmp_path / Path(path).name)
        (review / "cat/2.jpg").write_bytes(b"\xff\xd8\xff turned by a program")

    def storing(file: Path, sha256: str, sidecar: bytes, image: bytes) -> copies.Copy:
        if file.name == "3.jpg":
            sort()
        return store(file, sha256, sidecar, image)

    def flushing(given: Mapping[Path, str]) -> set[Path]:
        sort()
        return flush(given)

    patched: tuple[str, object] = ("store", storing) if when == "fetched" else ("flush", flushing)
    monkeypatch.setattr(copies, *patched)
    pulled = pull.pull(source, into, free=True)

    pulled.check()
    stay = [*here, "cat/2.jpg"]
    assert (pulled.moved, pulled.fetched, pulled.here) == (len(stay), 5 - len(stay), 0)
    assert pulled.freed == pulled.fetched == sum(pulled.labels.values())
    assert {f"review/{path}" for path in stay} == {name for name in files(kept) if name.endswith(".jpg")}
    assert files(kept).items() <= before.items()


def test_all_is_on_the_disk_before_it_is_deleted_there(
    kept: Path, source: DeviceFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    into, fsync = tmp_path / "kept", os.fsync
    flushed: set[Path] = set()

    def noting(descriptor: int) -> None:
        fsync(descriptor)
        flushed.add(Path(f"/proc/self/fd/{descriptor}").readlink())

    monkeypatch.setattr(os, "fsync", noting)
    there: list[int] = []
    during(monkeypatch, lambda: there.append(len(files(kept))))
    pull.pull(source, into, free=True)

    assert there == [10]
    images = set(into.rglob("*.jpg"))
    assert len(images) == 5 and images | {image.parent for image in images} <= flushed
