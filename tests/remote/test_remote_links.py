"""Links that break, commands that are ended, and two at once: nothing goes on there, and nothing half stays."""

import fcntl
import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import loopback
import pytest
from loopback import FOR_EVER, Device, classified, client, impatient, refused
from waiting import wait_until

from tlpipe.remote import device_bench, ssh
from tlpipe_edge.errors import BadData, Busy, Unavailable


def test_a_link_that_breaks_while_a_file_is_sent(device: Device, files: dict[str, Path], large: Path) -> None:
    classified(device, files)
    before = sorted(device.cache.rglob("*"))
    with cutting(device, when=lambda: any(part.stat().st_size for part in device.cache.glob("temporary-*/part"))):
        refused(
            lambda: classified(device, files | {"images/large": large}),
            Unavailable,
            f"{device.address}: the connection was lost",
            "Run it again",
        )

    wait_until(lambda: device.processes() == [])
    assert sorted(device.cache.rglob("*")) == before
    assert classified(device, files)


def test_a_link_that_breaks_while_wheels_are_sent(
    bare: Device, files: dict[str, Path], wheels: Path, large: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    house = shutil.copytree(wheels, large.with_name("house"), copy_function=os.link)
    large.rename(house / "zz-1-py3-none-any.whl")  # sent last, and installed by nobody
    count = len(list(house.iterdir())) + 1
    with cutting(bare, when=lambda: len(list(bare.cache.glob("wheels/*/*.whl"))) == count - 1):
        refused(lambda: classified(bare, files, wheelhouse=house), Unavailable, "the connection was lost")
    wait_until(lambda: bare.processes() == [])
    assert len(list(bare.cache.glob("wheels/*/*.whl"))) == count - 1
    capsys.readouterr()

    assert classified(bare, files, wheelhouse=house)
    assert "(1)" in capsys.readouterr().err
    assert not (bare.cache / "wheels").exists()


def test_a_link_that_breaks_while_it_is_installed(device: Device, files: dict[str, Path], wheels: Path) -> None:
    """In the place of one that was not completed, as when power fails."""
    (environment,) = device.cache.glob("venvs/*")
    (environment / "complete").unlink()
    (environment / "junk").touch()

    def half_made() -> bool:
        return not (environment / "junk").exists() and any(environment.glob("lib/*/site-packages/rich"))

    with cutting(device, when=half_made):
        refused(lambda: classified(device, files, wheelhouse=wheels), Unavailable, "the connection was lost")
    wait_until(lambda: device.processes() == [])
    assert not list(device.cache.glob("venvs/*"))

    assert classified(device, files, wheelhouse=wheels)
    assert (environment / "complete").exists() and not (environment / "junk").exists()


def test_a_link_that_breaks_while_tlpipe_edge_runs(device: Device, files: dict[str, Path]) -> None:
    with cutting(device, when=lambda: answers(device)):
        refused(lambda: device_bench.run_edge(device.address, files, FOR_EVER), Unavailable, "the connection was lost")
    wait_until(lambda: device.processes() == [])

    assert device.left() == []
    assert classified(device, files)


def test_nobody_is_heard_of_any_more(device: Device, files: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """As when the cable is pulled: no end of the connection is seen."""
    impatient(monkeypatch, seconds=3.0)
    monkeypatch.setattr(ssh, "PULSE_SECONDS", 1000.0)
    refused(lambda: device_bench.run_edge(device.address, files, FOR_EVER), Unavailable, "the connection was lost")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("send", [os.kill, os.killpg], ids=["alone", "as a terminal does"])
def test_the_command_here_is_ended(
    device: Device, files: dict[str, Path], tmp_path: Path, number: int, send: Callable[[int, int], None]
) -> None:
    nothing = subprocess.DEVNULL
    command = client(device, files, tmp_path / "sent", FOR_EVER)
    with subprocess.Popen(command, stdin=nothing, stdout=nothing, stderr=nothing, start_new_session=True) as process:
        try:
            wait_until(lambda: answers(device))
            refused(lambda: classified(device, files), Busy, "another tlpipe process is using the device")
            send(process.pid, number)
            process.wait(timeout=loopback.LIMIT_SECONDS)
            wait_until(lambda: device.processes() == [])
        finally:
            process.kill()

    assert process.returncode != 0
    assert device.left() == []
    assert classified(device, files)


def test_a_file_that_changes_meanwhile(device: Device, files: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    send = ssh.Connection.send_file

    def late(connection: ssh.Connection, file: Path, *, size: int) -> None:
        file.write_bytes(b"shorter")
        send(connection, file, size=size)

    monkeypatch.setattr(ssh.Connection, "send_file", late)
    refused(lambda: classified(device, files), BadData, "a file changed while it was sent")


def test_a_lock_that_somebody_holds(device: Device, files: dict[str, Path]) -> None:
    with (device.cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        refused(
            lambda: classified(device, files), Busy, f"{device.address}: another tlpipe process is using the device"
        )
    assert classified(device, files)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_the_bootstrap_there_is_ended(device: Device, files: dict[str, Path], number: int) -> None:
    def end() -> None:
        wait_until(lambda: answers(device))
        (bootstrap,) = (
            pid for pid, line in loopback.running(device.home) if "exec(read.read(" in line and "/bin/sh" not in line
        )
        os.kill(bootstrap, number)

    thread = threading.Thread(target=end)
    thread.start()
    refused(lambda: device_bench.run_edge(device.address, files, FOR_EVER), Unavailable, "the connection was lost")
    thread.join()
    wait_until(lambda: device.processes() == [])
    classified(device, files)  # what a killed one has left goes with the next


def test_what_a_dead_run_left_goes(device: Device, files: dict[str, Path]) -> None:
    (device.cache / "temporary-old/tree").mkdir(parents=True)
    (device.cache / "lock").touch()
    classified(device, files)

    assert not (device.cache / "temporary-old").exists()


def answers(device: Device) -> bool:
    """Whether the camera that never ends has begun, with the process that reads its pictures."""
    lines = device.processes()
    return all(
        any(name in line for line in lines)
        for name in (" tlpipe_edge.remote_job.command ", " tlpipe_edge.camera.capture ")
    )


class cutting:
    """Cut the link as soon as something holds."""

    def __init__(self, device: Device, *, when: Callable[[], object]) -> None:
        self._device, self._when = device, when

    def __enter__(self) -> None:
        self._thread = threading.Thread(target=self._cut)
        self._thread.start()

    def _cut(self) -> None:
        try:
            wait_until(self._when)
        finally:
            self._device.cut()

    def __exit__(self, *_: object) -> None:
        self._thread.join()
