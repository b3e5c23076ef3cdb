"""The typer application of both commands: plain help in whole lines, ``--version``, and usage errors as all others."""

import contextlib
import functools
import inspect
import platform
import sys
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Annotated, Any, NoReturn, TypeVar

import typer
from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

from tlpipe_edge.cli import wrong_value
from tlpipe_edge.console.verbosity import Verbosity, set_verbosity, verbosity
from tlpipe_edge.errors import WrongUsage
from tlpipe_edge.machine.versions import Names, versions

_USAGE_ERROR: Any = typer.BadParameter.__mro__[1]
"""UsageError, the base of all of typer's usage errors, which it does not export."""

Function = TypeVar("Function", bound=Callable[..., Any])
Value = TypeVar("Value")


class Application(typer.Typer):
    """Its commands' docstrings become help in whole lines; a usage error is raised as WrongUsage.

    ``shared``: options by name, which the program takes before a command, and each command after it. They act by their
    callbacks; no command sees them.
    """

    def __init__(self, *, shared: Mapping[str, Any], **options: Any) -> None:
        super().__init__(**options)
        self.shared = shared

    def command(
        self, name: str | None = None, *, help: str | None = None, **options: Any
    ) -> Callable[[Function], Function]:
        """As that of typer."""

        def register(function: Function) -> Function:
            text = in_whole_lines(help or inspect.getdoc(function) or "")
            registered = super(Application, self).command(name, cls=_Command, help=text, **options)
            registered(_with_options(function, self.shared))
            return function

        return register

    def __call__(self, *arguments: Any, **options: Any) -> NoReturn:
        """Run it, and end with SystemExit."""
        set_verbosity(Verbosity.NORMAL)
        try:
            code = super().__call__(*arguments, standalone_mode=False, **options)
        except _USAGE_ERROR as error:
            if not error.format_message():  # no command at all: the help is printed already
                sys.exit(WrongUsage.exit_code)
            command = error.ctx.command_path if error.ctx else self.info.name
            said = error.format_message().removesuffix(".")
            raise WrongUsage(said[:1].lower() + said[1:], f"See {command} --help.", where=command) from error
        sys.exit(code if isinstance(code, int) else 0)


def _set_verbosity(_context: Any, option: Any, wanted: bool | None) -> None:
    """As soon as the option is read, for what is said while the others are. --verbose wins over --quiet."""
    if wanted and verbosity() is not Verbosity.VERBOSE:
        set_verbosity(Verbosity[option.name.upper()])


_EAGER: Any = {"is_eager": True, "callback": _set_verbosity}
_VERBOSITY = {
    "quiet": Annotated[
        bool | None, typer.Option("--quiet", "-q", help="Print only results, warnings and errors.", **_EAGER)
    ],
    "verbose": Annotated[
        bool | None, typer.Option("--verbose", "-v", help="Print details and the causes of errors as well.", **_EAGER)
    ],
}


def _with_options(function: Function, shared: Mapping[str, Any]) -> Function:
    """The function with the ``shared`` options, which it does not see."""

    @functools.wraps(function)
    def called(**given: Any) -> Any:
        return function(**{name: value for name, value in given.items() if name not in shared})

    parameters = [*inspect.signature(function).parameters.values()]
    for name, annotation in shared.items():
        parameters.append(inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation))
    vars(called)["__signature__"] = inspect.Signature(parameters)
    called.__annotations__ = {each.name: each.annotation for each in parameters}
    return called  # type: ignore[return-value]


class _Command(TyperCommand):
    def get_params(self, ctx: Any) -> list[Any]:
        return _plain(super().get_params(ctx))

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except _USAGE_ERROR as error:
            error.ctx = error.ctx or ctx  # that of an option without its value has none
            raise

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """``DATA``, where typer writes ``{DATA}`` for an argument that is required."""
        return [piece.replace("{", "").replace("}", "") for piece in super().collect_usage_pieces(ctx)]


class _Group(TyperGroup):
    def get_params(self, ctx: Any) -> list[Any]:
        return _plain(super().get_params(ctx))

    def make_context(self, *arguments: Any, **options: Any) -> Any:
        """Read the options of the program."""
        with _interrupt_told():
            return super().make_context(*arguments, **options)

    def invoke(self, ctx: Any) -> Any:
        """Read the options of the command, and run it."""
        with _interrupt_told():
            return super().invoke(ctx)


@contextlib.contextmanager
def _interrupt_told() -> Iterator[None]:
    """If the block is interrupted, say what is kept: typer turns the interrupt into the exit code 130."""
    try:
        yield
    except KeyboardInterrupt as interrupt:
        from tlpipe_edge.console import interrupted, progress

        progress.warn(interrupted.told(interrupt))
        raise


def _plain(parameters: list[Any]) -> list[Any]:
    """The same, without the types of flags and arguments, and without ranges: an error states them, and the option."""
    for each in parameters:
        each.process_value = functools.partial(_taken, each)
        each.min = each.max = None  # those of the help alone
        if isinstance(each, TyperOption) and each.is_flag:
            each.metavar = ""
        elif isinstance(each, TyperArgument):
            each.display_type = lambda ctx: ""  # type: ignore[method-assign]  # noqa: ARG005
    return parameters


def _taken(parameter: Any, context: Any, value: Any) -> Any:
    """The value of a parameter, converted and checked. Raise WrongUsage, which names the parameter."""
    try:
        if wrong_value.is_empty(value):  # an empty path would be the working folder
            raise WrongUsage("an empty value", "Give one, or set the variable that it comes from.")
        wrong_value.refuse_urls(parameter, value)
        return type(parameter).process_value(parameter, context, value)
    except WrongUsage as error:
        found, cause = error, error.__cause__
    except typer.BadParameter as error:
        if type(error) is not typer.BadParameter:  # it is missing
            raise
        found, cause = wrong_value.explained(error, parameter), error
    advice = found.advice or f"See {context.command_path} --help."
    raise WrongUsage(found.what, advice, where=wrong_value.place(context, parameter)) from cause


def application(
    name: str,
    *,
    about: str,
    example: str,
    version: str,
    packages: Names,
    shared: Mapping[str, Any] = MappingProxyType({}),
) -> Application:
    """An application without commands yet; ``--version`` also names Python, and which of ``packages`` there are.

    The program and each command take ``shared``, which is as in ``Application``, --quiet and --verbose.
    """
    app = Application(
        shared={**shared, **_VERBOSITY},
        name=name,
        help=about,
        epilog=f"Example: {example}",
        cls=_Group,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )

    def show(wanted: bool) -> None:
        if wanted:
            beside = [f"Python {platform.python_version()}"]
            beside += [f"{package} {found}" for package, found in versions(packages).items()]
            print(f"{name} {version} ({', '.join(beside)})")
            raise typer.Exit

    def options(
        version: Annotated[
            bool, typer.Option("--version", callback=show, is_eager=True, help="Print the versions.")
        ] = False,
    ) -> None:
        pass

    app.callback()(_with_options(options, app.shared))
    return app


def checked(check: Callable[[Value], object]) -> Callable[[Value], Value]:
    """A callback that raises what ``check`` raises: a value of a configuration file is then refused as one of the
    command line."""

    def callback(value: Value) -> Value:
        if value is not None:
            check(value)
        return value

    return callback


def in_whole_lines(text: str) -> str:
    """``text`` with each paragraph on one line, which the terminal wraps."""
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in text.split("\n\n"))
