"""What pip takes on each kind of device: the markers of its distribution, evaluated for machines that are not here."""

from importlib.metadata import requires

import pytest
from packaging.requirements import Requirement

RUNTIMES = {"ai-edge-litert", "tflite-runtime"}


def taken(machine: str, python: str, *, extra: str = "") -> dict[str, Requirement]:
    """The requirements that hold on Linux, by name."""
    environment = {"platform_machine": machine, "python_version": python, "sys_platform": "linux", "extra": extra}
    requirements = map(Requirement, requires("tlpipe-edge") or [])
    return {each.name: each for each in requirements if each.marker is None or each.marker.evaluate(environment)}


@pytest.mark.parametrize(
    ("machine", "python", "runtime"),
    [
        ("aarch64", "3.13", "ai-edge-litert"),  # Raspberry Pi OS Trixie
        ("aarch64", "3.11", "ai-edge-litert"),  # Bookworm
        ("x86_64", "3.12", "ai-edge-litert"),
        ("armv7l", "3.11", "tflite-runtime"),  # a 32-bit kernel
        ("armv8l", "3.11", "tflite-runtime"),  # a 32-bit userland under linux32
    ],
)
def test_each_device_gets_one_runtime(machine: str, python: str, runtime: str) -> None:
    assert set(taken(machine, python)) & RUNTIMES == {runtime}


def test_the_old_runtime_can_be_asked_for() -> None:
    assert set(taken("aarch64", "3.11", extra="tflite-runtime")) & RUNTIMES == RUNTIMES


@pytest.mark.parametrize("version", ["1.24.2", "1.26.4"])
def test_bookworm_keeps_its_own_numpy(version: str) -> None:
    """1.24.2 is what apt brings, and picamera2 is built for."""
    requirements = taken("aarch64", "3.11")

    assert version in requirements["numpy"].specifier and "2.0.0" not in requirements["numpy"].specifier
    assert "4.12.0.88" not in requirements["opencv-python-headless"].specifier  # it asks for NumPy 2


def test_trixie_has_numpy_2() -> None:
    assert "2.2.4" in taken("aarch64", "3.13")["numpy"].specifier
