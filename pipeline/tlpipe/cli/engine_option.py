"""``--engine``: where features and scores are computed."""

import functools
import inspect
from collections.abc import Callable
from typing import Annotated, Any

import typer

from tlpipe_edge.cli.application import checked

_NAME = "engine"


def _check(name: str) -> None:
    from tlpipe.engine import choice

    choice.check_name(name)


Engine = Annotated[
    str,
    typer.Option(
        f"--{_NAME}",
        metavar="ENGINE",
        callback=checked(_check),
        help="Where features and scores are computed: local; ray, a Ray cluster on this machine, or that of "
        "$RAY_ADDRESS; or ray://HOST:PORT, a Ray cluster elsewhere.",
    ),
]


def with_engine(command: Callable[..., None]) -> Callable[..., None]:
    """The ``command`` with the option, on whose engine all of its work runs."""

    @functools.wraps(command)
    def called(*, engine: str, **given: Any) -> None:
        from tlpipe.engine import choice

        with choice.using_engine(engine):
            command(**given)

    own = inspect.Parameter(_NAME, inspect.Parameter.KEYWORD_ONLY, default="local", annotation=Engine)
    options = [*inspect.signature(command).parameters.values(), own]
    called.__annotations__ = {each.name: each.annotation for each in options}
    vars(called)["__signature__"] = inspect.Signature(options)
    return called
