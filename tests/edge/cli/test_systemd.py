"""What systemd hears, on a real socket."""

import socket
from pathlib import Path

import pytest

from tlpipe_edge.cli.systemd import notify


@pytest.mark.parametrize("abstract", [False, True])
def test_systemd_hears_assignments(abstract: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    address = f"@{tmp_path.name}-notify" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(address.replace("@", "\0"))
        systemd.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", address)
        notify(READY="1", STATUS="two\nlines\nREADY=0")

        assert systemd.recv(1000) == b"READY=1\nSTATUS=two lines READY=0"


def test_where_nobody_listens_nothing_happens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    notify(READY="1")
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "gone"))
    notify(READY="1")
