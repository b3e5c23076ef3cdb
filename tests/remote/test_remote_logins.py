"""Who is let in and what is believed: host keys, logins, and what ssh is told."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from loopback import CLASSIFY, Device, classified, client, refused

from tlpipe.remote import device_bench, ssh
from tlpipe.remote.address import Address
from tlpipe_edge.errors import BadConfiguration, Unavailable


def test_an_unknown_key(bare: Device, files: dict[str, Path]) -> None:
    """Although the configuration of this client says that it may be accepted."""
    bare.known_hosts.write_text("")
    error = refused(lambda: classified(bare, files), Unavailable, f"{bare.address}: its host key is not known here")

    assert f"ssh -p {bare.address.port} {bare.user}@127.0.0.1 once" in error.advice
    assert bare.known_hosts.read_text() == "" and not bare.cache.exists()


def test_a_changed_key(bare: Device, files: dict[str, Path]) -> None:
    known = bare.known_hosts.read_text()
    bare.set_up_anew()
    error = refused(lambda: classified(bare, files), Unavailable, "its host key has changed, so nothing was sent")

    assert f"ssh-keygen -R '[127.0.0.1]:{bare.address.port}'" in error.advice
    assert bare.known_hosts.read_text() == known and not bare.cache.exists()


def test_no_login(bare: Device, files: dict[str, Path]) -> None:
    bare.forget_logins()
    refused(lambda: classified(bare, files), Unavailable, "the login was refused", "ssh-copy-id")


def test_on_a_terminal_ssh_asks_and_elsewhere_it_does_not(
    device: Device, files: dict[str, Path], tmp_path: Path
) -> None:
    device.protect_key("open sesame")
    refused(lambda: classified(device, files), Unavailable, "the login was refused")

    terminal = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))"
    command = [sys.executable, "-c", terminal, *client(device, files, tmp_path / "sent", CLASSIFY)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin and process.stdout
        shown = b""
        while b"Enter passphrase" not in shown:
            part = os.read(process.stdout.fileno(), 1000)
            assert part, shown
            shown += part
        process.stdin.write(b"open sesame\n")
        process.stdin.flush()
        shown += process.stdout.read()

    assert process.returncode == 0, shown
    assert b"images/0.png" in shown and b"sesame" not in shown


def test_nobody_there(bare: Device, files: dict[str, Path]) -> None:
    bare.stop()
    with socket.socket() as nobody:
        nobody.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        nobody.bind(("127.0.0.1", bare.address.port))  # so that no other program can take the port, and answer there
        refused(lambda: classified(bare, files), Unavailable, "ssh cannot connect", "Connection refused")


def test_a_host_that_nobody_knows() -> None:
    nowhere = Address("nowhere.invalid")
    refused(lambda: device_bench.run_edge(nowhere, {}, []), Unavailable, "ssh://nowhere.invalid: ssh cannot connect")


def test_no_ssh_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    refused(lambda: device_bench.run_edge(Address("host"), {}, []), Unavailable, "ssh does not start here")


def test_options_that_cannot_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TLPIPE_SSH_OPTIONS", "-F 'x")
    refused(lambda: device_bench.run_edge(Address("host"), {}, []), BadConfiguration, "$TLPIPE_SSH_OPTIONS: No closing")


def test_options_do_not_make_it_less_strict(
    bare: Device, files: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    bare.known_hosts.write_text("")
    monkeypatch.setenv("TLPIPE_SSH_OPTIONS", f"-F {bare.config} -o StrictHostKeyChecking=no")
    refused(lambda: classified(bare, files), Unavailable, "its host key is not known here")


def test_flags_do_not_make_it_less_strict(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TLPIPE_SSH_OPTIONS", "-S /tmp/socket -A -X -o ControlPath=/tmp/other")
    (_, *options), known = ssh.command(Address("host"), ssh.BOOTSTRAP)[:-1], {}
    for line in subprocess.check_output(["ssh", "-G", *options], text=True).splitlines():
        key, _, value = line.partition(" ")
        known[key] = value

    assert known.get("controlpath", "none") == "none"
    assert (known["forwardagent"], known["forwardx11"], known["stricthostkeychecking"]) == ("no", "no", "true")


def test_what_ssh_must_not_do() -> None:
    given = ssh.command(Address("host", "pi", 2222), ssh.BOOTSTRAP)

    assert {"-oStrictHostKeyChecking=yes", "-oBatchMode=yes", "-oControlPath=none", "-oForwardAgent=no"} <= set(given)
    assert given[-7:] == ["-l", "pi", "-p", "2222", "--", "host", ssh.BOOTSTRAP.command]
    for program in (ssh.BOOTSTRAP, ssh.PULL):
        assert not {"\n", "\\", "!"} & set(program.command) and program.command.count("'") == 2
