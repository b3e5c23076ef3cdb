"""Tables for a terminal, and bounds of accuracy in words."""

import pytest
from rich.cells import cell_len

from tlpipe_edge.console.text import at_most_worse, most_points, table

ROWS = [("드레스", "1.5 MB", "3.2 ms"), ("長袖シャツ (invalid)", "10.25 MB", ""), ("[red]x", "-", "12.25 ms")]


def test_columns_stand_below_each_other_in_every_script() -> None:
    header, *lines = table(("", "size", "p50"), ROWS).splitlines()

    ends = {cell_len(line[: line.index(row[1]) + len(row[1])]) for line, row in zip(lines, ROWS, strict=True)}
    assert ends == {cell_len(header[: header.index("size") + 4])}
    assert [line.startswith(row[0]) for line, row in zip(lines, ROWS, strict=True)] == [True] * 3
    assert not any(line.endswith(" ") for line in lines)


def test_what_comes_from_outside_is_inert_and_nothing_is_cut() -> None:
    drawn = table(("", "file"), [("\x1b[31mred", "x" * 500)])

    assert "\\x1b[31mred" in drawn and "x" * 500 in drawn


@pytest.mark.parametrize(
    ("drop", "points", "words"),
    [
        (0.0081, 0.9, "at most 0.9 points worse"),
        (0.008, 0.8, "at most 0.8 points worse"),
        (0.0, 0.0, "not worse"),
        (-0.0004, 0.0, "not worse"),
        (-0.0179, -1.7, "at least 1.7 points better"),
        (1.0, 100.0, "at most 100.0 points worse"),
    ],
)
def test_a_bound_that_is_rounded_is_still_a_bound(drop: float, points: float, words: str) -> None:
    assert most_points(drop) == points and at_most_worse(drop) == words
