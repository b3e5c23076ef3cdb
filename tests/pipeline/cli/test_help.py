"""The help of the workstation's command, its versions and its completion."""

import platform
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import pytest

Command = Callable[..., Any]
COMMANDS = (
    *("train", "finetune", "export", "evaluate", "explain", "bench", "report", "run", "demo", "config", "adopt"),
    *("cache", "score", "web"),
)
PACKAGES = ("tensorflow", "keras", "ai-edge-litert")


HEAVY = {"tensorflow", "keras", "sklearn", "cv2", "numpy", "rich.progress", "tomli_w"}


def test_help_does_not_wait_for_what_only_commands_need(in_a_process: Command) -> None:
    done = in_a_process(
        "import atexit, sys; import tlpipe.cli.commands\n"
        f"atexit.register(lambda: print({HEAVY} & set(sys.modules)))\n"
        "sys.argv = ['tlpipe', '--help']; tlpipe.cli.commands.main()"
    )

    assert done.returncode == 0 and done.stdout.endswith("set()\n")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_help_shows_an_example(tlpipe: Command, command: str) -> None:
    done = tlpipe(command, "--help")

    assert done.code == 0 and f"Example: tlpipe {command}" in done.stdout


def test_the_help_itself_shows_an_example(tlpipe: Command) -> None:
    assert "Example: tlpipe run photos" in tlpipe("--help").stdout


@pytest.mark.parametrize("command", [(), *((each,) for each in COMMANDS)])
def test_h_is_help(tlpipe: Command, command: tuple[str, ...]) -> None:
    assert tlpipe(*command, "-h") == tlpipe(*command, "--help")


def test_options_are_in_groups(tlpipe: Command) -> None:
    lines = tlpipe("train", "--help").stdout.splitlines()
    titles = [line.strip("╭─╮ ") for line in lines if line.startswith("╭")]

    assert titles == ["Arguments", "Options", "Output", "Network", "Images", "Training"]


def test_version_names_python_and_the_packages_that_matter(tlpipe: Command) -> None:
    done = tlpipe("--version")
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)

    assert done.code == 0
    assert done.stdout == f"tlpipe {version('tlpipe')} (Python {platform.python_version()}, {packages})\n"


@pytest.mark.parametrize(
    ("words", "completed"),
    [("tlpipe e", {"export", "evaluate", "explain"}), ("tlpipe train --le", {"--learning-rate"})],
)
def test_a_shell_completes_commands_and_options(
    in_a_process: Command, monkeypatch: pytest.MonkeyPatch, words: str, completed: set[str]
) -> None:
    """What the script of ``--install-completion`` asks when the user presses the tabulator."""
    monkeypatch.setenv("_TLPIPE_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", str(len(words.split()) - 1))
    done = in_a_process("import sys; from tlpipe.cli.commands import main; sys.argv = ['tlpipe']; main()")

    assert (done.returncode, set(done.stdout.split())) == (0, completed)
