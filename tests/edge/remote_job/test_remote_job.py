"""A job as the bootstrap starts it, with what it is sent and what it tells; tests/remote has one that runs."""

import hashlib
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tlpipe_edge.remote_job.messages import KINDS, AwaitsJob, Event, Failed, Missing, Running, read_event


def told(root: Path, sent: bytes) -> list[Event]:
    """The events of a job that is sent this."""
    for folder in (root / "venvs", root / "temporary"):
        folder.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "tlpipe_edge.remote_job", str(root), str(root / "temporary")]
    done = subprocess.run(command, input=sent, capture_output=True, check=False)
    assert done.stderr == b""
    events, stream = [], io.BytesIO(done.stdout)
    while line := stream.readline():
        event, size = read_event(line, "there", KINDS)
        stream.seek(size, io.SEEK_CUR)  # past the content that comes with it
        events.append(event)
    return events


def job(content: bytes, *arguments: str, path: str = "file", size: int | None = None) -> tuple[str, bytes]:
    """The sha256 of a file, and the line of a job with it."""
    sha256 = hashlib.sha256(content).hexdigest()
    file = {"path": path, "sha256": sha256, "bytes": len(content) if size is None else size}
    return sha256, json.dumps({"files": [file], "arguments": arguments}).encode() + b"\n"


def test_what_is_missing_is_asked_for_and_taken(tmp_path: Path) -> None:
    sha256, line = job(b"content", "--version")
    events = told(tmp_path, b"\n\n" + line + b'\n{"bytes": 7}\ncontent')

    assert events[:3] == [AwaitsJob(), Missing((sha256,)), Running()]
    assert (tmp_path / "files" / sha256).read_bytes() == b"content"
    assert told(tmp_path, line)[1] == Missing(())


def test_a_file_that_has_changed_is_an_error_with_its_fields(tmp_path: Path) -> None:
    _, line = job(b"content")

    assert told(tmp_path, line + b'{"bytes": 7}\nCONTENT')[2:] == [
        Failed(65, "", "a file changed while it was sent", "Run it again.")
    ]


def test_a_disk_without_room_is_told_before_anything_is_sent(tmp_path: Path) -> None:
    (_, failed) = told(tmp_path, job(b"", size=10**14)[1])

    assert isinstance(failed, Failed) and failed.code == 69
    assert "not enough disk space: 100000000.0 MB to send" in failed.reason


def test_a_hash_that_is_the_path_of_a_file_deletes_nothing(tmp_path: Path) -> None:
    """A file of the cache whose content is not that of its name is deleted."""
    other = tmp_path / "other"
    other.write_text("not of tlpipe")
    sha256, line = job(b"")
    for path in (str(other), f"../{'./' * 28}other"):  # the second one is as long as a hash
        (_, failed) = told(tmp_path, line.replace(sha256.encode(), path.encode()))
        assert isinstance(failed, Failed) and failed.code == 65 and "files[0].sha256" in failed.reason

    assert other.read_text() == "not of tlpipe"


def test_what_is_no_job_is_refused(tmp_path: Path) -> None:
    for line in (
        b"{}\n",
        b"{\n",
        b"[" * 100_000 + b"\n",
        b'{"bytes": 1e999}\n',
        b'{"files": [{"path": 1}], "arguments": []}\n',
        job(b"", path="a\0b")[1],
        job(b"", path="../a")[1],
        job(b"", path="x" * 300)[1],
        job(b"", size=-1)[1],
        job(b"")[1].replace(hashlib.sha256(b"").hexdigest().encode(), b"../error.json"),
    ):
        (_, failed) = told(tmp_path, line)
        assert isinstance(failed, Failed) and (failed.code, failed.where) == (65, "message from the workstation")


@pytest.mark.parametrize("again", ["file", "./file"])
def test_a_path_that_occurs_twice_changes_no_file_of_the_cache(tmp_path: Path, again: str) -> None:
    contents = (b"one", b"another")
    files = [
        json.loads(job(each, path=path)[1])["files"][0] for each, path in zip(contents, ("file", again), strict=True)
    ]
    sent = json.dumps({"files": files, "arguments": []}).encode() + b"\n"
    for content in contents:
        sent += b'{"bytes": %d}\n' % len(content) + content
    failed = told(tmp_path, sent)[-1]

    assert isinstance(failed, Failed) and failed.code == 65 and "a path occurs twice" in failed.reason
    for file in (tmp_path / "files").iterdir():
        assert hashlib.sha256(file.read_bytes()).hexdigest() == file.name


def test_it_ends_when_nobody_is_there(tmp_path: Path) -> None:
    _, line = job(b"content")

    assert told(tmp_path, b"\n") == [AwaitsJob()]
    assert len(told(tmp_path, line + b'{"bytes": 7}\ncon')) == 2


def test_a_command_writes_its_error_as_fields(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tlpipe_edge.remote_job.command", str(tmp_path / "error"), "info", "no such\nfile"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout, done.stderr) == (66, "", "")
    assert json.loads((tmp_path / "error").read_text()) == {
        "code": 66,
        "where": "no such\nfile",
        "reason": "no such bundle or model",
        "advice": "Name a folder that tlpipe export wrote, or a .tflite file.",
    }
