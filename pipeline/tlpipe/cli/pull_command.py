"""``tlpipe pull``: fetches the images that a camera kept on a device."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tlpipe.cli.choice import shown
from tlpipe.cli.options import OUTPUT, Json
from tlpipe_edge.cli.application import checked

if TYPE_CHECKING:
    from tlpipe.remote.pull import Pulled


def _check_source(written: str) -> None:
    from tlpipe.remote.address import DeviceFolder

    DeviceFolder.parse(written)


Source = Annotated[
    str,
    typer.Argument(
        metavar="ssh://USER@HOST[:PORT]/DIR",
        help="The folder of tlpipe-edge camera --collect DIR on the device: in the home folder of USER, or absolute.",
        callback=checked(_check_source),
    ),
]
Into = Annotated[
    Path,
    typer.Option(metavar="DIR", help="The folder here; images are in DIR/review/LABEL.", rich_help_panel=OUTPUT),
]
Freeing = Annotated[
    bool,
    typer.Option(
        "--free",
        show_default=False,
        help="Delete each image on the device when its copy is verified and on the disk here.",
    ),
]


def pull(source: Source, into: Into, free: Freeing = False, as_json: Json = False) -> None:
    """Fetch the images that a camera kept on a device, over ssh, to be sorted.

    Each image is compared with its sha256. If the command is stopped, the same command goes on. What is here already,
    or has been moved from here to be sorted, is not fetched again.
    """
    from tlpipe.remote.address import DeviceFolder
    from tlpipe.remote.pull import pull

    pulled = pull(DeviceFolder.parse(source), into, free=free)
    print(_document(pulled) if as_json else _text(pulled), flush=True)
    pulled.check()


def _document(pulled: "Pulled") -> str:
    return json.dumps({"schema": 1, **asdict(pulled), "folder": str(pulled.folder)}, indent=2)


def _text(pulled: "Pulled") -> str:
    from tlpipe_edge.console.text import printable

    total = sum(pulled.labels.values())
    lines = [f"{printable(str(shown(pulled.folder)))}: {total} image{'s' * (total != 1)}"]
    named = {printable(label): count for label, count in pulled.labels.items()}
    lines += [f"  {label:<{max(map(len, named))}}  {count}" for label, count in named.items()]
    if total:
        lines.append(
            "Next: move each image, without its .review.json, into the folder of its true class, and train again."
        )
    return "\n".join(lines)
