"""One trial: a command is hit at one of its calls, what it leaves is checked, and it is started again."""

import dataclasses
import errno
import random
from dataclasses import dataclass
from pathlib import PurePath

import states
from commands import Command
from interposed import ALL, Kind, Plan
from states import NEW, STEP, Tree, damage, hidden, state, tree
from workspace import Done, Workspace

from tlpipe.storage import leftovers

KILLED = -9
FAULTS = {
    errno.ENOSPC: Plan(fault=errno.ENOSPC, lasting=True, kinds=Kind.CREATE | Kind.WRITE | Kind.RENAME | Kind.FOLDER),
    errno.EIO: Plan(fault=errno.EIO),
    errno.EACCES: Plan(fault=errno.EACCES, kinds=ALL & ~(Kind.WRITE | Kind.SYNC)),
}
"""A full disk stays full, and files can be deleted on it; the others come once, where they can."""


@dataclass(frozen=True)
class Reference:
    """An undisturbed run of a command: its calls, its seconds, the trees of its target before and after, the
    numbers that it ``made``, and the ``names`` of all files outside of the cache.
    """

    calls: tuple[int, ...]
    seconds: float
    old: Tree
    new: Tree
    made: Tree
    names: frozenset[str]

    def numbers(self, kinds: Kind) -> list[int]:
        """The numbers of the calls of these kinds."""
        return [number for number, kind in enumerate(self.calls, 1) if kind & kinds]


@dataclass(frozen=True)
class Trial:
    """What a hit command left. ``code`` is its exit code, -9 if it was killed; ``state`` is OLD, NEW, ABSENT or what is
    wrong with the target. ``damaged`` are files that are not its own and changed. ``again`` says what was wrong with
    the same command a second time, and ``leftovers`` are our hidden files at the end.
    """

    command: str
    plan: Plan
    hit: str
    code: int
    stderr: str
    state: str
    damaged: tuple[str, ...]
    survivors: tuple[str, ...]
    again: str
    leftovers: tuple[str, ...]

    @property
    def known(self) -> bool:
        """Whether the target is whole or absent."""
        return self.state in states.KNOWN

    @property
    def faults(self) -> list[str]:
        """What a kill or a fault must not do; empty if all is well."""
        found = [f"damaged: {name}" for name in self.damaged]
        if not self.known:
            found.append(f"target: {self.state}")
        found += [f"survivor: {command}" for command in self.survivors]
        if self.again:
            found.append(f"started again: {self.again}")
        return found + [f"leftover: {name}" for name in self.leftovers]

    @property
    def told(self) -> list[str]:
        """What is wrong with the exit code and the message of a command whose call failed; empty if nothing is."""
        errors = [line for line in self.stderr.splitlines() if line.startswith("error: ")]
        last = self.stderr.splitlines()[-2:]
        if self.code == 0:
            return (
                []
                if self.state == NEW and not errors
                else [f"message: exit code 0, {self.state}: {self.stderr[-500:]}"]
            )
        if "Traceback" in self.stderr or self.code != 69:
            return [f"message: exit code {self.code}: {self.stderr[-1500:]}"]
        if len(errors) != 1 or errors[0] not in last:
            return [f"message: not one error at the end: {self.stderr[-500:]}"]
        return []

    @property
    def after_fault(self) -> list[str]:
        """All that is wrong after a failing call. On a full disk, files can be deleted, so nothing is left over."""
        return self.told + [each for each in self.faults if self.plan.lasting or not each.startswith("leftover: ")]

    def __str__(self) -> str:
        return f"{self.command}, call {self.plan.at}: {self.hit}" if self.plan.at else f"{self.command}, after a time"


def reference(workspace: Workspace, command: Command) -> Reference:
    """Run it undisturbed. Raise RuntimeError if it fails."""
    workspace.restore(command)
    target = workspace.work / command.target
    old = _tree(workspace, command)
    done = workspace.run(command)
    if done.ended.code != 0:
        raise RuntimeError(f"{command.name}: {done.stderr}")
    if command.target and (wrong := damage(target)):
        raise RuntimeError(f"{command.name}: {wrong}")
    return Reference(
        calls=done.ended.calls,
        seconds=done.ended.seconds,
        old=old,
        new=_tree(workspace, command),
        made=_made(workspace, command),
        names=_names(workspace),
    )


def fault_at(undisturbed: Reference, plan: Plan, random_: random.Random) -> Plan:
    """The plan at a call of its kinds."""
    return dataclasses.replace(plan, at=random_.choice(undisturbed.numbers(plan.kinds)))


def attempt(
    workspace: Workspace,
    command: Command,
    undisturbed: Reference,
    plan: Plan,
    *,
    delay: float | None = None,
    again: bool = True,
) -> Trial:
    """Run the command by ``plan``, look, and run it ``again`` undisturbed."""
    workspace.restore(command)
    before = _others(workspace, command)
    done = workspace.run(command, plan, delay=delay)
    _repair(workspace, command)
    found = _state(workspace, command, undisturbed)
    after = _others(workspace, command)
    survivors, failed = done.ended.survivors, ""
    if again:
        second = workspace.run(command)
        survivors += second.ended.survivors
        failed = _failed_again(second, found, _state(workspace, command, undisturbed))
        if not failed and (others := undisturbed.names ^ _names(workspace)):
            failed = f"not the files of an undisturbed command: {sorted(others)[:3]}"
    return Trial(
        command=command.name,
        plan=plan,
        hit=done.ended.hit,
        code=done.ended.code,
        stderr=done.stderr,
        state=found,
        damaged=tuple(sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))),
        survivors=survivors,
        again=failed,
        leftovers=tuple(name for name in hidden(tree(workspace.root)) if again or not _continues(name)),
    )


def _continues(name: str) -> bool:
    """Whether the same command would continue from this file."""
    return any(leftovers.CHECKPOINT.fullmatch(part) for part in PurePath(name).parts)


def _repair(workspace: Workspace, command: Command) -> None:
    """Bring a result to its end, as each command does before it reads one."""
    target = workspace.work / command.target
    leftovers.repair(target.parent, target)


def _failed_again(again: Done, before: str, after: str) -> str:
    """Why the second start was none that a user wants. If the result was written already, it may say so."""
    if again.ended.code == 2 and before == NEW and "exists already" in again.stderr:
        return ""
    if again.ended.code != 0:
        return f"exit code {again.ended.code}: {again.stderr[-1000:]}"
    return "" if after == NEW else after


def _state(workspace: Workspace, command: Command, undisturbed: Reference) -> str:
    for name in command.further:
        path = workspace.work / name
        if path.exists() and (wrong := damage(path)):
            return wrong
    if not command.target:
        return NEW
    target, now = workspace.work / command.target, _tree(workspace, command)
    if command.further and now and states.names(now) < states.names(undisturbed.new):
        return states.damage(target) or STEP
    found = state(now, undisturbed.old, undisturbed.new, target)
    if found != NEW:
        return found
    made = _made(workspace, command)
    differ = [name for name, sha256 in made.items() if undisturbed.made.get(name) != sha256]
    return f"new, but other numbers than undisturbed: {differ[:3]}" if differ else NEW


def _made(workspace: Workspace, command: Command) -> Tree:
    """The numbers in the results of the command, as far as they are there."""
    results = filter(None, (command.target, *command.further))
    return {
        f"{result}/{name}": sha256
        for result in results
        for name, sha256 in states.numbers(workspace.work / result).items()
        if not states.is_hidden(name)
    }


def _tree(workspace: Workspace, command: Command) -> Tree:
    """What is at the target, without what is hidden."""
    return _shown(tree(workspace.work / command.target)) if command.target else {}


def _shown(found: Tree) -> Tree:
    return {name: sha256 for name, sha256 in found.items() if not states.is_hidden(name)}


def _others(workspace: Workspace, command: Command) -> Tree:
    """What is neither the target's nor the cache's, nor hidden beside a result; a folder does not count."""
    own = tuple(f"work/{name}" for name in (command.target, *command.further) if name)
    found = {}
    for name, sha256 in _shown(tree(workspace.root)).items():
        if sha256 and not name.startswith(("cache/", "tmp/")) and not any(_within(name, each) for each in own):
            found[name] = sha256
    return found


def _names(workspace: Workspace) -> frozenset[str]:
    """Of all files that are neither hidden nor in the cache."""
    shown = _shown(tree(workspace.root))
    return frozenset(name for name in states.names(shown) if name.split("/")[0] not in ("cache", "tmp"))


def _within(name: str, folder: str) -> bool:
    return name == folder or name.startswith(f"{folder}/")
