"""`tlpipe score` that is killed ten times, each time at another call, has the rows of an undisturbed one."""

import random

from commands import Command
from interposed import Kind, Plan
from trials import KILLED
from workspace import Workspace

REPEATED = 20
"""How often a list names the pictures: more rows than are saved, one for each kill."""
KILLS = 10
SEED = 7
BEFORE = 12
"""How many calls before the first save is done a command that continues has said so, and has not saved yet."""


def test_ten_kills_lose_no_row_and_write_none_twice(workspace: Workspace) -> None:
    """How long saves wait for each other depends on the disk. But the first row is always saved, and the last, so the
    calls up to the end of the second save are the same on any disk, and the kills are among them."""

    def score(out: str) -> Command:
        return Command("score", ("score", "exported/drawn", "../data/list.txt", "../data/photos", "--out", out), out)

    command = score("scores.csv")
    workspace.restore(command)
    files = sorted((workspace.root / "data/photos").rglob("*.*"))
    (workspace.root / "data/list.txt").write_text("".join(f"{file}\n" for file in files) * REPEATED)
    undisturbed = workspace.run(score("undisturbed.csv"))
    assert undisturbed.ended.code == 0, undisturbed.stderr
    _, saved, *_ = (number for number, kind in enumerate(undisturbed.ended.calls, 1) if kind == Kind.RENAME)
    later = random.Random(SEED).sample(range(saved - BEFORE, saved + 1), KILLS - 1)
    kills = [workspace.run(command, Plan(at=number)) for number in (saved + 1, *later)]
    last = workspace.run(command)

    continued = [each.stderr.count("continuing the unfinished scores.csv after ") for each in (*kills, last)]
    assert [each.ended.code for each in kills] == [KILLED] * KILLS
    assert last.ended.code == 0, last.stderr
    assert continued == [0] + [1] * KILLS, [(each.ended.hit, each.stderr) for each in kills]
    rows = (workspace.work / "scores.csv").read_bytes()
    assert rows == (workspace.work / "undisturbed.csv").read_bytes()
    assert rows.count(b"\n") == 1 + len(files) * (REPEATED + 1)
    assert [each.name for each in workspace.work.iterdir() if each.name.startswith(".")] == []
