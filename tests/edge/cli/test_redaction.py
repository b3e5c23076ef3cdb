"""What a source or the token of the live page may hold is in no output, whatever the shape of the URL."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from tlpipe_edge import Bundle
from tlpipe_edge.camera import address, sources
from tlpipe_edge.camera.capture import Capture
from tlpipe_edge.cli.redaction import redact
from tlpipe_edge.errors import MissingInput, TlpipeError, Unavailable, WrongUsage

SECRETS = ("secret", "ret1", "owner", "word")
"""What no output may have; in lower case. In the URLs, each user is owner, and each password has some of the others."""

HOST = "127.0.0.1:1"
URLS = {
    f"rtsp://owner:Secret1@{HOST}/live": f"rtsp://{HOST}",
    f"RTSP://owner:Secret1@{HOST}/live": f"rtsp://{HOST}",
    f"http://owner:Secret1@{HOST}": f"http://{HOST}",
    f"rtsp://{HOST}/user=owner&password=Secret1&channel=1&stream=0.sdp": f"rtsp://{HOST}",
    f"rtsp://{HOST}/user=owner_password=Secret1_channel=1_stream=0.sdp?real_stream": f"rtsp://{HOST}",
    f"rtsp://{HOST}/live/owner/Secret1/": f"rtsp://{HOST}",
    f"http://{HOST}/cgi-bin/api.cgi?cmd=Snap&user=owner&password=Secret1#Secret1": f"http://{HOST}",
    f"http://{HOST}?token=Secret1": f"http://{HOST}",
    f"rtsp://owner:Sec/ret1@{HOST}/live": "rtsp://...",
    f"rtsp://owner:Sec?ret1@{HOST}/live": "rtsp://...",
    f"rtsp://owner:Sec#ret1@{HOST}/live": "rtsp://...",
    f"rtsp://owner:Sec\\ret1@{HOST}/live": "rtsp://...",
    f"rtsp://owner:Sec[ret1@{HOST}/live": f"rtsp://{HOST}",
    f"rtsp://owner:Sec]ret1@{HOST}/live": f"rtsp://{HOST}",
    f"rtsp://owner:Sec@ret1@{HOST}/live": f"rtsp://{HOST}",
    f"rtsp://owner:Sec@pass/ret1@{HOST}/live": "rtsp://...",
    f"rtsp://owner:Sec:ret1@{HOST}/live": f"rtsp://{HOST}",
    f"rtsp://owner:Sec ret1@{HOST}/live": f"rtsp://{HOST}",
    f"rtsp://owner:Sec%2Fret1%40@{HOST}/live": f"rtsp://{HOST}",
    f"rtsp://owner%3ASecret1%40{HOST}/live": "rtsp://...",
    f"rtsp://{HOST}/user=owner&password=Sec@ret1": "rtsp://...",
    "rtsp://owner:Secret1@[::1]:1/live": "rtsp://[::1]:1",
    "rtsp://[::1]/owner/Secret1": "rtsp://[::1]",
    "rtsp://owner:Secret1@[fe80::1%25eth0]:1/live": "rtsp://...",
    "rtsp://owner:Secret1@camera.local:8554/live": "rtsp://camera.local:8554",
    "rtsp://owner:Secret1@127.0.0.1:wrong/live": "rtsp://...",
    "rtsp://owner:Secret1/live": "rtsp://...",
    "rtsp://owner:Secret1": "rtsp://...",
    "rtsp://owner:Sec@ret1": "rtsp://...",
    f"rtsp://rtsp://owner:Secret1@{HOST}/live": "rtsp://...",
    f"owner://owner:Secret1@{HOST}/live": "URL",
    f"owner:Sec://ret1@{HOST}/live": "URL",
    "rtsp://": "rtsp://...",
    "rtsp://[": "rtsp://...",
    f" rtsp://owner:Secret1@{HOST}/live": f"rtsp://{HOST}",
}
NO_URLS = {
    f"rtsp:owner:Secret1@{HOST}": "rtsp:...",
    f"rtsp:/owner:Secret1@{HOST}/live": "rtsp:...",
    f"owner:Secret1@{HOST}/live": "source",
    f"owner:Secret1@{HOST}": "source",
    f"{HOST}/user=owner&password=Secret1": "source",
    "192.0.2.1/live/owner/Secret1/": "192.0.2.1",
    "gone.avi": "gone.avi",
    "gone/owner.avi": "gone",
}
"""Without ``://`` a source is a file."""


def assert_no_secrets(text: str) -> None:
    assert not [secret for secret in SECRETS if secret in text.lower()], text


@pytest.mark.parametrize(("source", "shown"), (URLS | NO_URLS).items())
def test_of_a_source_the_scheme_and_the_host_are_shown(source: str, shown: str) -> None:
    assert address.shown(source) == shown
    assert_no_secrets(shown)


@pytest.mark.parametrize("source", ["0", "/dev/video0", "picamera2", "pyproject.toml", "docs", "/"])
def test_a_camera_and_a_file_are_shown_as_they_are(source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path(__file__).parents[3])

    assert address.shown(source) == source


@pytest.mark.parametrize("source", URLS | NO_URLS)
def test_an_error_of_a_source_has_no_secrets(source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENCV_FFMPEG_CAPTURE_OPTIONS", "timeout;1000000")
    if "local" in source or ("://" in source and HOST not in source):
        monkeypatch.setattr(sources.cv2, "VideoCapture", lambda _: _Closed())  # no search for hosts
    with pytest.raises((Unavailable, MissingInput, WrongUsage)) as caught:
        next(sources.read(source))

    assert_no_secrets(f"{caught.value} {caught.value!r} {caught.value.__cause__!r}")


class _Closed:
    def isOpened(self) -> bool:
        return False

    def set(self, *_: object) -> None: ...

    def release(self) -> None: ...


@pytest.mark.usefixtures("importable_cameras")
def test_the_source_is_neither_on_a_command_line_nor_in_the_error_of_a_driver() -> None:
    with Capture(f"rtsp://owner:Secret1@{HOST}/", reader="cameras:telling") as source:
        source.frame(5)
        assert_no_secrets(Path(f"/proc/{source._process.pid}/cmdline").read_text())
        with pytest.raises(Unavailable, match="RuntimeError") as caught:
            source.frame(5)
    assert_no_secrets(str(caught.value))


RUN = (
    f"rtsp://{HOST}/user=owner&password=Secret1&channel=1&stream=0.sdp",
    f"rtsp://owner:Sec/ret1@{HOST}/live",
    f"HTTP://owner:Sec[ret1@{HOST}/live?token=Secret1",
    f"srt://owner:Secret1@{HOST}/live",
)


@pytest.mark.parametrize("as_argument", [True, False])
@pytest.mark.parametrize("source", RUN)
def test_nothing_that_the_command_gives_away_has_secrets(
    source: str, as_argument: bool, drawn: Bundle, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "tlpipe_edge", "camera", str(drawn.path), "--json", "--preview", "0", "-v"]
    environment = os.environ | {"NOTIFY_SOCKET": str(tmp_path / "notify"), "TLPIPE_PREVIEW_TOKEN": "Secret1"}
    if as_argument:
        command += ["--source", source]
    else:
        environment["TLPIPE_CAMERA_SOURCE"] = source
    with contextlib.ExitStack() as stack:
        systemd = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(60)
        process = stack.enter_context(
            subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
        )
        assert process.stderr
        said = process.stderr.readline()
        page = said.removeprefix("live page: ").partition("?")[0]
        told = systemd.recv(1000).decode()
        with urllib.request.urlopen(f"{page}events?token=Secret1", timeout=10) as events:
            states = (json.loads(line.removeprefix(b"data: ")) for line in events if line.startswith(b"data: "))
            told += next(state["outage"] for state in states if state["outage"])
        if not as_argument:
            lines = [Path(f"/proc/{each}/cmdline").read_text() for each in (process.pid, *children(process.pid))]
            assert_no_secrets("\n".join(lines))
        process.terminate()
        output, errors = process.communicate(timeout=20)

    assert "outage: camera " in errors and "STATUS=camera " in told
    assert_no_secrets(said + errors + output + told)


def children(process: int) -> list[int]:
    return [int(pid) for pid in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


@pytest.mark.parametrize(
    "arguments",
    [
        ["camera", "BUNDLE", f"rtsp://owner:Secret1@{HOST}/live"],
        ["camera", f"rtsp://owner:Secret1@{HOST}/live"],
        ["camera", f"owner:Secret1@{HOST}", "-v"],
        ["camera", "BUNDLE", f"--source=rtsp://owner:Secret1@{HOST}/live", "--threshold", "2"],
        ["camera", "BUNDLE", "--source", "rtsp://owner:my", f"Secret1@{HOST}/live"],
        ["camera", "BUNDLE", "--token", "my", "Secret1", "-v"],
        ["camera", "BUNDLE", "--token", "a Secret1", "--preview", "0"],
        ["camera", "BUNDLE", "--mqtt", f"mqtt://owner:Sec/ret1@{HOST}"],
        ["camera", "BUNDLE", f"--mqtt=mqtt:owner:Secret1@{HOST}", "-v"],
        ["camera", "BUNDLE", "--mqtt", "mqtt://owner:my", f"Secret1@{HOST}"],
        ["camera", "BUNDLE", f"mqtts://owner:Secret1@{HOST}"],
        ["camera", "BUNDLE", "--source", f"rtsp:owner:Secret1@{HOST}"],
        [f"rtsp://owner:Secret1@{HOST}/live"],
        ["classify", "BUNDLE", f"--source=rtsp://owner:Secret1@{HOST}/live"],
        ["info", f"http://owner:Secret1@{HOST}/live"],
        ["info", "s3://owner/Secret1", "-v"],
        ["classify", "BUNDLE", "1.jpg", f"https://owner:Secret1@{HOST}/1.jpg"],
        ["bench", "BUNDLE", "--data", f"https://owner:Secret1@{HOST}/1.zip", "-v"],
        ["camera", "BUNDLE", "--source", f"owner://owner:Secret1@{HOST}/live"],
    ],
)
def test_no_error_repeats_a_url_or_a_token(arguments: list[str], drawn: Bundle) -> None:
    filled = [str(drawn.path) if each == "BUNDLE" else each for each in arguments]
    command = [sys.executable, "-m", "tlpipe_edge", *filled]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode in (2, 66) and "Traceback" not in done.stderr, done.stderr
    assert_no_secrets(done.stdout + done.stderr)


def test_other_errors_are_told_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["tlpipe-edge", "classify", "bundle", "me@home.jpg", "a:b.jpg"])

    told = str(TlpipeError("no such file me@home.jpg", "got unexpected extra argument (x)", where="a:b.jpg"))
    assert redact(told) == told
