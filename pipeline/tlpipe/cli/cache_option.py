"""``--cache``: another folder for the cache, for one command and the programs that it starts."""

import os
from pathlib import Path
from typing import Annotated

import typer

from tlpipe_edge.errors import Unavailable
from tlpipe_edge.machine.cache import VARIABLE


def _use(folder: Path | None) -> Path | None:
    """Raise Unavailable if the folder cannot be used."""
    if folder is not None:
        from tlpipe.storage import cache

        named = Path(os.path.expanduser(folder)).absolute()  # noqa: PTH111  (which leaves an unknown user as it is)
        os.environ[VARIABLE] = str(named)
        try:
            cache.folder()
        except Unavailable as error:
            raise Unavailable(error.reason, "Name another folder.", where=f"--cache {named}") from error
    return folder


CacheFolder = Annotated[
    Path | None,
    typer.Option(
        "--cache",
        metavar="DIR",
        is_eager=True,
        callback=_use,
        help=f"The folder for what is cached. If left out, ${VARIABLE}, or that of the system (~/.cache).",
    ),
]
