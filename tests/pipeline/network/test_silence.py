"""What a library prints is swallowed; a bar is drawn nevertheless."""

import os

import pytest
from terminal import on_a_terminal

from tlpipe.network.silence import silenced

PROGRAM = """
import os
from tlpipe.network.silence import silenced
from tlpipe_edge.console import progress

with progress.waiting("converting", seconds=60), silenced():
    os.write(2, b"chatter of a library")
    progress.say("drawn meanwhile")
progress.say("drawn afterwards")
"""


def test_a_bar_is_drawn_while_a_library_is_silenced() -> None:
    written = on_a_terminal(PROGRAM)
    assert "drawn meanwhile" in written and "drawn afterwards" in written and "chatter" not in written
    before, after = written.split("drawn meanwhile")
    assert "converting" in before and "converting" in after and "1:00 left" in written


def test_what_a_library_printed_is_shown_if_it_fails(capfd: pytest.CaptureFixture[str]) -> None:
    with silenced():
        os.write(2, b"chatter")
    assert capfd.readouterr().err == ""
    with pytest.raises(OSError), silenced():
        os.write(2, b"the cause")
        raise OSError
    assert capfd.readouterr().err == "the cause"
