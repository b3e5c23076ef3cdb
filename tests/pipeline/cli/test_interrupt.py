"""Ctrl-C while the workstation's command is starting, or reads its options."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import interrupting
import pytest

from tlpipe.cli import configuration

PROJECT = Path(__file__).parents[3] / "pyproject.toml"
TOLD = (130, "", "warning: interrupted.\n")
"""Exit code, stdout and stderr."""


@pytest.mark.parametrize("interrupt", [interrupting.PLAIN, interrupting.SWALLOWED])
@pytest.mark.parametrize("command", [["-m", "tlpipe"], interrupting.entry(PROJECT, "tlpipe")])
def test_an_interrupt_while_modules_are_imported_is_one_line(
    tmp_path: Path, command: list[str], interrupt: str
) -> None:
    done = interrupting.interrupted([*command, "train", "photos"], tmp_path, interrupt)

    assert (done.returncode, done.stdout, done.stderr) == TOLD


def test_an_interrupt_while_the_options_are_read_is_one_line(
    tlpipe: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(configuration, "read", interrupt)
    Path("tlpipe.toml").touch()
    done = tlpipe("train", "photos")

    assert (done.code, done.stdout, done.stderr) == TOLD
