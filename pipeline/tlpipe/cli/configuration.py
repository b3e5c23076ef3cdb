"""tlpipe.toml: options of the commands in a file. An option on the command line wins.

A table is named after a command, and has its options and arguments by their names. A key above all tables holds for
each command that has this option; it is refused if its meaning depends on the command. ``run`` also reads [train],
which wins over the keys above all tables, [finetune] for its second stage, and [report] for the head of its report.
Relative paths are relative to the folder of the file.
"""

import os
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer
from typer.core import TyperArgument, TyperGroup, TyperOption

from tlpipe.data.location import is_remote
from tlpipe.network.backbones import IMAGENET, NONE
from tlpipe_edge.cli import wrong_value
from tlpipe_edge.contract import kinds
from tlpipe_edge.errors import BadConfiguration, MissingInput, WrongUsage

if TYPE_CHECKING:
    from typer._click.core import Command, Context  # typer has its own click, and exports only a subclass of Context

FILE = Path("tlpipe.toml")
"""The file in the working folder, which is read if it is there."""

Value = str | int | float | bool | list[str]
Parameter = TyperArgument | TyperOption

_SETTINGS = __name__
"""The key of the ``Settings`` in ``Context.meta``."""
_NO_TABLE = ("config", "adopt", "cache")
"""Commands without options that a file could have: those of adopt are about one model file, and with the keys of train,
such as image-size, they mean something else."""
_SHARED = {"run": "train"}
"""A command that also reads the table of another one, whose options it has."""
_SECOND_STAGE = "finetune"
"""The command whose values are the second stage of a job."""
_REPORT = "report"
"""The command whose values of ``HEAD`` are also those of the report that ``run`` writes."""
_DATE = "data_date"
"""The parameter that can also be a date of TOML, without quotes."""
HEAD = ("title", "purpose", "author", _DATE)
"""The names of the parameters that are the head of a report."""
_TYPES = {bool: (bool,), int: (int,), float: (int, float)}
"""The types in TOML of flags and numbers, by the type of the option. All other values are text."""
_REFUSED = {
    "config": "Pass --config on the command line.",
    "cache": "Pass --cache on the command line, or set $TLPIPE_CACHE: it is about one machine.",
    "help": "Pass --help on the command line.",
    "version": "Pass --version on the command line.",
    "overwrite": "Pass --overwrite on the command line: from a file, each call would replace results.",
    "free": "Pass --free on the command line: from a file, each call would delete images on a device.",
    "restart": "Pass --restart on the command line: from a file, no call would continue another one.",
    "no-bench": 'Write bench = "none".',
    "quiet": "Pass --quiet on the command line: it is about one call.",
    "verbose": "Pass --verbose on the command line: it is about one call.",
}
"""Options that are no keys, with what to do instead."""


@dataclass(frozen=True)
class Settings:
    """The checked values of a file, by command and by the name of click's parameter."""

    file: Path
    by_command: Mapping[str, Mapping[str, Value]]

    def has_values_for(self, command: str) -> bool:
        """Whether the command gets a value from the file, for a second stage of its job or its report, too."""
        second = self.by_command[_SECOND_STAGE].keys() - {"run", "engine"} if command in ("train", "run") else ()
        head = self.by_command[_REPORT].keys() & HEAD if command == "run" else ()
        return bool(self.by_command.get(command) or second or head)


def use(context: typer.Context, config: Path | None) -> Path | None:
    """The callback of --config: the values of the file become the defaults of the command.

    Raise MissingInput if there is no such file, BadConfiguration if it is not valid.
    """
    if context.parent is None or context.resilient_parsing:
        return config
    named = config or context.parent.params.get("config")
    file = named or (FILE if FILE.is_file() else None)
    if file is not None:
        name = context.info_name or ""
        settings = context.meta[_SETTINGS] = read(file, context.parent)
        context.default_map = dict(settings.by_command.get(name, {}))
        if named is None and settings.has_values_for(name):
            from tlpipe_edge.console import progress

            progress.say(f"using {file} (tlpipe config {name} shows the values)")
    return config


Config = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="FILE",
        is_eager=True,
        callback=use,
        help=f"Read options from a TOML file; those on the command line win. If left out, {FILE} if it exists.",
    ),
]


def without_arguments(context: "Context", command: str) -> "Context":
    """The context of ``command`` without arguments: its values are those of the file, or the defaults."""
    settings = settings_of(context)
    values = settings.by_command[command] if settings else {}
    return _context(context.find_root(), command, values)


def settings_of(context: "Context") -> Settings | None:
    """The settings that ``use`` has read; None if there is no file."""
    found = context.meta.get(_SETTINGS)
    return found if isinstance(found, Settings) else None


def tables(root: "Context") -> dict[str, dict[str, Parameter]]:
    """The options and arguments that each table can have: by command, by key, in the order of the help."""
    group = root.command
    assert isinstance(group, TyperGroup)
    return {name: _keys(command) for name, command in group.commands.items() if name not in _NO_TABLE}


def _keys(command: "Command") -> dict[str, Parameter]:
    keys = {key_of(each): each for each in command.params if isinstance(each, Parameter) and each.name != "config"}
    return {key: parameter for key, parameter in keys.items() if key not in _REFUSED}


def key_of(parameter: Parameter) -> str:
    """The key of an option (its name without dashes in front) or an argument."""
    return next((name[2:] for name in parameter.opts if name.startswith("--")), parameter.name)


def read(file: Path, root: "Context") -> Settings:
    """Read a configuration for the commands of the program ``root``. Raise as ``use``."""
    known = tables(root)
    checks = {name: _context(root, name) for name in known}
    above: dict[str, dict[str, Value]] = {name: {} for name in known}
    values: dict[str, dict[str, Value]] = {name: {} for name in known}
    document = _parsed(file)
    for key, value in document.items():
        if not isinstance(value, dict):
            for command in _commands_with(key, known, file):
                above[command][known[command][key].name] = _checked(known[command][key], value, checks[command], file)
    for table, entries in document.items():
        if isinstance(entries, dict):
            if table not in known:
                raise _unknown(f"no command {table}", table, known, where=f"{file}: [{table}]")
            for key, value in entries.items():
                parameter = _known(key, table, known, file)
                values[table][parameter.name] = _checked(parameter, value, checks[table], file, table)
    return Settings(file, {name: above[name] | values.get(_SHARED.get(name, ""), {}) | values[name] for name in known})


def _context(root: "Context", command: str, values: Mapping[str, Value] | None = None) -> "Context":
    group = root.command
    assert isinstance(group, TyperGroup)
    return group.commands[command].make_context(
        command, [], parent=root, resilient_parsing=True, default_map=dict(values or {})
    )


def _parsed(file: Path) -> dict[str, object]:
    try:
        return tomllib.loads(file.read_text("utf-8-sig"))
    except FileNotFoundError as error:
        raise MissingInput("no such file", "Check the path after --config.", where=file) from error
    except OSError as error:
        raise BadConfiguration(f"cannot be read ({error.strerror})", "Name a TOML file.", where=file) from error
    except UnicodeDecodeError as error:
        raise BadConfiguration("not UTF-8", "Save it as UTF-8.", where=file) from error
    except (ValueError, RecursionError) as error:
        advice = 'A line is KEY = VALUE, text in quotes: weights = "imagenet".'
        raise BadConfiguration(f"not valid TOML: {error}", advice, where=file) from error


def _commands_with(key: str, known: Mapping[str, Mapping[str, Parameter]], file: Path) -> list[str]:
    """The commands that a key above all tables holds for. Raise an error if its meaning depends on the command, which
    is so if their help texts differ."""
    if key in known:
        raise BadConfiguration("a command, so this must be a table", f"Write [{key}].", where=f"{file}: {key}")
    having = [name for name, parameters in known.items() if key in parameters]
    if not having:
        every = {each for parameters in known.values() for each in parameters}
        raise _unknown("no such option", key, every, where=f"{file}: {key}")
    if len({known[name][key].help for name in having}) > 1:
        places = ", ".join(f"[{name}]" for name in having)
        raise BadConfiguration(
            "its meaning depends on the command", f"Write it into a table: {places}.", where=f"{file}: {key}"
        )
    return having


def _known(key: str, table: str, known: Mapping[str, Mapping[str, Parameter]], file: Path) -> Parameter:
    if key in known[table]:
        return known[table][key]
    where = f"{file}: [{table}] {key}"
    others = [f"[{name}]" for name, parameters in known.items() if key in parameters]
    if others:
        raise BadConfiguration(f"not an option of {table}", f"Write it into {' or '.join(others)}.", where=where)
    raise _unknown(f"no such option of {table}", key, known[table], where=where)


def _unknown(reason: str, name: str, names: Iterable[str], *, where: str) -> BadConfiguration:
    """The error about an unknown name, with the nearest known one."""
    if name in _REFUSED:
        return BadConfiguration("cannot be set in a file", _REFUSED[name], where=where)
    near = kinds.nearest(name, names)
    advice = f"Did you mean {near[0]}?" if near else "tlpipe config shows all keys."
    return BadConfiguration(reason, advice, where=where)


def _checked(parameter: Parameter, value: object, context: "Context", file: Path, table: str = "") -> Value:
    """The ``value`` as the default of ``parameter``, paths relative to the folder of ``file``.

    Raise BadConfiguration if the command line would not take it, or if it has another type in TOML.
    """
    where = f"{file}: {f'[{table}] ' * bool(table)}{key_of(parameter)}"
    if parameter.name == _DATE and type(value) is date:
        value = value.isoformat()
    repeatable = parameter.multiple or parameter.nargs == -1
    if wrong_value.is_empty(value):
        raise BadConfiguration("an empty value", "Give one, or remove the key.", where=where)
    if repeatable and (not isinstance(value, list) or not value):
        raise BadConfiguration("not a list of values", "Write values in brackets: [...].", where=where)
    if isinstance(parameter, TyperOption) and parameter.is_flag and not isinstance(value, bool):
        raise BadConfiguration("neither true nor false", "Write one of them, without quotes.", where=where)
    try:
        for each in value if isinstance(value, list) and repeatable else (value,):
            _refuse_other_type(parameter, each)
        converted = parameter.process_value(context, value)
    except WrongUsage as error:
        raise BadConfiguration(error.reason, error.advice, where=where) from error
    if isinstance(value, list):
        return [_from_folder(*pair, file.parent, parameter) for pair in zip(value, converted, strict=True)]
    if isinstance(value, str):
        return _from_folder(value, converted, file.parent, parameter)
    return cast("bool | int | float", value)


def _refuse_other_type(parameter: Parameter, value: object) -> None:
    """Raise WrongUsage if a ``value`` has another type in TOML than ``parameter``."""
    annotation = parameter.type_descriptor.annotation
    types = _TYPES.get(annotation, (str,))
    if not isinstance(value, types) or isinstance(value, bool) != (annotation is bool):
        raise wrong_value.of_another_type(parameter, _written(value))


def _written(value: object) -> str:
    """The value as it is in TOML; of one that has parts, what it is."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f'"{value}"'
    return "a table" if isinstance(value, dict) else "a list" if isinstance(value, list) else str(value)


def _from_folder(value: str, converted: object, folder: Path, parameter: Parameter) -> str:
    """The ``value``, a path relative to ``folder``, unless it is a name or a URL."""
    is_path = {"weights": value not in (IMAGENET, NONE), "sources": not is_remote(value)}
    if isinstance(converted, Path) or is_path.get(parameter.name or "", False):
        return str(folder / os.path.expanduser(value))  # noqa: PTH111  (which leaves an unknown ~user as it is)
    return value
