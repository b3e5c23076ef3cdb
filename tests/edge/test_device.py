"""The machine, read from files as Linux and a Raspberry Pi write them."""

from pathlib import Path

import pytest

from tlpipe_edge import device


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
    assert found.throttling == (
        "under-voltage now",
        "throttled now",
        "under-voltage since boot",
        "throttled since boot",
    )


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
