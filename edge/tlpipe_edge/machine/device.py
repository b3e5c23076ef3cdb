"""Describes this machine: board, CPU, userland, and the current governor, frequency, temperature and throttling."""

import os
import platform
import shutil
import struct
import subprocess
from dataclasses import dataclass
from pathlib import Path

THROTTLING = {
    0: "under-voltage now",
    1: "frequency capped now",
    2: "throttled now",
    3: "soft temperature limit now",
    16: "under-voltage since boot",
    17: "frequency capped since boot",
    18: "throttled since boot",
    19: "soft temperature limit since boot",
}
"""The bits of get_throttled, as the Raspberry Pi documentation of ``vcgencmd`` numbers them."""
GET_THROTTLED = ("soc*/soc*firmware/get_throttled", "soc*firmware/get_throttled")
"""The file (raspberrypi/linux, pull request 2397) below /sys/devices/platform: in soc/soc:firmware up to the Raspberry
Pi 4, in soc@107c000000/soc@107c000000:firmware on the 5; some kernels do not have it."""
LIMIT_SECONDS = 2.0
"""Time limit for ``vcgencmd``, which needs a hundredth of it."""


@dataclass(frozen=True)
class Device:
    """A machine at one moment. Unknown values are None; ``throttling`` is empty if nothing was throttled.

    ``machine`` is the architecture of the kernel, ``bits`` that of the userland, 32 or 64: they may differ. Frequency
    is in MHz, temperature in degrees Celsius.
    """

    board: str
    cpu: str
    cores: int
    machine: str
    bits: int
    os: str
    kernel: str
    governor: str | None
    frequency_mhz: float | None
    temperature_c: float | None
    throttling: tuple[str, ...] | None

    @property
    def hides_throttling(self) -> bool:
        """Whether this is a Raspberry Pi, which may be throttled, and its throttling is unknown."""
        return "Raspberry Pi" in self.board and self.throttling is None


def read(root: Path = Path("/")) -> Device:
    """Read the state of this machine; ``root`` is the folder that holds /proc, /sys and /etc."""
    cpu = _cpu(root)
    board = _text(root / "proc/device-tree/model") or _text(root / "sys/class/dmi/id/product_name") or cpu
    frequency = _number(root / "sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq")
    return Device(
        board=board,
        cpu=cpu,
        cores=cores(),
        machine=platform.machine(),
        bits=8 * struct.calcsize("P"),
        os=_os(root),
        kernel=platform.release(),
        governor=_text(root / "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        frequency_mhz=None if frequency is None else frequency / 1e3,
        temperature_c=temperature(root),
        throttling=_throttling(root, ask_firmware="Raspberry Pi" in board),
    )


def temperature(root: Path = Path("/")) -> float | None:
    """The temperature of the processor in degrees Celsius; None if unknown."""
    thousandths = _number(root / "sys/class/thermal/thermal_zone0/temp")
    return None if thousandths is None else thousandths / 1e3


def cores() -> int:
    """The number of cores that this process may use: fewer than the machine has in a container or under taskset."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _cpu(root: Path) -> str:
    lines = (_text(root / "proc/cpuinfo") or "").splitlines()
    named = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    return named.get("model name") or named.get("Model") or platform.processor() or platform.machine()


def _os(root: Path) -> str:
    lines = (_text(root / "etc/os-release") or "").splitlines()
    named = dict(line.split("=", 1) for line in lines if "=" in line)
    return named.get("PRETTY_NAME", platform.system()).strip('"')


def _throttling(root: Path, *, ask_firmware: bool) -> tuple[str, ...] | None:
    """The throttling of a Raspberry Pi: a hexadecimal number in a file, or else, if ``ask_firmware``, of a command."""
    files = (file for pattern in GET_THROTTLED for file in sorted((root / "sys/devices/platform").glob(pattern)))
    flags = next((flags for flags in map(_hexadecimal, map(_text, files)) if flags is not None), None)
    if flags is None and ask_firmware:
        flags = _hexadecimal(_vcgencmd("get_throttled").removeprefix("throttled="))
    return None if flags is None else tuple(words for bit, words in THROTTLING.items() if flags >> bit & 1)


def _vcgencmd(question: str) -> str:
    """The output of the command; empty if it is missing, lacks permission (group video), or fails."""
    command = shutil.which("vcgencmd")
    if command is None:
        return ""
    try:
        done = subprocess.run(
            [command, question], stdin=subprocess.DEVNULL, capture_output=True, timeout=LIMIT_SECONDS, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.decode(errors="replace").strip()


def _text(file: Path) -> str | None:
    """The text of a file, without the NUL at the end of device tree strings; None if it cannot be read."""
    try:
        return file.read_text(encoding="utf-8", errors="replace").strip("\0 \n")
    except OSError:
        return None


def _number(file: Path) -> float | None:
    try:
        return float(_text(file) or "")
    except ValueError:
        return None


def _hexadecimal(text: str | None) -> int | None:
    try:
        return int(text or "", 16)
    except ValueError:
        return None
