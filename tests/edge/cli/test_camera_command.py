"""The command `camera`, as a program: what it prints where, how it is told to stop, and what systemd hears."""

import itertools
import json
import os
import pty
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import pytest

from tlpipe_edge import Bundle

EXAMPLE = Path(__file__).parents[3] / "edge" / "examples" / "camera.py"


@pytest.fixture
def video(drawn: Bundle, tmp_path: Path) -> Path:
    """A second of each golden image, at 20 frames a second."""
    file = tmp_path / "video.avi"
    writer = cv2.VideoWriter(str(file), cv2.VideoWriter_fourcc(*"MJPG"), 20, (64, 64))  # type: ignore[attr-defined]
    for picture in drawn.golden().pixels:
        for _ in range(20):
            writer.write(np.ascontiguousarray(picture[..., ::-1]))
    writer.release()
    return file


@contextmanager
def running(drawn: Bundle, *arguments: str | Path, **environment: str) -> Iterator["subprocess.Popen[str]"]:
    """The command while it runs."""
    command = [sys.executable, "-m", "tlpipe_edge", "camera", str(drawn.path), *map(str, arguments)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ | environment
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def stopped(process: "subprocess.Popen[str]", ending: signal.Signals) -> str:
    """Tell it to stop; gives what it printed on stderr."""
    process.send_signal(ending)
    _, said = process.communicate(timeout=20)  # OpenCV gives up a stream that does not answer after 30
    assert process.returncode == 0 and "Traceback" not in said, said
    return said


def children(process: int) -> list[int]:
    return [int(pid) for pid in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


def test_a_json_line_for_each_answer_until_the_end_of_the_video(drawn: Bundle, video: Path) -> None:
    with running(drawn, "--source", video, "--json", "--smoothing", "0") as process:
        out, said = process.communicate(timeout=60)

    assert process.returncode == 0 and said == ""
    answers = [json.loads(line) for line in out.splitlines()]
    assert len(answers) > 10
    for answer in answers:
        assert list(answer)[:4] == ["schema", "time", "label", "score"]
        assert set(answer["timings_ms"]) == {"resize", "invoke", "total"}
        assert answer["label"] in (answer["top_k"][0]["label"], "unknown")
    assert len(answers) + answers[-1]["dropped"] == 120
    labels = {answer["label"] for answer in answers}
    assert labels - {"unknown"} <= set(drawn.manifest.labels) and len(labels) > 1


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_when_told_and_releases_the_camera(ending: signal.Signals, drawn: Bundle, video: Path) -> None:
    with running(drawn, "--source", video, "--loop") as process:
        assert process.stdout
        line = process.stdout.readline()
        assert re.fullmatch(r".+ \d\.\d\d  \(\d+\.\d ms, \d+\.\d frames/s, \d+ dropped\)\n", line), line
        (capture,) = children(process.pid)
        stopped(process, ending)
        assert not Path(f"/proc/{capture}").exists()


def test_it_stops_while_a_camera_does_not_answer(drawn: Bundle) -> None:
    silent = socket.create_server(("127.0.0.1", 0))
    address = f"http://127.0.0.1:{silent.getsockname()[1]}/"
    with silent, running(drawn, "--source", address) as process:
        connection, _ = silent.accept()
        with connection:
            stopped(process, signal.SIGTERM)


def test_an_absent_camera_is_an_outage_that_systemd_hears_of(drawn: Bundle, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(60)
        with running(drawn, "--source", "97", NOTIFY_SOCKET=str(tmp_path / "notify")) as process:
            heard = systemd.recv(1000).decode()
            assert heard.startswith("READY=1\nWATCHDOG=1\nSTATUS=camera 97: cannot be opened")
            assert "WATCHDOG=1" in systemd.recv(1000).decode()  # the next attempt
            said = stopped(process, signal.SIGTERM)
        assert systemd.recv(1000) == b"STOPPING=1"
    assert said.startswith("outage: camera 97: cannot be opened; attempt 2 in 1 s\n")


def in_a_terminal(arguments: list[str], environment: dict[str, str], *, until: str) -> tuple[int, str]:
    """The exit code of the program and what it says there; it is stopped when that is ``until``."""
    ours, terminal = pty.openpty()
    with subprocess.Popen(arguments, stdin=terminal, stderr=terminal, env=os.environ | environment) as process:
        os.close(terminal)
        said = ""
        try:
            while until not in said or not said.endswith("\n"):
                said += os.read(ours, 1000).decode()
        except OSError:  # the terminal is closed: the program has ended
            pass
        if until in said:
            process.terminate()
        code = process.wait(20)
    os.close(ours)
    return code, said


@pytest.mark.parametrize("service", [False, True])
def test_without_a_camera_it_ends_in_a_terminal_and_goes_on_as_a_service(
    drawn: Bundle, tmp_path: Path, service: bool
) -> None:
    command = [sys.executable, "-m", "tlpipe_edge", "camera", str(drawn.path), "--source", "97"]
    socket_name = {"NOTIFY_SOCKET": str(tmp_path / "notify")} if service else {}
    code, said = in_a_terminal(command, socket_name, until="outage: ")

    lines = said.splitlines()
    if service:
        assert code == 0 and lines[0] == "outage: camera 97: cannot be opened; attempt 2 in 1 s"
    else:
        assert code == 69 and lines == [
            "error: camera 97: cannot be opened",
            "Plug it in, close other programs that use it, and run tlpipe-edge doctor.",
        ]


def test_the_doctor_is_not_named_for_a_stream(drawn: Bundle) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # and does not listen
        address = f"rtsp://127.0.0.1:{nobody.getsockname()[1]}"
        command = [sys.executable, "-m", "tlpipe_edge", "camera", str(drawn.path), "--source", address]
        code, said = in_a_terminal(command, {}, until="outage: ")

    assert code == 69 and said.splitlines() == [
        f"error: camera {address}: cannot be opened",
        "Check its address, and its login.",
    ]


def test_the_live_page_is_there(drawn: Bundle, video: Path) -> None:
    with running(drawn, "--source", video, "--loop", "--preview", "0") as process:
        assert process.stderr and process.stdout
        url = process.stderr.readline().removeprefix("live page: ").strip()
        process.stdout.readline()
        with urllib.request.urlopen(url, timeout=10) as page:
            assert b"<title>" in page.read()
        with urllib.request.urlopen(f"{url}events", timeout=10) as events:
            states = (json.loads(line.removeprefix(b"data: ")) for line in events if line.startswith(b"data: "))
            state = next(state for state in states if state["answer"])  # a line is printed before it is on the page
        assert state["outage"] is None and state["answer"]["best"]
        stopped(process, signal.SIGTERM)


def test_quiet_leaves_the_address_of_the_live_page_out(drawn: Bundle, video: Path) -> None:
    with running(drawn, "--source", video, "--preview", "0", "--quiet") as process:
        _, said = process.communicate(timeout=60)

    assert (process.returncode, said) == (0, "")


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--source", "gone.avi"), 66, "error: gone.avi: no such camera, file or folder\n"),
        (("--source", "gone.avi", "--preview", "0.0.0.0:0"), 2, "other machines can reach this address"),
        (("--threshold", "2"), 2, "--threshold"),
        (("--recipe", "float32"), 2, "It holds int8."),
    ],
)
def test_a_users_error_is_said_in_two_lines(arguments: tuple[str, ...], code: int, said: str, drawn: Bundle) -> None:
    with running(drawn, *arguments) as process:
        out, errors = process.communicate(timeout=60)

    assert process.returncode == code and out == ""
    assert said in errors and "Traceback" not in errors


def test_the_example_tells_when_the_label_changes(drawn: Bundle, video: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(EXAMPLE), str(drawn.path), str(video)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    labels = [line.rpartition(" (")[0] for line in done.stdout.splitlines()]
    assert len(labels) > 1 and all(one != other for one, other in itertools.pairwise(labels))
    assert len(EXAMPLE.read_text().splitlines()) <= 40
