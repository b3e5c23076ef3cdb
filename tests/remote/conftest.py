"""Devices in all states, and what is sent to them."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import loopback
import pytest
from kept_images import keep_several
from loopback import DRAWN, GOLDEN, Device
from once import once
from waiting import wait_until

from tlpipe.remote import device_bench
from tlpipe.remote.address import DeviceFolder
from tlpipe_edge import Bundle


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Wheels of the dependencies of tlpipe-edge, as ``loopback.wheelhouse`` packs them."""
    return once(tmp_path_factory, "wheels", lambda folder: loopback.wheelhouse(folder / "house")) / "house"


@pytest.fixture(scope="session")
def installed(wheels: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The virtual environments of a device on which pip installed tlpipe-edge from ``wheels``, once per session.

    Large dependencies are links to the packages of this machine. The test that needs TLPIPE_INDEX installs real wheels.
    """

    def make(folder: Path) -> None:
        device = Device(folder / "device")
        try:
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv("TLPIPE_SSH_OPTIONS", f"-F {device.config}")
                device_bench.run_edge(device.address, {}, ["--version"], wheelhouse=wheels)
        finally:
            device.stop()
        assert device.left() == [] and device.processes() == []

    return once(tmp_path_factory, "installed", make) / "device" / loopback.CACHE / "venvs"


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Device]:
    """A device that nobody has used. Whatever happens in a test, nothing runs there at its end, and nothing is half."""
    device = Device(tmp_path / "device")
    monkeypatch.setenv("TLPIPE_SSH_OPTIONS", f"-F {device.config}")
    yield device
    try:
        wait_until(lambda: device.processes() == [])
        assert device.left() == []
    finally:
        device.stop()
        shutil.rmtree(device.cache, ignore_errors=True)


@pytest.fixture
def kept(bare: Device) -> Path:
    """The folder of --collect on the device, with five images."""
    keep_several(bare.home / "collected")
    return bare.home / "collected"


@pytest.fixture
def source(bare: Device) -> DeviceFolder:
    """That folder, as ``tlpipe pull`` is given it."""
    return DeviceFolder(bare.address, "collected")


@pytest.fixture
def device(bare: Device, installed: Path) -> Device:
    """A device with tlpipe-edge."""
    shutil.copytree(installed, bare.cache / "venvs", symlinks=True, copy_function=os.link)
    return bare


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    """The bundle, and its golden photographs as the images, to change."""
    copied = Path(shutil.copytree(DRAWN, tmp_path / "drawn"))
    named = {f"bundle/{name}": file for name, file in device_bench.bundle_files(Bundle.open(copied)).items()}
    return named | {f"images/{file.name}": copied / "golden" / file.name for file in GOLDEN}


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """A file that takes its time."""
    file = tmp_path / "large"
    file.touch()
    os.truncate(file, 300_000_000)
    return file
