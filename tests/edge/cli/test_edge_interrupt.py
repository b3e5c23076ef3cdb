"""Ctrl-C while the device's command is starting."""

import subprocess
import sys
from pathlib import Path

import interrupting
import pytest
import typer

from tlpipe_edge.cli import commands

PROJECT = Path(__file__).parents[3] / "edge/pyproject.toml"


@pytest.mark.parametrize("interrupt", [interrupting.PLAIN, interrupting.SWALLOWED])
@pytest.mark.parametrize("command", [["-m", "tlpipe_edge"], interrupting.entry(PROJECT, "tlpipe-edge")])
def test_an_interrupt_while_modules_are_imported_is_one_line(
    tmp_path: Path, command: list[str], interrupt: str
) -> None:
    done = interrupting.interrupted([*command, "info"], tmp_path, interrupt)

    assert (done.returncode, done.stdout, done.stderr) == (130, "", "warning: interrupted.\n")


def test_an_interrupt_without_stderr_ends_the_program(tmp_path: Path) -> None:
    program = "import os; os.close(2); from tlpipe_edge.__main__ import main; main()"
    done = interrupting.interrupted(["-c", program, "info"], tmp_path, interrupting.PLAIN)

    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


def test_an_interrupt_before_the_command_line_is_read_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(typer.main, "get_command", interrupt)
    with pytest.raises(SystemExit) as ended:
        commands.main()

    assert ended.value.code == 130 and capsys.readouterr() == ("", "warning: interrupted.\n")


def test_it_runs_in_a_thread_of_another_program() -> None:
    """Which cannot set handlers of signals."""
    program = """
import sys, threading
from tlpipe_edge.__main__ import main
sys.argv = ["tlpipe-edge", "--version"]
thread = threading.Thread(target=main)
thread.start()
thread.join()
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False)

    assert done.returncode == 0 and done.stdout.startswith("tlpipe-edge ") and done.stderr == ""
