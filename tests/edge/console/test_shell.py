"""Commands that people copy work from the working folder, also if the environment is not activated."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tlpipe_edge.console import shell


@pytest.mark.parametrize("activated", [True, False])
def test_a_program_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, activated: bool) -> None:
    environment = tmp_path / "my env"
    environment.mkdir()
    (environment / "tlpipe").write_text("#!/bin/sh\necho found")
    (environment / "tlpipe").chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(environment / "python"))
    monkeypatch.setenv("PATH", f"{environment}{os.pathsep}{os.defpath}" if activated else os.defpath)
    monkeypatch.chdir(tmp_path)
    program = shell.program("tlpipe")

    assert program == ("tlpipe" if activated else "'my env/tlpipe'")
    assert subprocess.run(program, shell=True, capture_output=True, text=True, check=True).stdout == "found\n"


def test_a_path_is_one_word_and_as_short_as_possible(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for path in (tmp_path / "runs/it's mine", tmp_path.parent / "beside", Path("/"), Path("runs/few")):
        (found,) = shlex.split(shell.word(path))
        assert Path(found).resolve() == path.resolve() and len(found) <= len(str(path))
