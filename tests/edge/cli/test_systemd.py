"""What systemd hears, on a real socket, and what it says of the unit."""

import getpass
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tlpipe_edge.cli.systemd import notify

UNIT = Path(__file__).parents[3] / "edge/systemd/tlpipe-edge.service"


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


@pytest.mark.parametrize("collect", [False, True])
def test_systemd_takes_the_unit(tmp_path: Path, collect: bool) -> None:
    """As it is, and with the edits for --collect, which make a folder of a user who can log in."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd-analyze (apt-get install systemd)")
    text = UNIT.read_text(encoding="utf-8").replace("/opt/tlpipe/bin/tlpipe-edge", sys.executable)
    if collect:
        text, changed = re.subn("^#(StateDirectory.*)", r"\1", text, flags=re.MULTILINE)
        text, named = re.subn("^DynamicUser=yes\n#User=NAME$", f"User={getpass.getuser()}", text, flags=re.MULTILINE)
        assert (changed, named) == (2, 1)
    unit = tmp_path / UNIT.name
    unit.write_text(text, encoding="utf-8")

    verify = ["systemd-analyze", "verify", "--man=no", str(unit)]
    done = subprocess.run(verify, check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and UNIT.name not in done.stderr, done.stderr
