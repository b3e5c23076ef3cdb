"""What the doctor finds, and that each problem comes with what to do."""

import dataclasses
import os
import platform
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from boards import PI as SOUND

from tlpipe_edge.cli import doctor
from tlpipe_edge.cli.doctor import Finding, Level
from tlpipe_edge.errors import Unavailable
from tlpipe_edge.images import formats
from tlpipe_edge.machine import device
from tlpipe_edge.tflite import interpreter


def examine(root: Path, **changes: object) -> dict[str, Finding]:
    (root / "dev").mkdir(exist_ok=True)
    machine = dataclasses.replace(SOUND, **changes)  # type: ignore[arg-type]
    return {each.topic: each for each in doctor.examine(machine, root=root)}


def video(root: Path, **names: str) -> None:
    """Devices of these names; an empty one cannot be read."""
    for node, name in names.items():
        (root / "dev").mkdir(exist_ok=True)
        (root / "dev" / node).touch()
        if name:
            (root / "sys/class/video4linux" / node).mkdir(parents=True)
            (root / "sys/class/video4linux" / node / "name").write_text(f"{name}\n")


def test_a_sound_machine_has_nothing_to_do(tmp_path: Path) -> None:
    video(tmp_path, video0="HD Webcam")
    found = examine(tmp_path)

    assert {each.level for each in found.values()} == {Level.FINE}
    assert not any(each.advice for each in found.values())
    assert found["camera"].found == "video0 (HD Webcam)"
    assert found["throttling"].found == "45 °C, not throttled"


def test_the_formats_of_images_that_this_machine_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = examine(tmp_path)["image formats"].found
    assert found.startswith("reads JPEG, PNG, BMP, GIF, WebP") and "raw photograph" not in found
    monkeypatch.setattr(formats, "_is_available", lambda form: form.name != "HEIC")
    finding = examine(tmp_path)["image formats"]
    advice = "pip install pi-heif, or convert it to JPEG."
    assert finding.found == f"reads JPEG, PNG, BMP, GIF, WebP, AVIF, TIFF; HEIC is not read: {advice}"
    assert finding.level is Level.FINE


@pytest.mark.parametrize(
    ("topic", "changes", "said"),
    [
        ("machine", {"board": ""}, "4 cores, Debian"),
        ("machine", {"os": ""}, "Raspberry Pi 5, 4 cores, kernel 6.12"),
        ("machine", {"kernel": ""}, "Raspberry Pi 5"),
        ("userland", {"machine": ""}, "on an unknown kernel"),
        ("governor", {"governor": None}, "not readable"),
        (
            "throttling",
            {"board": "ThinkPad", "throttling": None, "temperature_c": None},
            "the temperature cannot be read",
        ),
    ],
)
def test_what_cannot_be_read_is_unknown(topic: str, changes: dict[str, object], said: str, tmp_path: Path) -> None:
    finding = examine(tmp_path, **changes)[topic]

    assert finding.level is Level.UNKNOWN and said in finding.found


def test_a_video_device_without_a_name_may_be_a_camera(tmp_path: Path) -> None:
    video(tmp_path, video0="")

    assert examine(tmp_path)["camera"] == Finding("camera", Level.UNKNOWN, "video0 (unknown)")


def test_the_codecs_of_a_raspberry_pi_are_no_cameras(tmp_path: Path) -> None:
    video(tmp_path, video10="bcm2835-codec-decode", video13="bcm2835-isp-output0", video19="rpi-hevc-dec")

    assert examine(tmp_path)["camera"].level is Level.WARNING


def test_an_installed_picamera2_is_no_camera_yet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "find_spec", lambda _: object())

    assert examine(tmp_path)["camera"].level is Level.UNKNOWN


def test_a_package_without_a_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cv2", SimpleNamespace())  # type: ignore[arg-type]

    assert examine(tmp_path)["opencv-python-headless"].level is Level.UNKNOWN


@pytest.mark.parametrize(
    ("topic", "changes", "said", "advice"),
    [
        ("userland", {"bits": 32}, "32-bit userland on a aarch64 kernel", "linux32 pip install"),
        ("governor", {"governor": "ondemand"}, "ondemand", "echo performance"),
        ("throttling", {"throttling": ("under-voltage since boot",)}, "under-voltage since boot", "power supply"),
        ("throttling", {"throttling": ("throttled now",)}, "throttled now", "Cool it"),
        ("throttling", {"temperature_c": 84.0}, "84 °C", "Cool it"),
        ("throttling", {"throttling": None}, "45 °C; throttling is unknown", "install raspi-utils"),
        ("camera", {}, "no /dev/video*", "Connect a camera"),
    ],
)
def test_what_makes_it_worse_is_a_warning(
    topic: str, changes: dict[str, object], said: str, advice: str, tmp_path: Path
) -> None:
    finding = examine(tmp_path, **changes)[topic]

    assert finding.level is Level.WARNING
    assert said in finding.found and advice in finding.advice


def test_a_machine_that_is_no_raspberry_pi_need_not_tell(tmp_path: Path) -> None:
    finding = examine(tmp_path, board="ThinkPad", throttling=None)["throttling"]

    assert finding == Finding("throttling", Level.FINE, "45 °C")


def test_a_camera_without_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev/video0").write_text("")
    monkeypatch.setattr(os, "access", lambda *_: False)
    finding = examine(tmp_path)["camera"]

    assert finding.level is Level.PROBLEM and "usermod -aG video" in finding.advice


def test_no_runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(wanted: str) -> tuple[str, str]:
        raise Unavailable(f"the TFLite runtime is not installed ({wanted})", "pip install ai-edge-litert")

    monkeypatch.setattr(interpreter, "find", missing)
    finding = examine(tmp_path)["runtime"]
    assert finding.level is Level.PROBLEM and finding.advice == "pip install ai-edge-litert"


def test_the_old_runtime_beside_numpy_2(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interpreter, "find", lambda _: ("tflite-runtime", "2.14.0"))
    monkeypatch.setattr(doctor.importlib.metadata, "version", lambda _: "2.1.0")
    finding = examine(tmp_path)["runtime"]

    assert finding.level is Level.PROBLEM and "numpy<2" in finding.advice


@pytest.mark.parametrize(
    ("libc", "level"),
    [
        (("glibc", "2.41"), Level.FINE),
        (("glibc", ""), Level.UNKNOWN),
        (("glibc", "2.26"), Level.PROBLEM),
        (("", ""), Level.WARNING),
    ],
)
def test_the_c_library(libc: tuple[str, str], level: Level, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "libc_ver", lambda: libc)

    assert examine(tmp_path)["C library"].level is level


def test_a_python_that_is_too_new(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "sys", SimpleNamespace(version_info=(3, 14, 0)))

    assert examine(tmp_path)["Python"].level is Level.PROBLEM


def test_a_package_that_cannot_be_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cv2", None)
    finding = examine(tmp_path)["opencv-python-headless"]

    assert finding.level is Level.PROBLEM and finding.advice == "pip install opencv-python-headless"


@pytest.mark.arm64
def test_the_command_says_a_line_for_each_and_a_code() -> None:
    from typer.testing import CliRunner

    from tlpipe_edge.cli.commands import app

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(device, "read", lambda: SOUND)
        fine = CliRunner().invoke(app, ["doctor"])
        patch.setattr(doctor, "sys", SimpleNamespace(version_info=(3, 14, 0)))
        hopeless = CliRunner().invoke(app, ["doctor"])

    assert fine.exit_code == 0 and "ok       machine: Raspberry Pi 5, 4 cores" in fine.stdout
    assert hopeless.exit_code == 69
    assert f"problem  Python: {platform.python_version()}\n         -> tlpipe-edge needs Python" in hopeless.stdout
