"""The capture process: the newest frame, and every way in which it can end."""

import os
import time
from pathlib import Path

import cameras
import numpy as np
import pytest

from tlpipe_edge.camera import capture
from tlpipe_edge.camera.capture import Capture
from tlpipe_edge.errors import BadData, Unavailable

pytestmark = pytest.mark.usefixtures("importable_cameras")


def alive(process: int) -> bool:
    return Path(f"/proc/{process}").exists()


def test_the_newest_frame_wins() -> None:
    with Capture("0", reader="cameras:steady") as source:
        first = source.frame(5)
        time.sleep(1.0)
        second = source.frame(5)
        third = source.frame(5)

    assert first and second and third
    assert second.number - first.number > 5  # of about 100: the others are dropped, not queued
    assert third.number > second.number
    for frame in (first, second, third):
        np.testing.assert_array_equal(frame.pixels, cameras.picture(frame.number - 1))


def test_the_end_of_a_file_is_no_frame() -> None:
    with Capture("0", reader="cameras:three") as source:
        numbers = [frame.number for frame in iter(lambda: source.frame(5), None)]

    assert numbers == [1, 2, 3]


@pytest.mark.parametrize(
    ("camera", "said"),
    [
        ("blocked", "no frame for 1 s: the camera does not respond"),
        ("dying", "the camera process ended unexpectedly"),
        ("unplugged", "camera 0: delivers no more frames"),
        ("broken", "driver fault"),
    ],
)
def test_what_goes_wrong_is_said_in_time(camera: str, said: str) -> None:
    with Capture("0", reader=f"cameras:{camera}") as source, pytest.raises(Unavailable, match=said):
        for _ in range(3):
            source.frame(1)


def test_an_error_of_a_file_keeps_its_kind(tmp_path: Path) -> None:
    (tmp_path / "text.avi").write_text("no video")
    with Capture(str(tmp_path / "text.avi")) as source, pytest.raises(BadData, match="not a video") as caught:
        source.frame(5)
    assert caught.value.advice


@pytest.mark.parametrize("camera", ["steady", "blocked", "stubborn"])
def test_afterwards_the_process_is_gone(camera: str) -> None:
    with Capture("0", reader=f"cameras:{camera}") as source:
        source.frame(5)
        process = source._process.pid
        time.sleep(0.6)
        assert alive(process)
    assert not alive(process)


def test_a_process_that_cannot_be_killed_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capture, "KILL_SECONDS", 0.05)
    source = Capture("0", reader="cameras:blocked")
    with source:
        source.frame(5)
        process = source._process
        monkeypatch.setattr(process, "send_signal", lambda _: None)
        os.kill(process.pid, 19)  # SIGSTOP: it does not even notice that the pipe is closed
    assert alive(process.pid)  # the block ended all the same
    os.kill(process.pid, 9)
    process.wait(10)


def test_the_process_ends_with_its_parent() -> None:
    """Also where the parent is killed, and closes nothing itself."""
    import subprocess
    import sys

    program = (
        "import sys, time\nfrom tlpipe_edge.camera.capture import Capture\n"
        "with Capture('0', reader='cameras:steady') as source:\n"
        "    source.frame(5); print(source._process.pid, flush=True); time.sleep(100)"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout
        child = int(parent.stdout.readline())
        parent.kill()
    deadline = time.monotonic() + 20
    while alive(child) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not alive(child)
