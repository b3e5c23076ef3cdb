"""What is wrong with the value of an option, and what to give instead: Pydantic says it in words of Python."""

import math
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperArgument, TyperOption

from tlpipe_edge.camera import address
from tlpipe_edge.errors import WrongUsage, listed

_DOWNLOAD = "Download it, and name the file or the folder."
_LOCAL = "The result is written to this machine: name a local path."
_WORDS = {int: "a whole number", float: "a number"}


def is_empty(value: object) -> bool:
    """Whether a value, or one of several, is text without a visible character."""
    values = value if isinstance(value, list | tuple) else (value,)
    return any(isinstance(each, str) and not each.strip() for each in values)


def refuse_urls(parameter: TyperArgument | TyperOption, value: object) -> None:
    """Raise WrongUsage if a value of a parameter that takes paths is a URL: as a path it would lose a slash, and errors
    would name it with its password."""
    if parameter.type_descriptor.annotation in (Path, list[Path]):
        is_result = parameter.name == "out"
        for each in value if isinstance(value, list | tuple) else (value,):
            refuse_url(str(each), advice=_LOCAL if is_result else _DOWNLOAD)


def refuse_url(written: str, *, advice: str = _DOWNLOAD) -> None:
    """Raise WrongUsage if what is to be a path is a URL."""
    if not address.has_scheme(written):
        return
    if written.strip().lower().startswith("file:"):
        raise WrongUsage("a URL, not a path", "Write the path without file://.")
    shown = address.shown(written)
    reason = f"a URL, not a path{f': {shown}' if address.is_url(shown) else ''}"
    raise WrongUsage(reason, advice)


def explained(error: typer.BadParameter, parameter: TyperArgument | TyperOption) -> WrongUsage:
    """The same error without a place."""
    errors = getattr(error.__cause__, "errors", None)  # a ValidationError of Pydantic
    if errors is None:
        return WrongUsage(error.message)
    first = errors()[0]
    kind, value, described = first["type"], str(first["input"]), parameter.type_descriptor
    words = _WORDS.get(described.annotation)
    if words is None or "than" not in kind or math.isnan(float(value)):
        return of_another_type(parameter, value)
    limits = described.parameter_info
    if kind == "greater_than_equal":
        return WrongUsage(f"{value} is too low", f"Give {words} of at least {limits.min:.15g}.")
    return WrongUsage(f"{value} is too high", f"Give {words} of at most {limits.max:.15g}.")


def of_another_type(parameter: TyperArgument | TyperOption, written: str) -> WrongUsage:
    """The error about a value, as it is ``written``, that is not of the type of the parameter."""
    described = parameter.type_descriptor
    if described.choices:
        names = [each.value for each in described.choices]
        return WrongUsage(f"{written} is not one of the choices", f"Choose {listed(names)}.")
    words = _WORDS.get(described.annotation)
    if words is None:
        return WrongUsage(f"{written} is not text", "Write text in quotes.")  # on the command line, all is text
    limits = described.parameter_info
    return WrongUsage(f"{written} is not {words}", f"Give {words}{_example(parameter, limits.min, limits.max)}.")


def _example(parameter: TyperArgument | TyperOption, low: float | None, high: float | None) -> str:
    if parameter.default is not None:
        return f", for example {parameter.default}"
    return f" from {low:g} to {high:g}" if low is not None and high is not None else ""


def place(context: Any, parameter: TyperArgument | TyperOption) -> str:
    """The command and its option or argument, as they are written."""
    name = parameter.metavar if isinstance(parameter, TyperArgument) else max(parameter.opts, key=len)
    return f"{context.command_path} {name}"
