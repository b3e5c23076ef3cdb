"""The long version of the tests in this folder: hundreds of kills at calls and at random moments, and failing calls.

    PYTHONPATH=tests:benchmarks python tests/survival/torture.py --kills 300 --faults 200

It prints each trial, and the exit code is 1 if anything went wrong. Each process has a workspace of its own, and takes
one command after the other. The table is stored in benchmarks/results/torture.json, with its conditions.
"""

import argparse
import dataclasses
import errno
import random
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import harness
import interposed
from commands import COMMANDS, Command
from interposed import ALL, Plan
from trials import FAULTS, KILLED, Trial, attempt, fault_at, reference
from workspace import IN_MEMORY, Workspace


@dataclass
class Row:
    """The trials of one command, and how many of them were hit; then how many found what is wrong."""

    calls: int
    trials: int = 0
    hit: int = 0
    states: dict[str, int] = field(default_factory=dict)
    damaged: int = 0
    neither_old_nor_new: int = 0
    survivors: int = 0
    not_started_again: int = 0
    leftovers: int = 0
    not_told: int = 0

    def add(self, trial: Trial, wrong: list[str], *, hit: bool) -> None:
        """Count one."""
        self.trials += 1
        self.hit += hit
        state = trial.state if trial.known else "neither"
        self.states[state] = self.states.get(state, 0) + 1
        begins = tuple(each.partition(":")[0] for each in wrong)
        self.damaged += "damaged" in begins
        self.neither_old_nor_new += "target" in begins
        self.survivors += "survivor" in begins
        self.not_started_again += "started again" in begins
        self.leftovers += "leftover" in begins
        self.not_told += "message" in begins


def main() -> None:
    """Try all commands in turn, and publish the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--faults", type=int, default=200)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--only", action="append", help="the name of a command; repeatable", metavar="COMMAND")
    parser.add_argument("--no-record", action="store_true", help="do not store the result")
    options = parser.parse_args()
    chosen = [each for each in COMMANDS if not options.only or each.name in options.only]
    print(f"seed {options.seed}", flush=True)
    torture = Torture(options.seed)
    with tempfile.TemporaryDirectory(prefix="tlpipe-survival-", dir=IN_MEMORY) as folder:
        library = interposed.built(Path(folder))
        if library is None:
            sys.exit("there is no C compiler: interposed.c cannot be built")
        left = [
            Share(
                command,
                *(number // len(chosen) + (place < number % len(chosen)) for number in (options.kills, options.faults)),
            )
            for place, command in enumerate(chosen)
        ]
        with ThreadPoolExecutor(options.processes) as pool:
            places = [Path(folder, str(number)) for number in range(options.processes)]
            for ended in [pool.submit(torture.work, place, library, left) for place in places]:
                ended.result()
    if not options.no_record:
        harness.publish("torture", {"seed": options.seed, **torture.document()})
    sys.exit(bool(torture.wrong))


@dataclass(frozen=True)
class Share:
    """How often a command is killed, and how often a call of it fails."""

    command: Command
    kills: int
    faults: int


class Torture:
    """The trials of all commands."""

    def __init__(self, seed: int) -> None:
        self.wrong: list[str] = []
        self._seed = seed
        self._rows: dict[str, dict[str, Row]] = {"kills": {}, "faults": {}}

    def work(self, folder: Path, library: Path, left: list[Share]) -> None:
        """Make a workspace, and take from what is ``left``, the last first, which takes longest."""
        folder.mkdir()
        workspace = Workspace(folder, library)
        while left:
            self._do(workspace, left.pop())
        workspace.close()

    def _do(self, workspace: Workspace, share: Share) -> None:
        """Kill the command at calls and after random times in turn, then let calls fail."""
        command, random_ = share.command, random.Random(f"{self._seed} {share.command.name}")
        undisturbed = reference(workspace, command)
        for rows in self._rows.values():
            rows[command.name] = Row(len(undisturbed.calls))
        for turn, at in enumerate(sorted(random_.choices(undisturbed.numbers(ALL), k=share.kills))):
            plan, delay = (Plan(), random_.uniform(0, undisturbed.seconds)) if turn % 2 else (Plan(at=at), None)
            trial = attempt(workspace, command, undisturbed, plan, delay=delay)
            self._add("kills", trial, trial.faults, hit=trial.code == KILLED)
        for turn in range(share.faults):
            plan = fault_at(undisturbed, list(FAULTS.values())[turn % len(FAULTS)], random_)
            trial = attempt(workspace, command, undisturbed, plan, again=False)
            self._add("faults", trial, trial.after_fault, hit=bool(trial.hit))
        for what, rows in self._rows.items():
            row = rows[command.name]
            print(f"{command.name:22} {what:6} {row.hit:3} of {row.trials:3}  {row.states}", flush=True)

    def _add(self, what: str, trial: Trial, wrong: list[str], *, hit: bool) -> None:
        self._rows[what][trial.command].add(trial, wrong, hit=hit)
        said = f"{trial} ({errno.errorcode.get(trial.plan.fault, 'killed')}): exit code {trial.code}, {trial.state}"
        print(f"  {said}", flush=True)
        self.wrong += [f"{said}: {each}" for each in wrong]
        for each in wrong:
            print(f"  WRONG: {each}", flush=True)

    def document(self) -> dict[str, Any]:
        """What is published."""
        rows = {
            what: {each.name: dataclasses.asdict(rows[each.name]) for each in COMMANDS if each.name in rows}
            for what, rows in self._rows.items()
        }
        return {"wrong": self.wrong, **rows}


if __name__ == "__main__":
    main()
