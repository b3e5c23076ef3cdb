"""The typer application of both commands: plain help in whole lines, ``--version``, and usage errors as all others."""

import inspect
import platform
import sys
from collections.abc import Callable
from typing import Annotated, Any, NoReturn, TypeVar

import typer
from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

from tlpipe_edge.errors import WrongUsage
from tlpipe_edge.machine.versions import versions

_USAGE_ERROR: Any = typer.BadParameter.__mro__[1]
"""UsageError, the base of all of typer's usage errors, which it does not export."""

Function = TypeVar("Function", bound=Callable[..., Any])


class Application(typer.Typer):
    """Its commands' docstrings become help in whole lines; a usage error is raised as WrongUsage."""

    def command(
        self, name: str | None = None, *, help: str | None = None, **options: Any
    ) -> Callable[[Function], Function]:
        """As that of typer."""

        def register(function: Function) -> Function:
            text = in_whole_lines(help or inspect.getdoc(function) or "")
            return super(Application, self).command(name, cls=_Command, help=text, **options)(function)

        return register

    def __call__(self, *arguments: Any, **options: Any) -> NoReturn:
        """Run it, and end with SystemExit."""
        try:
            code = super().__call__(*arguments, standalone_mode=False, **options)
        except _USAGE_ERROR as error:
            if not error.format_message():  # no command at all: the help is printed already
                sys.exit(WrongUsage.exit_code)
            command = error.ctx.command_path if error.ctx else self.info.name
            raise WrongUsage(error.format_message(), f"See {command} --help.", where=command) from error
        sys.exit(code if isinstance(code, int) else 0)


class _Command(TyperCommand):
    def get_params(self, ctx: Any) -> list[Any]:
        return _plain(super().get_params(ctx))

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """``DATA``, where typer writes ``{DATA}`` for an argument that is required."""
        return [piece.replace("{", "").replace("}", "") for piece in super().collect_usage_pieces(ctx)]


class _Group(TyperGroup):
    def get_params(self, ctx: Any) -> list[Any]:
        return _plain(super().get_params(ctx))


def _plain(parameters: list[Any]) -> list[Any]:
    """The same, without the types of flags and arguments."""
    for each in parameters:
        if isinstance(each, TyperOption) and each.is_flag:
            each.metavar = ""
        elif isinstance(each, TyperArgument):
            each.display_type = lambda ctx: ""  # type: ignore[method-assign]  # noqa: ARG005
    return parameters


def application(name: str, *, about: str, example: str, version: str, packages: tuple[str, ...]) -> Application:
    """An application without commands yet; ``--version`` also names Python, and which of ``packages`` there are."""
    app = Application(
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

    app.callback()(options)
    return app


def in_whole_lines(text: str) -> str:
    """``text`` with each paragraph on one line, which the terminal wraps."""
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in text.split("\n\n"))
