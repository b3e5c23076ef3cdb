"""Machines that cannot do it, and full disks: what is said, and that nothing half stays."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from loopback import Device, classified, program, refused
from waiting import wait_until

from tlpipe.remote import device_bench, ssh
from tlpipe_edge.errors import BadData, MissingInput, Unavailable


def test_no_python(bare: Device, files: dict[str, Path], tmp_path: Path) -> None:
    bare.log_in_with(path=tmp_path / "nothing")
    refused(lambda: classified(bare, files), Unavailable, "no Python 3.11, 3.12 or 3.13 on the device", "python3-venv")


def test_a_python_that_is_too_old_is_passed_over(device: Device, files: dict[str, Path]) -> None:
    """As are those that are on the path and do not run."""
    for name in ("python3.13", "python3.12", "python3.11"):
        if not (device.bin / name).exists():
            program(device.bin / name, "exit 1")
    assert classified(device, files)


def test_a_python_without_venv(bare: Device, files: dict[str, Path], tmp_path: Path) -> None:
    program(
        tmp_path / "without/python3.12",
        f'case "$*" in *ensurepip*) exit 1; esac; exec {next(bare.bin.iterdir())} "$@"',
    )
    bare.log_in_with(path=tmp_path / "without")
    refused(
        lambda: classified(bare, files),
        Unavailable,
        "python3.12 on the device cannot make virtual environments",
        "sudo apt",
    )


def test_no_wheel_for_its_architecture(bare: Device, files: dict[str, Path], wheels: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(wheels, other, copy_function=os.link)
    (numpy,) = other.glob("numpy-*")
    numpy.rename(other / f"{'-'.join(numpy.name.split('-')[:4])}-linux_riscv64.whl")
    refused(lambda: classified(bare, files, wheelhouse=other), Unavailable, "no wheel of numpy", "on ", "--wheelhouse")

    assert not list(bare.cache.glob("venvs/*"))
    assert classified(bare, files, wheelhouse=wheels)


def test_a_wheel_that_changes_while_it_is_sent(
    bare: Device, files: dict[str, Path], wheels: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = shutil.copytree(wheels, tmp_path / "house")
    send = ssh.Connection.send_file

    def spoiled(connection: ssh.Connection, file: Path | bytes, *, size: int) -> None:
        send(connection, bytes(size) if isinstance(file, Path) and file.parent == house else file, size=size)

    monkeypatch.setattr(ssh.Connection, "send_file", spoiled)
    refused(lambda: classified(bare, files, wheelhouse=house), BadData, "changed while it was sent")
    assert bare.left() == []


def test_an_index_that_cannot_be_reached(bare: Device, files: dict[str, Path]) -> None:
    bare.log_in_with(before="export PIP_INDEX_URL=http://user:secret@127.0.0.1:9/simple PIP_RETRIES=1")
    error = refused(lambda: classified(bare, files), Unavailable, "its package index cannot be reached")
    assert "secret" not in str(error)


@pytest.mark.parametrize("there", [False, True])
def test_no_wheelhouse(bare: Device, files: dict[str, Path], tmp_path: Path, there: bool) -> None:
    if there:
        (tmp_path / "house").mkdir()
        (tmp_path / "house/._tlpipe_edge-0.1-py3-none-any.whl").touch()  # as macOS leaves them
    refused(lambda: classified(bare, files, wheelhouse=tmp_path / "house"), MissingInput, "house: no ")


def test_a_windows_shell(bare: Device, files: dict[str, Path], tmp_path: Path) -> None:
    said = "'exec' is not recognized as an internal or external command,\noperable program or batch file."
    shell = program(tmp_path / "cmd", f'cat >&2 <<"EOF"\n{said}\nEOF\nexit 1')
    bare.log_in_with(shell=str(shell), path=Path("/usr/bin:/bin"))
    refused(lambda: classified(bare, files), Unavailable, "does not run /bin/sh", "not Windows")


def test_a_shell_that_does_not_answer(bare: Device, files: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ssh, "START_SECONDS", 2.0)
    bare.log_in_with(before="read never")
    refused(lambda: classified(bare, files), Unavailable, "the shell does not respond")


def test_an_answer_that_is_no_document() -> None:
    answers = {
        **dict.fromkeys((b"", b"\xff"), "there: its output is not a benchmark"),
        **dict.fromkeys((b"[]", b"{}", b'{"schema": 1, "device": {}}'), "there: not a benchmark"),
        b'{"schema": 2, "results": []}': "there: schema 2",
        b'{"schema": 1, "results": [], "device": null}': "there: ",
    }
    for answer, said in answers.items():
        refused(lambda answer=answer: device_bench.bench_of(answer, "there"), BadData, said)  # type: ignore[misc]


@pytest.fixture
def small_disk(bare: Device) -> Iterator[Device]:
    """8 MB, on which no virtual environment has room."""
    mount = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(bare.home)]
    if os.getuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no file system can be mounted here")
    try:
        yield bare
        assert bare.left() == []
    finally:
        wait_until(lambda: bare.processes() == [])
        subprocess.run(["umount", bare.home], check=True)


def test_a_disk_that_is_full_in_the_middle_of_a_file(device: Device, files: dict[str, Path], tmp_path: Path) -> None:
    classified(device, files)
    before = sorted(device.cache.rglob("*"))
    device.log_in_with(before="ulimit -f 100")  # blocks of 512 or 1024 bytes: the system knows no smaller disk
    (tmp_path / "larger").write_bytes(os.urandom(1_000_000))
    refused(
        lambda: classified(device, files | {"images/larger": tmp_path / "larger"}),
        Unavailable,
        "no disk space left",
    )

    assert sorted(device.cache.rglob("*")) == before
    device.log_in_with()
    assert classified(device, files)


def test_a_disk_that_is_full_before_anything_is_sent(
    small_disk: Device, installed: Path, files: dict[str, Path], large: Path
) -> None:
    small_disk.cache.mkdir(parents=True)
    (small_disk.cache / "venvs").symlink_to(installed)  # it would not fit
    error = refused(
        lambda: classified(small_disk, files | {"images/large": large}),
        Unavailable,
        "not enough disk space: 300.",
        "MB free",
    )
    assert error.advice == "Free some space on the device, or name another folder there: $TLPIPE_CACHE."


def test_a_disk_that_is_full_while_it_is_installed(small_disk: Device, files: dict[str, Path]) -> None:
    refused(lambda: classified(small_disk, files), Unavailable, "no disk space left")
