"""The help of the device's command, its versions and its completion."""

import platform
import subprocess
import sys
from collections.abc import Callable

import pytest

from tlpipe_edge.machine.versions import versions

Command = Callable[..., "subprocess.CompletedProcess[str]"]
COMMANDS = ("classify", "info", "camera", "bench", "doctor")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_help_shows_an_example(tlpipe_edge: Command, command: str) -> None:
    done = tlpipe_edge(command, "--help")

    assert done.returncode == 0 and f"Example: tlpipe-edge {command}" in done.stdout


@pytest.mark.parametrize("command", [(), ("classify",), ("bench",)])
def test_h_is_help(tlpipe_edge: Command, command: tuple[str, ...]) -> None:
    assert tlpipe_edge(*command, "-h").stdout == tlpipe_edge(*command, "--help").stdout != ""


def test_version_names_python_and_the_runtimes(tlpipe_edge: Command) -> None:
    done = tlpipe_edge("--version")
    runtimes = versions(("ai-edge-litert", "tflite-runtime"))
    named = "".join(f", {name} {version}" for name, version in runtimes.items())
    own = versions(("tlpipe-edge",))["tlpipe-edge"]

    assert runtimes and done.returncode == 0
    assert done.stdout == f"tlpipe-edge {own} (Python {platform.python_version()}{named})\n"


@pytest.mark.parametrize(
    ("words", "completed"),
    [("tlpipe-edge c", {"classify", "camera"}), ("tlpipe-edge camera --thres", {"--threshold"})],
)
def test_a_shell_completes_commands_and_options(
    monkeypatch: pytest.MonkeyPatch, words: str, completed: set[str]
) -> None:
    """What the script of ``--install-completion`` asks when the user presses the tabulator."""
    monkeypatch.setenv("_TLPIPE_EDGE_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", str(len(words.split()) - 1))
    program = "import sys; from tlpipe_edge.cli.commands import main; sys.argv = ['tlpipe-edge']; main()"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False)

    assert (done.returncode, set(done.stdout.split())) == (0, completed)
