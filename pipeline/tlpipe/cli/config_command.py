"""``tlpipe config``: the effective values of options with their origin, or those of a run, as TOML."""

from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tlpipe.cli import configuration
from tlpipe_edge.console.text import printable
from tlpipe_edge.contract import kinds
from tlpipe_edge.errors import WrongUsage

if TYPE_CHECKING:
    from tlpipe.cli.replay import Lines

Command = Annotated[
    str | None, typer.Argument(metavar="COMMAND", help="One command. If left out, all commands, each in its table.")
]
RunOption = Annotated[
    Path | None,
    typer.Option("--run", metavar="RUN", help="Print the configuration of this run, for tlpipe run --config."),
]


def config(context: typer.Context, command: Command = None, run: RunOption = None) -> None:
    """Print the options that a command would use now, and where each comes from: the defaults, or a file.

    The output is a valid tlpipe.toml.
    """
    if run is not None:
        if command is not None:
            raise WrongUsage("--run and a COMMAND exclude each other", "Leave one of them out.", where="tlpipe config")
        from tlpipe.cli import replay
        from tlpipe.runs.run_folder import Run

        opened = Run.open(run)
        checked = opened.check()
        found = replay.tables(opened, context)
        repeats = "run" if len(opened.stages) > 1 else "train"
        print(f"# {printable(str(opened.path))}: tlpipe {repeats} --config FILE repeats it")
        print(f"# {checked}\n")
        _print(found)
        return
    known = configuration.tables(context.find_root())
    if command is not None and command not in known:
        near = kinds.nearest(command, known)
        raise WrongUsage(f"no command {command}", f"Did you mean {near[0]}?" if near else "See tlpipe --help.")
    found = {name: _effective(name, context) for name in known}
    if command is None:
        found["run"] = {key: each for key, each in found["run"].items() if found["train"].get(key) != each}
        _print(found)
    elif command == "run":
        keys = [key for key, parameter in known["report"].items() if parameter.name in configuration.HEAD]
        head = {key: found["report"][key] for key in keys}
        _print({"run": found["run"], "finetune": found["finetune"], "report": head})
    else:
        _print({command: found[command]})


def _effective(command: str, context: typer.Context) -> "Lines":
    at = configuration.without_arguments(context, command)
    settings = configuration.settings_of(context)
    lines: Lines = {}
    for key, parameter in configuration.tables(context.find_root())[command].items():
        source = at.get_parameter_source(parameter.name)
        from_file = settings is not None and source is not None and source.name == "DEFAULT_MAP"
        lines[key] = (at.params[parameter.name], printable(str(settings.file)) if settings and from_file else "default")
    return lines


def _print(tables: "Mapping[str, Lines]") -> None:
    print("\n\n".join("\n".join([f"[{name}]", *_written(lines)]) for name, lines in tables.items()))


def _written(lines: "Lines") -> Iterator[str]:
    import tomli_w

    for key, (value, comment) in lines.items():
        if value is None or value in ([], ()):
            yield f"# {key} is not set"
        else:
            yield tomli_w.dumps({key: _plain(value)}).rstrip("\n") + f"  # {comment}" * bool(comment)


def _plain(value: object) -> object:
    """The value as TOML has it."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Path):
        return str(value)
    return [_plain(each) for each in value] if isinstance(value, Iterable) and not isinstance(value, str) else value
