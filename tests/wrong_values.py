"""Wrong values for every option that a program declares, and what an error about one must be like."""

import re
from typing import Any

import typer

NOT_TEXT = ("", " ")
NO_NUMBER = (*NOT_TEXT, "many", "nan", "-1", "1e30", "99999999999999999999999", "inf")
"""What no option of a number takes."""
WRONG = (*NO_NUMBER, "0", "1.5", "center-corp", "balancd")
FOREIGN = re.compile(
    r"Input should|[Vv]alue error|valid (integer|number|string)|parse|pydantic|Traceback|\b(None|True|False|dict|got)\b"
)
"""Words of a library or of Python."""


def options(app: typer.Typer) -> list[tuple[str, str]]:
    """Each command with each of its options that take a value. Any text is a folder for --cache, so only those commands
    that need more than that are asked for it."""
    group: Any = typer.main.get_command(app)
    return [
        (name, max(each.opts, key=len))
        for name, command in group.commands.items()
        for each in command.params
        if each.param_type_name == "option" and not each.is_flag
        if "--cache" not in each.opts or any(other.required for other in command.params)
    ]


def refused(app: typer.Typer, command: str, option: str) -> tuple[str, ...]:
    """Values that this option must not take."""
    group: Any = typer.main.get_command(app)
    (found,) = [each for each in group.commands[command].params if option in each.opts]
    return NO_NUMBER if found.type_descriptor.annotation in (int, float) else NOT_TEXT


def command_line(app: typer.Typer, command: str, option: str, value: str) -> list[str]:
    """The command with this value, and for everything that it requires ``gone``, or a folder where no device is."""
    group: Any = typer.main.get_command(app)
    words = [command, f"{option}={value}"]
    for each in group.commands[command].params:
        if each.required and option not in each.opts:
            gone = "ssh://127.0.0.1:1/gone" if (each.metavar or "").startswith("ssh://") else "gone"
            words += [max(each.opts, key=len)] * (each.param_type_name == "option") + [gone]
    return words


def check(said: str, place: str) -> None:
    """An error is a line that names the place of the value, and one that says what to do."""
    reason, advice, *more = said.removeprefix("error: ").splitlines()
    assert not more and not FOREIGN.search(said), said
    assert f"{place}: " in reason, said
    assert advice.endswith(".") and not reason.endswith("."), said
