"""Images that a camera kept are fetched from a device without tlpipe-edge, over a real sshd."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from kept_images import files, keep
from loopback import Device, refused

import tlpipe
from tlpipe.data import loading
from tlpipe.remote import copies, ssh
from tlpipe.remote.address import DeviceFolder
from tlpipe.remote.pull import Problem, Pulled, pull
from tlpipe.remote.pull_messages import KINDS, Listing, Look
from tlpipe_edge.errors import BadData, Busy, MissingInput, Unavailable, WrongUsage


@pytest.fixture
def into(tmp_path: Path) -> Path:
    return tmp_path / "new/kept"


def command(source: DeviceFolder, into: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    arguments = [sys.executable, "-m", "tlpipe", "pull", str(source), "--into", str(into), *options]
    return subprocess.run(arguments, check=False, capture_output=True, text=True, timeout=120)


def test_images_come_as_they_are_and_stay_on_the_device(kept: Path, source: DeviceFolder, into: Path) -> None:
    before = files(kept)

    pulled = tlpipe.pull(str(source), into=into)
    assert files(into) == before == files(kept) and len(before) == 10
    assert pulled == Pulled(into / "review", {"cat": 3, "unknown": 2}, fetched=5, here=0, moved=0, freed=0)
    pulled.check()
    refused(lambda: loading.load(into), BadData, "5 unsorted images")


def test_the_command_says_what_is_where_and_what_to_do(kept: Path, source: DeviceFolder, into: Path) -> None:
    keep(kept, "cat/damaged.jpg").write_bytes(b"\xff\xd8\xff of another time")
    done = command(source, into)

    assert done.returncode == 65 and "cat/damaged.jpg" not in files(into / "review")
    assert done.stdout == (
        f"{into}/review: 5 images\n  cat      3\n  unknown  2\n"
        "Next: move each image, without its .review.json, into the folder of its true class, and train again.\n"
    )
    said = "cat/damaged.jpg: damaged: its sha256 is not that of when it was kept"
    assert f"warning: {said}; not fetched\n" in done.stderr
    assert f"error: {into}/review: 1 image not fetched; the first: {said}\n" in done.stderr

    again = command(source, into, "--json", "--free")
    assert (
        again.returncode == 65 and f"{source.address}: {kept}/review: 5 of 6 images were here already" in again.stderr
    )
    document = json.loads(again.stdout)
    assert {name: document[name] for name in ("schema", "fetched", "here", "freed", "labels")} == {
        "schema": 1,
        "fetched": 0,
        "here": 5,
        "freed": 5,
        "labels": {"cat": 3, "unknown": 2},
    }
    assert set(files(kept / "review")) == {"cat/damaged.jpg", "cat/damaged.review.json"}


def test_only_what_is_new_is_fetched(
    kept: Path, source: DeviceFolder, into: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pull(source, into)
    keep(kept, "cat/6.jpg")
    stored = []
    store = copies.store
    monkeypatch.setattr(copies, "store", lambda file, *rest: stored.append(file.name) or store(file, *rest))

    assert pull(source, into).fetched == 1 and stored == ["6.jpg"]
    assert files(into) == files(kept)


def test_sorted_images_are_not_fetched_again_and_not_freed(
    kept: Path, source: DeviceFolder, into: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    pull(source, into)
    (into / "review/cat/1.jpg").rename(into.with_name("1.jpg"))
    (into / "review/cat/2.review.json").unlink()  # as whoever finds that the label is right may do
    capfd.readouterr()

    pulled = pull(source, into, free=True)
    assert (pulled.fetched, pulled.here, pulled.moved, pulled.freed) == (0, 4, 1, 4)
    assert "1 were fetched before and moved here: not fetched again, and stay on the device" in capfd.readouterr().err
    assert set(files(kept / "review")) == {"cat/1.jpg", "cat/1.review.json"}
    assert not (into / "review/cat/1.jpg").exists() and not (into / "review/cat/2.review.json").exists()


def test_no_file_here_is_replaced(
    kept: Path, source: DeviceFolder, into: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    other = keep(into, "cat/1.jpg", b"\xff\xd8\xff of another device")
    sha256 = copies.sha256_of(kept / "review/cat/1.jpg")
    second = f"1-{sha256[:8]}"

    assert pull(source, into).fetched == 5
    assert other.read_bytes() == b"\xff\xd8\xff of another device"
    assert (into / f"review/cat/{second}.jpg").read_bytes() == (kept / "review/cat/1.jpg").read_bytes()
    assert (into / f"review/cat/{second}.review.json").exists()
    assert f"cat/1.jpg: another image has its name here, so it is named {second}.jpg" in capfd.readouterr().err
    assert pull(source, into).fetched == 0

    (into / f"review/cat/{second}.jpg").write_bytes(b"a third one")
    pulled = pull(source, into, free=True)
    assert pulled.damaged == (Problem("cat/1.jpg", "another image has its name here"),)
    assert set(files(kept / "review")) == {"cat/1.jpg", "cat/1.review.json"}


def test_two_images_never_come_to_one_name(bare: Device, source: DeviceFolder, into: Path) -> None:
    """The name that one would get because another image has its own is that of the other one."""
    kept = bare.home / "collected"
    first = keep(kept, "cat/1.jpg")
    second = keep(kept, f"cat/1-{copies.sha256_of(first)[:8]}.jpg", b"\xff\xd8\xff second")
    other = keep(into, "cat/1.jpg", b"\xff\xd8\xff of another device")
    contents = {first.read_bytes(), second.read_bytes(), other.read_bytes()}

    pulled = pull(source, into, free=True)
    said = refused(pulled.check, BadData, "cat/1.jpg: another image has its name here", "move away here")
    assert (pulled.fetched, pulled.freed) == (1, 1) and "cat/1.jpg" in said.reason
    assert {file.read_bytes() for folder in (kept, into) for file in folder.rglob("*.jpg")} == contents

    other.rename(into / "sorted.jpg")
    other.with_name("1.review.json").unlink()
    assert pull(source, into, free=True).freed == 1 and not files(kept)
    assert {file.read_bytes() for file in into.rglob("*.jpg")} == contents


def test_two_paths_that_are_one_here(bare: Device, source: DeviceFolder, into: Path) -> None:
    """As on a disk that takes CAT for cat; here by a link."""
    kept = bare.home / "collected"
    contents = {keep(kept, f"{label}/1.jpg").read_bytes() for label in ("CAT", "cat")}
    (into / "review/cat").mkdir(parents=True)
    (into / "review/CAT").symlink_to("cat")

    pulled = pull(source, into, free=True)
    pulled.check()
    assert pulled.freed == 2 and not files(kept)
    assert {file.read_bytes() for file in (into / "review/cat").glob("*.jpg")} == contents


def test_a_file_where_a_folder_should_be(kept: Path, source: DeviceFolder, into: Path) -> None:
    (into / "review").mkdir(parents=True)
    (into / "review/cat").touch()

    pulled = pull(source, into, free=True)
    assert (pulled.fetched, pulled.freed, len(pulled.damaged)) == (2, 2, 3)
    refused(pulled.check, BadData, "cat/1.jpg: a file has the name of its folder here", "move away here")
    assert len(files(kept / "review/cat")) == 6


def test_what_is_not_a_kept_image_stays_there(
    kept: Path, source: DeviceFolder, into: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for path in ("cat/sorted.jpg", "cat/.hidden.jpg", "cat/notes.txt", "loose.jpg", ".new/1.jpg", ".new/1.review.json"):
        (kept / "review" / path).parent.mkdir(exist_ok=True)
        (kept / "review" / path).write_bytes(b"\xff\xd8\xff")
    (kept / "review/cat/coming.review.json").write_bytes(b"the image follows")

    assert pull(source, into, free=True).fetched == 5
    assert "1 have no .review.json beside them: not fetched" in capfd.readouterr().err
    assert len(files(into)) == 10 and len(files(kept)) == 7


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"{", "its .review.json does not say its sha256"),
        (b'{"sha256": "../../../../etc/passwd/../../../../etc/passwd/../../../../etc/pas"}', "does not say its sha256"),
        (None, "its .review.json: schema 2, but this program reads schema 1"),
    ],
)
def test_a_damaged_file_about_an_image(
    kept: Path, source: DeviceFolder, into: Path, content: bytes | None, reason: str
) -> None:
    beside = kept / "review/cat/1.review.json"
    beside.write_bytes(content or beside.read_bytes().replace(b'"schema": 1', b'"schema": 2'))

    pulled = pull(source, into, free=True)
    assert pulled.fetched == pulled.freed == 4
    assert [each.path for each in pulled.damaged] == ["cat/1.jpg"] and reason in pulled.damaged[0].reason
    assert set(files(kept / "review")) == {"cat/1.jpg", "cat/1.review.json"}
    assert len(files(into)) == 8


def test_a_folder_that_is_not_there_is_said_and_nothing_is_made(bare: Device, into: Path) -> None:
    (bare.home / "empty").mkdir()
    for path in ("empty", "collected", "/var/lib/nothing"):
        there = DeviceFolder(bare.address, path)
        refused(lambda there=there: pull(there, into), MissingInput, f"{there}: no folder review in", "--collect DIR")
    assert not into.exists()


def test_a_closed_folder_is_said(kept: Path, bare: Device, into: Path) -> None:
    """As below /var/lib/private."""
    if os.geteuid() == 0:
        bare.log_in_with(shell="/usr/bin/setpriv --bounding-set=-all /bin/sh")
    source = DeviceFolder(bare.address, str(kept))
    advice = "Log in as the user that the camera runs as."
    for closed in (kept, kept / "review", kept / "review/cat"):
        closed.chmod(0)
        try:
            refused(lambda: pull(source, into), Unavailable, "cannot be listed (Permission denied)", advice)
            done = command(source, into)
        finally:
            closed.chmod(0o700)
        assert done.returncode == 69 and "Traceback" not in done.stderr and "lost" not in done.stderr
    assert not into.exists() and pull(source, into).fetched == 5


def test_a_closed_folder_is_not_meant_if_another_one_is_there(bare: Device, into: Path) -> None:
    long = "x" * 300  # as a closed one, also for root: nobody can know whether it is there
    keep(bare.home / "collected", "cat/1.jpg")
    with ssh.connected(bare.address, ssh.PULL) as connection:
        connection.send(Look((f"/{long}", "~/collected")))
        assert isinstance(next(connection.events(KINDS))[0], Listing)
    refused(lambda: pull(DeviceFolder(bare.address, long), into), Unavailable, "cannot be listed (File name too long)")


def test_the_path_is_in_the_home_folder_or_absolute_whatever_is_there(
    kept: Path, bare: Device, into: Path, tmp_path: Path
) -> None:
    """Without a thought for what scp and git make of it."""
    absolute = str(tmp_path / "also").removeprefix("/")
    keep(tmp_path / "also", "cat/7.jpg")
    for path, count in (("~/collected", 5), (absolute, 1), (str(kept), 5)):
        found = pull(DeviceFolder(bare.address, path), into)
        assert found.fetched + found.here == count, path

    keep(bare.home / absolute, "cat/8.jpg")
    advice = f"Write {bare.address}/~/{absolute} or {bare.address}//{absolute}."
    refused(lambda: pull(DeviceFolder(bare.address, absolute), into), WrongUsage, "it may be", advice)
    assert pull(DeviceFolder(bare.address, f"~/{absolute}"), into).fetched == 1


def test_names_of_any_letters(bare: Device, into: Path) -> None:
    folder = bare.home / "b\xe4 $(id) 'x'"
    keep(folder, "na\xefve; caf\xe9/1 \n2.jpg")
    (folder / "review/cat").mkdir()

    assert pull(DeviceFolder(bare.address, folder.name), into, free=True).freed == 1
    assert set(files(into)) == {
        "review/na\xefve; caf\xe9/1 \n2.jpg",
        "review/na\xefve; caf\xe9/1 \n2.review.json",
    }


def test_an_unreachable_device_is_said_and_nothing_is_made(bare: Device, into: Path) -> None:
    bare.stop()
    done = command(DeviceFolder(bare.address, "collected"), into)

    assert done.returncode == Unavailable.exit_code and "Connection refused" in done.stderr
    assert not into.parent.exists()


def test_a_wrong_place_is_refused_before_anything(source: DeviceFolder, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept/review").touch()
    for into, named in ((file, file), (file / "kept", file), (tmp_path / "kept", tmp_path / "kept/review")):
        refused(lambda into=into: pull(source, into), WrongUsage, f"{named}: is a file, not a folder", "--into")


def test_one_process_at_a_time_copies_to_a_folder(kept: Path, source: DeviceFolder, into: Path) -> None:
    from tlpipe.storage import locks

    into.mkdir(parents=True)
    with locks.locked(into / "review"):
        refused(lambda: pull(source, into), Busy, "another tlpipe process is writing it")
    assert pull(source, into).fetched == 5 and len(files(kept)) == 10
