"""Each target runs, a few executions of it: scripts in a folder rot. And the driver finds what it is there for."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("tlpipe", reason="the device has no tlpipe")

from fuzz import loop

RUN = Path(__file__).with_name("run.py")
EXECUTIONS = 60
"""Of each target, of which the slowest, reports, makes ten in a second."""


@pytest.mark.parametrize("name", [name for name in loop.names() if name not in loop.BY_HAND])
def test_a_target_bears_damaged_documents(name: str) -> None:
    found = loop.run(name, seed=0, executions=EXECUTIONS, seconds=300)

    assert found.finding is None, found.finding.what
    assert found.executions == EXECUTIONS


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("raise", "KeyError: 'no such thing'"),
        ("signal", "a signal: SIGSEGV"),
        ("hang", "s of CPU time"),
        ("sleep", "a hang: it slept for "),
        ("memory", "MemoryError"),
        ("leak", "memory grew by "),
    ],
)
def test_what_a_reader_must_not_do_is_found(monkeypatch: pytest.MonkeyPatch, fault: str, said: str) -> None:
    monkeypatch.setenv("TLPIPE_BROKEN", fault)
    monkeypatch.setattr(loop, "MAX_SECONDS", 0.5)
    monkeypatch.setattr(loop, "MAX_WAITING", 1.0)
    found = loop.run("_broken", seed=0, executions=600, seconds=300)

    assert found.finding is not None and said in found.finding.what
    assert fault == "leak" or (found.finding.number, found.finding.content) == (7, b"7")


def test_a_finding_is_written_and_can_be_repeated(tmp_path: Path) -> None:
    environment = os.environ | {"TLPIPE_BROKEN": "raise"}

    def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, str(RUN), *arguments]
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    first = run("labels", "--executions", "20", "--seed", "3")
    assert first.returncode == 0 and first.stdout.startswith("seed 3\n") and '"finding": null' in first.stdout
    (tmp_path / "document").write_bytes(b"cat\ndog\n")
    assert run("labels", "--again", "document").stdout == "accepted\n"
    assert run("no target").returncode == 2


def test_the_same_seed_gives_the_same_documents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TLPIPE_CACHE", str(tmp_path))
    one, other = (loop.prepared("labels", tmp_path) for _ in range(2))

    assert [one.document(5, number) for number in range(50)] == [other.document(5, number) for number in range(50)]
    assert one.document(5, 0) != one.document(6, 0)
