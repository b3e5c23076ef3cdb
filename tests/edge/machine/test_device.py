"""The machine, read from files as Linux and a Raspberry Pi write them."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tlpipe_edge.machine import device

FLAGS = ("under-voltage now", "throttled now", "under-voltage since boot", "throttled since boot")
"""Of 0x50005."""
PI_5 = {"proc__device-tree__model": "Raspberry Pi 5 Model B Rev 1.0\0"}


def write(root: Path, **files: str) -> Path:
    """Files below ``root``; a name's "__" stands for "/"."""
    for name, text in files.items():
        file = root / name.replace("__", "/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return root


@pytest.fixture
def pi(tmp_path: Path) -> Path:
    """A Raspberry Pi 4, warm, which had too little voltage."""
    cpufreq = "sys__devices__system__cpu__cpu0__cpufreq__"
    files = {
        "proc__device-tree__model": "Raspberry Pi 4 Model B Rev 1.4\0",
        "proc__cpuinfo": "processor\t: 0\nBogoMIPS\t: 108.00\nModel\t\t: Raspberry Pi 4 Model B Rev 1.4\n",
        "etc__os-release": 'PRETTY_NAME="Debian GNU/Linux 13 (trixie)"\nID=debian\n',
        f"{cpufreq}scaling_governor": "ondemand\n",
        f"{cpufreq}scaling_cur_freq": "1500000\n",
        "sys__class__thermal__thermal_zone0__temp": "48312\n",
        "sys__devices__platform__soc__soc:firmware__get_throttled": "50005\n",
    }
    return write(tmp_path, **files)


def test_a_raspberry_pi_is_read(pi: Path) -> None:
    found = device.read(pi)

    assert found.board == "Raspberry Pi 4 Model B Rev 1.4"
    assert found.os == "Debian GNU/Linux 13 (trixie)"
    assert (found.governor, found.frequency_mhz, found.temperature_c) == ("ondemand", 1500.0, 48.312)
    assert found.throttling == FLAGS


@pytest.mark.parametrize("folder", ["soc@107c000000__soc@107c000000:firmware", "soc:firmware"])
def test_throttling_is_found_where_the_firmware_is_named_otherwise(folder: str, tmp_path: Path) -> None:
    write(tmp_path, **{f"sys__devices__platform__{folder}__get_throttled": "50005\n"})

    assert device.read(tmp_path).throttling == FLAGS


@pytest.fixture
def vcgencmd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Puts a command of this name first on PATH, which runs the given line of sh."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")

    def put(line: str) -> None:
        (folder / "vcgencmd").write_text(f"#!/bin/sh\n{line}\n")
        (folder / "vcgencmd").chmod(0o755)

    return put


def test_a_raspberry_pi_without_the_file_is_asked(vcgencmd: Callable[[str], None], tmp_path: Path) -> None:
    write(tmp_path, **PI_5)

    vcgencmd('test "$*" = get_throttled && echo throttled=0x50005')
    assert device.read(tmp_path).throttling == FLAGS
    vcgencmd("echo throttled=0x0")
    assert device.read(tmp_path).throttling == ()


@pytest.mark.parametrize(
    "line", ["exit 1", "echo throttled=0x0; exit 255", "echo error=1", "printf '\\377'", "exec sleep 60"]
)
def test_a_command_that_fails_tells_nothing(
    line: str, vcgencmd: Callable[[str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device, "LIMIT_SECONDS", 0.5)
    vcgencmd(line)

    assert device.read(write(tmp_path, **PI_5)).throttling is None


def test_a_raspberry_pi_with_neither_tells_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    assert device.read(write(tmp_path, **PI_5)).throttling is None


def test_nothing_is_started_where_it_is_not_needed(pi: Path, vcgencmd: Callable[[str], None], tmp_path: Path) -> None:
    vcgencmd(f"touch '{tmp_path}/started'; echo throttled=0x1")

    assert device.read(pi).throttling == FLAGS
    write(tmp_path / "other", **{"proc__device-tree__model": "Radxa ROCK 5B\0"})
    assert device.read(tmp_path / "other").throttling is None
    assert not (tmp_path / "started").exists()


def test_a_workstation_has_a_cpu_and_tells_no_throttling(tmp_path: Path) -> None:
    cpuinfo = "processor\t: 0\nmodel name\t: AMD Ryzen 7\nprocessor\t: 1\nmodel name\t: AMD Ryzen 7\n"
    found = device.read(write(tmp_path, proc__cpuinfo=cpuinfo))

    assert (found.board, found.cpu) == ("AMD Ryzen 7", "AMD Ryzen 7")
    assert (found.governor, found.frequency_mhz, found.temperature_c, found.throttling) == (None, None, None, None)


def test_this_machine_is_read() -> None:
    found = device.read()

    assert found.board and found.cpu and found.os and found.kernel and found.cores >= 1
    assert found.bits in (32, 64)


@pytest.mark.parametrize("text", ["", "no number", "0x0"])
def test_odd_files_are_no_error(text: str, tmp_path: Path) -> None:
    write(tmp_path, **{"sys__devices__platform__soc__soc:firmware__get_throttled": text})
    write(tmp_path, sys__class__thermal__thermal_zone0__temp=text, proc__cpuinfo=text)

    assert device.read(tmp_path).temperature_c is None
