"""Checks the machine, and says for each problem what to do."""

import importlib.metadata
import os
import platform
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from importlib.util import find_spec
from pathlib import Path

from tlpipe_edge.errors import Unavailable
from tlpipe_edge.machine.device import Device
from tlpipe_edge.tflite import interpreter

MIN_GLIBC = (2, 27)
"""Minimum version for the wheels of LiteRT, NumPy 2 and Pillow for 64-bit ARM."""
NO_CAMERAS = ("bcm2835-codec", "bcm2835-isp", "pispbe", "rpivid", "rpi-hevc")
"""How the names of the /dev/video* begin that a Raspberry Pi has without a camera: its codecs and image processors."""
HOT = 80.0
"""Degrees Celsius at which a Raspberry Pi slows down (Raspberry Pi documentation, "Frequency management")."""


class Level(StrEnum):
    """The severity of a finding: with a problem tlpipe-edge does not work, with a warning it works less well.

    UNKNOWN is what could not be read.
    """

    FINE = "ok"
    UNKNOWN = "unknown"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True)
class Finding:
    """The result of one check: what was found, and the advice (empty if it is fine)."""

    topic: str
    level: Level
    found: str
    advice: str = ""


def examine(device: Device, *, root: Path = Path("/")) -> Iterator[Finding]:
    """All findings, one after the other; ``root`` is the folder that holds /dev."""
    yield _machine(device)
    yield _userland(device)
    yield _python()
    yield _glibc()
    yield from _packages()
    yield from _image_formats()
    yield _runtime()
    yield _camera(root)
    yield _governor(device)
    yield _heat(device)


def _machine(device: Device) -> Finding:
    described = [device.board, f"{device.cores} cores", device.os, device.kernel and f"kernel {device.kernel}"]
    return Finding("machine", Level.FINE if all(described) else Level.UNKNOWN, ", ".join(filter(None, described)))


def _userland(device: Device) -> Finding:
    if not device.machine:
        return Finding("userland", Level.UNKNOWN, f"{device.bits}-bit userland on an unknown kernel")
    found = f"{device.bits}-bit userland on a {device.machine} kernel"
    if device.bits == 32 and "64" in device.machine:
        return Finding(
            "userland",
            Level.WARNING,
            found,
            "pip would install 64-bit packages: use `linux32 pip install`, or better, install a 64-bit system.",
        )
    return Finding("userland", Level.FINE, found)


def _python() -> Finding:
    found = platform.python_version()
    if (3, 11) <= sys.version_info[:2] <= (3, 13):
        return Finding("Python", Level.FINE, found)
    return Finding("Python", Level.PROBLEM, found, "tlpipe-edge needs Python 3.11, 3.12 or 3.13.")


def _glibc() -> Finding:
    name, version = platform.libc_ver()
    numbers = tuple(int(part) for part in version.split(".") if part.isdigit())
    if name != "glibc":
        return Finding("C library", Level.WARNING, name or "not glibc", "There are no wheels for it: build them.")
    if not numbers:
        return Finding("C library", Level.UNKNOWN, "glibc of an unknown version")
    if numbers < MIN_GLIBC:
        return Finding("C library", Level.PROBLEM, f"glibc {version}", "Use a newer system: Bookworm or Trixie.")
    return Finding("C library", Level.FINE, f"glibc {version}")


def _packages() -> Iterator[Finding]:
    for module, distribution in (("numpy", "numpy"), ("cv2", "opencv-python-headless"), ("PIL", "pillow")):
        try:
            loaded = __import__(module)
        except ImportError as error:
            yield Finding(distribution, Level.PROBLEM, f"cannot be loaded ({error})", f"pip install {distribution}")
        else:
            version = getattr(loaded, "__version__", None)
            yield Finding(distribution, Level.FINE if version else Level.UNKNOWN, version or "of an unknown version")


def _image_formats() -> Iterator[Finding]:
    try:
        from tlpipe_edge.images.formats import FORMATS
    except ImportError:  # the finding about Pillow says why
        return
    found = f"reads {', '.join(form.name for form in FORMATS if form.readable)}"
    missing = (f"{form.name} is not read: {form.advice}" for form in FORMATS if form.reader and not form.readable)
    yield Finding("image formats", Level.FINE, "; ".join([found, *missing]))


def _runtime() -> Finding:
    try:
        distribution, version = interpreter.find("auto")
    except Unavailable as error:
        return Finding("runtime", Level.PROBLEM, error.what, error.advice)
    found = f"{distribution} {version}"
    if distribution == "tflite-runtime" and int(importlib.metadata.version("numpy").split(".")[0]) >= 2:
        return Finding("runtime", Level.PROBLEM, f"{found} does not work with NumPy 2", 'pip install "numpy<2"')
    return Finding("runtime", Level.FINE, found)


def _camera(root: Path) -> Finding:
    nodes = [node for node in sorted((root / "dev").glob("video*")) if not _name(root, node).startswith(NO_CAMERAS)]
    if not nodes:
        if find_spec("picamera2"):
            return Finding(
                "camera",
                Level.UNKNOWN,
                "picamera2 is installed; a camera is found only by --source picamera2",
            )
        return Finding(
            "camera",
            Level.WARNING,
            "no /dev/video*, and no picamera2",
            "Connect a camera; for one on the ribbon cable: sudo apt install python3-picamera2, "
            "and make the virtual environment with --system-site-packages.",
        )
    if any(os.access(node, os.R_OK | os.W_OK) for node in nodes):
        names = [_name(root, node) for node in nodes]
        found = ", ".join(f"{node.name} ({name or 'unknown'})" for node, name in zip(nodes, names, strict=True))
        return Finding("camera", Level.FINE if any(names) else Level.UNKNOWN, found)
    return Finding(
        "camera", Level.PROBLEM, f"{nodes[0]}: no permission", "sudo usermod -aG video $USER, and log in again."
    )


def _name(root: Path, node: Path) -> str:
    """The name that the driver of a /dev/video* gives it; empty if it cannot be read."""
    try:
        return (root / "sys/class/video4linux" / node.name / "name").read_text("utf-8", "replace").strip()
    except OSError:
        return ""


def _governor(device: Device) -> Finding:
    if device.governor is None:
        return Finding("governor", Level.UNKNOWN, "not readable, so a benchmark cannot report it")
    if device.governor == "performance":
        return Finding("governor", Level.FINE, device.governor)
    return Finding(
        "governor",
        Level.WARNING,
        f"{device.governor}: clock and latency depend on the load",
        "Before a benchmark: echo performance | sudo tee /sys/devices/system/cpu/cpu*/cpufreq/scaling_governor",
    )


def _heat(device: Device) -> Finding:
    known = [f"{device.temperature_c:.0f} °C"] if device.temperature_c is not None else []
    known += device.throttling or (["not throttled"] if device.throttling is not None else [])
    found = ", ".join(known) or "the temperature cannot be read"
    if any("under-voltage" in words for words in device.throttling or ()):
        return Finding("throttling", Level.WARNING, found, "Use a stronger power supply and a short cable.")
    if device.throttling or (device.temperature_c or 0) >= HOT:
        return Finding("throttling", Level.WARNING, found, "Cool it: a heat sink, a fan, or fewer frames a second.")
    if device.hides_throttling:
        return Finding(
            "throttling",
            Level.WARNING,
            f"{found}; throttling is unknown, so a benchmark cannot report it",
            "Install vcgencmd: sudo apt install raspi-utils (or libraspberrypi-bin, if there is no such package), "
            "sudo usermod -aG video $USER, and log in again.",
        )
    return Finding("throttling", Level.FINE if known else Level.UNKNOWN, found)
