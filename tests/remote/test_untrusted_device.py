"""A device that says what it likes, through a real sshd: one clear error, whatever it says."""

from typing import Any

import pytest
from loopback import Device, refused, saying

from tlpipe.remote import device_bench, failures, ssh
from tlpipe.remote.address import Address
from tlpipe_edge.errors import BadConfiguration, BadData, Busy, TlpipeError, Unavailable
from tlpipe_edge.remote_job.messages import Ended, Failed, NotInstalled

JOB = {"event": "awaits-job", "bytes": 0}
ADDRESS = Address("there")


@pytest.mark.parametrize(
    ("lines", "kind", "said"),
    [
        ([b"Welcome!"], BadData, "a message that is not JSON"),
        ([JOB, {"event": "missing", "bytes": 0}], BadData, "missing: no files"),
        (
            [JOB, {"event": "missing", "files": ["../../etc/shadow"], "bytes": 0}],
            BadData,
            "a file that was not offered",
        ),
        ([JOB, {"event": "missing", "files": [["x"]], "bytes": 0}], BadData, "missing: files[0]: "),
        ([JOB, {"event": "said", "line": None, "bytes": 0}], BadData, "said: line: None"),
        ([JOB, {"event": "result", "code": 1}], BadData, "no bytes"),
        ([JOB, {"event": "result", "bytes": 10**12}], BadData, "bytes: 1000000000000"),
        ([{"event": "failed", "bytes": 0}], BadData, "failed: no code, where, reason, advice"),
        ([{"event": "busy", "bytes": 0}], Busy, "another tlpipe process is using the device"),
    ],
)
def test_a_device_that_says_what_it_likes(
    bare: Device,
    monkeypatch: pytest.MonkeyPatch,
    lines: list[bytes | dict[str, Any]],
    kind: type[TlpipeError],
    said: str,
) -> None:
    monkeypatch.setattr(ssh.Program, "source", saying(*lines))
    refused(lambda: device_bench.run_edge(bare.address, {}, ["info"]), kind, f"{bare.address}: ", said)


def test_a_line_without_end(bare: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ssh, "MAX_LINE", 1000)
    monkeypatch.setattr(ssh.Program, "source", saying(b"x" * 1000))
    refused(lambda: device_bench.run_edge(bare.address, {}, ["info"]), BadData, "a message that is not JSON")


def test_an_error_there_is_one_here_with_its_fields() -> None:
    error = failures.failed(ADDRESS, Failed(78, "bundle", "stored\nby \x1b[2Jhand", "Store\rit."))

    assert type(error) is BadConfiguration
    assert (error.where, error.reason) == ("ssh://there: bundle", r"stored\nby \x1b[2Jhand")
    assert error.advice == r"Store\rit."
    assert type(failures.failed(ADDRESS, Failed(3, "", "of an unknown kind", ""))) is TlpipeError


@pytest.mark.parametrize(
    ("event", "said"),
    [
        (Ended(-9, ""), "was killed on the device by signal 9"),
        (
            Ended(1, "Traceback\n\nValueError: \x1b[2Jour fault\n\n"),
            r"failed on the device: ValueError: \x1b[2Jour fault",
        ),
        (Ended(70, ""), "failed on the device: exit code 70"),
    ],
)
def test_what_else_ended_it_there(event: Ended, said: str) -> None:
    assert said in str(failures.ended(ADDRESS, event))


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("ERROR: Could not install: [Errno 28] No space left on device", "no disk space left"),
        (
            "WARNING: Retrying (Retry(total=0))\nERROR: No matching distribution found for rich",
            "index cannot be reached",
        ),
        (
            "ERROR: No matching distribution found for numpy<2,>=1.24",
            "no wheel of numpy<2,>=1.24 for Python 3.11.2 on x",
        ),
        (
            "ERROR: http://me:secret@index/ gave \x1b[2J401\nhint",
            r"(Python 3.11.2 on x): http://index/ gave \x1b[2J401",
        ),
        ("[Errno 30] Read-only file system: '/home/pi/.cache'", "Read-only file system: '/home/pi/.cache'"),
        ("", "no reason given"),
    ],
)
def test_why_it_cannot_be_installed(said: str, expected: str) -> None:
    error = failures.not_installed(ADDRESS, NotInstalled(said, "3.11.2", "x"))

    assert type(error) is Unavailable
    assert error.where == "ssh://there" and expected in error.reason and "secret" not in str(error)
