"""What is printed to stderr, by verbosity, and what a terminal shows."""

import pytest
from terminal import on_a_terminal

from tlpipe_edge.console import progress
from tlpipe_edge.console.progress import time_left
from tlpipe_edge.console.verbosity import Verbosity, set_verbosity


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (Verbosity.QUIET, ["warning: careful"]),
        (Verbosity.NORMAL, ["", "Step", "line", "work (3)", "wait", "warning: careful"]),
        (Verbosity.VERBOSE, ["", "Step", "line", "detail", "work (3)", "wait", "warning: careful"]),
    ],
)
def test_what_is_said_follows_the_verbosity(
    wanted: Verbosity, said: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    set_verbosity(wanted)
    progress.heading("Step")
    progress.say("line")
    progress.detail("detail")
    assert list(progress.track([1, 2, 3], description="work")) == [1, 2, 3]
    with progress.waiting("wait", seconds=3):
        pass
    progress.warn("careful")
    assert capsys.readouterr().err.splitlines() == said


def test_the_time_left_counts_down_between_steps_and_never_below_zero() -> None:
    def left(**given: float | None) -> float | None:
        known: dict[str, float | None] = {"total": None, "speed": None, "seconds": None}
        return time_left(**(known | {"elapsed": 0.0, "since": 0.0, "done": 0.0} | given))  # type: ignore[arg-type]

    assert left(total=10, elapsed=5) is None
    assert left(total=10, elapsed=5, seconds=20) == 15
    assert left(elapsed=25, seconds=20) == 0
    assert left(total=10, done=2, elapsed=4, since=0) == 16
    assert left(total=10, done=2, elapsed=7, since=3) == 13
    assert left(total=10, done=2, elapsed=4, since=0, speed=4) == 2, "the latest steps are faster than the first"
    assert left(total=10, done=10, elapsed=9, since=1) == 0


TIMED = """
import time
from tlpipe_edge.console import progress

with progress.parts("timing", seconds=10):
    progress.part("first", seconds=4)
    time.sleep(0.5)  # in which a live bar would be drawn five times
    progress.part("second", seconds=6)
"""


def test_the_bar_of_what_is_timed_is_drawn_between_its_parts_only() -> None:
    written = on_a_terminal(TIMED)
    assert written.count("timing: first") == 1 and "timing: second" in written


def test_without_a_terminal_each_part_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    with progress.parts("timing", seconds=10):
        progress.part("first", seconds=4)
    assert capsys.readouterr().err == "timing\n  first, 4 s\n"
