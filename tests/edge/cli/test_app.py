"""How a command ends: the lines on stderr, the exit code, and nothing hostile on the terminal."""

import errno
import signal
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable
from pathlib import Path

import pytest

from tlpipe_edge import errors
from tlpipe_edge.cli import app
from tlpipe_edge.console.text import printable, table

CODES = {
    errors.GateNotMet: 1,
    errors.WrongUsage: 2,
    errors.BadData: 65,
    errors.MissingInput: 66,
    errors.Unavailable: 69,
    errors.TlpipeError: 70,
    errors.Busy: 75,
    errors.BadConfiguration: 78,
}


def raising(error: Exception) -> Callable[[], None]:
    def app() -> None:
        raise error

    return app


@pytest.mark.parametrize(("kind", "code"), CODES.items())
def test_an_error_is_two_lines_and_a_code(
    kind: type[errors.TlpipeError], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        app.run_program(raising(kind("photo.jpg: 0 bytes", "Replace it.")))

    assert ended.value.code == code
    assert capsys.readouterr() == ("", "error: photo.jpg: 0 bytes\nReplace it.\n")


def test_an_error_cannot_write_to_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        app.run_program(raising(errors.BadData("\x1b[2Jgone\u202e.jpg: 0 bytes\rfine", "Line\ntwo")))

    assert capsys.readouterr().err == "error: \\x1b[2Jgone\\u202e.jpg: 0 bytes\\rfine\nLine\\ntwo\n"


def test_a_full_disk_is_told_once(tmp_path: Path) -> None:
    """The archive is closed again when Python ends, and fails again."""
    program = """
import resource, sys, zipfile
from tlpipe_edge.cli import app

def write():
    archive = zipfile.ZipFile(sys.argv[1], "w")
    with archive.open("array", "w") as stream:
        stream.write(bytes(1_000_000))

resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, 1_000))
app.run_program(write)
"""
    command = [sys.executable, "-c", program, tmp_path / "scores.npz"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 69
    assert done.stderr.splitlines()[0].startswith("error: ") and "File too large" in done.stderr
    assert done.stderr.splitlines()[1:] == ["Free some space, or name another path."]


@pytest.mark.parametrize(
    ("number", "advice"),
    [
        (errno.ENOSPC, "Free some space, or name another path."),
        (errno.EFBIG, "Free some space, or name another path."),
        (errno.EACCES, "Change its permissions, or name another path."),
        (errno.EPERM, "Change its permissions, or name another path."),
        (errno.ENOTDIR, "Name another path."),
        (errno.EBUSY, "Name another path."),
    ],
)
def test_a_disk_that_fails_is_unavailable(number: int, advice: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        app.run_program(raising(OSError(number, "No room", "/disk/run")))

    assert ended.value.code == 69
    assert capsys.readouterr().err == f"error: /disk/run: No room\n{advice}\n"


@pytest.mark.parametrize("fault", [OSError(errno.EBADF, "our fault"), ZeroDivisionError("our fault")])
def test_a_fault_of_ours_is_not_hidden(fault: Exception, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        app.run_program(raising(fault))

    assert ended.value.code == 70
    error = capsys.readouterr().err
    assert "Traceback" in error and "our fault" in error


def test_a_reader_that_goes_away_is_no_error() -> None:
    program = "from tlpipe_edge.cli.app import run_program\n"
    program += "run_program(lambda: [print('x' * 99, flush=True) for _ in range(9999)])"
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout and process.stderr
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait(60) == 0


def test_the_causes_of_an_error_are_shown_with_verbose(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text("{")

    def said(*options: str) -> str:
        command = [sys.executable, "-m", "tlpipe_edge", "info", str(tmp_path), *options]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 65 and done.stdout == ""
        return done.stderr

    assert len(said().splitlines()) <= 2
    assert said("-v").startswith(said()) and "caused by " in said("-v").splitlines()[-1]


def test_an_interrupt_that_python_swallows_comes_again() -> None:
    class Thing:
        pass

    def interrupted(_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # which a shell's background job ignores
    try:
        thing = Thing()
        reference = weakref.ref(thing, interrupted)
        with pytest.raises(KeyboardInterrupt), app._interrupted_again():
            del thing
            assert reference() is None
            threading.Event().wait(30)
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_path_that_is_not_unicode_can_be_printed() -> None:
    program = (
        "import os\nfrom tlpipe_edge.cli.app import run_program\nrun_program(lambda: print(os.fsdecode(b'caf\\xe9')))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout, done.stderr) == (0, "caf\\udce9\n", "")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x07", "\\x1b[31mred\\x07"),
        ("a\u202egpj.exe", "a\\u202egpj.exe"),
        ("two\nlines\u2028three", "two\\nlines\\u2028three"),
        ("\udcff.jpg", "\\udcff.jpg"),
        ("Größe 猫 🐈 हिन्दी", "Größe 猫 🐈 हिन्दी"),
    ],
)
def test_what_controls_a_terminal_is_shown_and_letters_pass(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_a_table_lines_up_and_stays_one_line_a_row() -> None:
    assert table(("", "top-1"), [("a\nb", "1.0 %"), ("c", "99.0 %")]) == ("       top-1\na\\nb   1.0 %\nc     99.0 %")
