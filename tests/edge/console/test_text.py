"""Tables for a terminal, and bounds of accuracy in words."""

import subprocess
import sys

import pytest
from rich.cells import cell_len
from terminal import on_a_terminal

from tlpipe_edge.console.text import at_most_worse, most_points, table, wrapped

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


WIDE = [(f"{name}-1", "4", *(f"{each}.00ms" for each in range(8))) for name in ("float32", "int8")]
TITLES = ("", "threads", *(f"figure-{each}" for each in range(8)))


@pytest.mark.parametrize("width", [30, 40, 80, 90])
def test_a_table_that_is_too_wide_is_folded_and_keeps_every_figure(width: int) -> None:
    whole, folded = table(TITLES, WIDE, keys=2), table(TITLES, WIDE, keys=2, width=width)

    assert max(map(cell_len, folded.splitlines())) <= width < max(map(cell_len, whole.splitlines()))
    (header, *rows), *others = ([line.split() for line in block.splitlines()] for block in folded.split("\n\n"))
    for more, *more_rows in others:
        header += more[1:]
        rows = [row + added[2:] for row, added in zip(rows, more_rows, strict=True)]
        assert more[0] == "threads" and [added[:2] for added in more_rows] == [row[:2] for row in rows]
    assert [header, *rows] == [line.split() for line in whole.splitlines()]


def test_a_table_that_fits_stays_as_it_is_and_one_without_room_is_not_cut() -> None:
    assert table(TITLES, WIDE, width=200) == table(TITLES, WIDE)
    name = "x" * 99
    folded = table(("", "a", "b"), [(name, "1", "2"), ("y", "", "3")], width=40)
    assert [line.split() for line in folded.splitlines()] == [["a"], [name, "1"], [], ["b"], [name, "2"], ["y", "3"]]


def test_a_row_without_figures_is_in_the_first_block() -> None:
    folded = table(("", "a", "b"), [("x" * 30, "1", "2"), ("y", "", "")], width=34)
    assert [line.split() for line in folded.splitlines()] == [["a"], ["x" * 30, "1"], ["y"], [], ["b"], ["x" * 30, "2"]]


@pytest.mark.parametrize(
    ("sentence", "lines"),
    [
        ("one two three", ["one two", "  three"]),
        ("a-long-word/of/a/path four", ["a-long-word/of/a/path", "  four"]),
        ("दाल चावल दा", ["दाल चावल दा"]),
        ("界界界 界界 x", ["界界界", "  界界 x"]),
        ("", [""]),
    ],
)
def test_a_sentence_is_wrapped_between_words_for_a_terminal_alone(sentence: str, lines: list[str]) -> None:
    assert wrapped(sentence, 9) == "\n".join(lines)
    assert wrapped(sentence, None) == sentence


def test_what_is_piped_is_as_wide_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "77")
    program = "from tlpipe_edge.console.text import terminal_width; print(terminal_width())"

    assert on_a_terminal(program).strip() == "77"
    piped = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert piped.stdout.strip() == "None"
