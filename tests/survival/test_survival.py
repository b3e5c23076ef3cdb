"""Commands that are killed where they change files, or whose calls fail there: nothing is lost, and they say so.

The short version: a few calls of most commands, chosen by ``SEED``. `make torture` tries many, and random moments; and
tests/pipeline/storage/test_killed.py kills the writers of storage at each of their steps, without the commands.
"""

import random
from collections.abc import Callable, Collection
from errno import EACCES, EIO, ENOSPC

import pytest
from commands import COMMANDS, Command
from interposed import ALL, Kind, Plan
from trials import FAULTS, KILLED, Reference, Trial, attempt, fault_at, reference
from workspace import Workspace

SEED = 5
EACH = 1000
"""More calls than a command of a second has."""
KILLS = {
    "train --overwrite": 0,
    "train ARCHIVE": 1,
    "finetune --overwrite": 0,
    "adopt": 1,
    "export --overwrite": 1,
    "evaluate": 3,
    "explain": 1,
    "score": 10,
    "report --overwrite": EACH,
    "report --against": 1,
    "classify": EACH,
}
"""How many calls of a command are tried; where there is an old result, the last one that renames comes to these."""
FAILING = {
    "train": (ENOSPC,),
    "finetune --overwrite": (EIO,),
    "adopt": (EACCES,),
    "export --overwrite": (ENOSPC, EIO),
    "evaluate": (ENOSPC, EIO, EACCES),
    "explain": (ENOSPC,),
    "score": 3 * (ENOSPC, EIO, EACCES),
    "report --overwrite": 4 * (ENOSPC, EIO, EACCES),
    "report --against": (ENOSPC, EIO, EACCES),
    "classify": (ENOSPC, EIO, EACCES),
    "store a folder": 3 * (ENOSPC, EIO, EACCES),
    "store together": 3 * (ENOSPC, EIO, EACCES),
}
"""By which faults calls fail; those that take long share the faults among them."""

Undisturbed = Callable[[Command], Reference]


def among(names: Collection[str]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(
        "command", [each for each in COMMANDS if each.name in names], ids=lambda each: each.name
    )


@pytest.fixture(scope="module")
def undisturbed(workspace: Workspace) -> Undisturbed:
    """The command's reference, made once."""
    made: dict[str, Reference] = {}

    def of(command: Command) -> Reference:
        if command.name not in made:
            made[command.name] = reference(workspace, command)
        return made[command.name]

    return of


def expect(wrong: dict[Trial, list[str]]) -> None:
    found = [f"{trial}: {fault}" for trial, faults in wrong.items() for fault in faults]
    if found:
        pytest.fail("\n".join(found), pytrace=False)


@among(KILLS)
def test_a_killed_command_damages_nothing_and_succeeds_again(
    workspace: Workspace, undisturbed: Undisturbed, command: Command
) -> None:
    expected, random_ = undisturbed(command), random.Random(SEED)
    numbers = expected.numbers(ALL)
    chosen = set(random_.sample(numbers, min(KILLS[command.name], len(numbers))))
    if expected.old:
        chosen.add(expected.numbers(Kind.RENAME)[-1])
    trials = [attempt(workspace, command, expected, Plan(at=at)) for at in sorted(chosen)]

    expect({trial: trial.faults for trial in trials})
    assert all(trial.code == KILLED or not trial.hit for trial in trials)


@among(FAILING)
def test_a_failing_call_is_told_and_damages_nothing(
    workspace: Workspace, undisturbed: Undisturbed, command: Command
) -> None:
    expected, random_ = undisturbed(command), random.Random(SEED)
    plans = [fault_at(expected, FAULTS[code], random_) for code in FAILING[command.name]]
    trials = [attempt(workspace, command, expected, plan, again=False) for plan in plans]

    expect({trial: trial.after_fault for trial in trials})
    assert {trial.plan.fault for trial in trials if trial.hit} == {*FAILING[command.name]}
