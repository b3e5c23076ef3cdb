"""The options of ``camera`` that keep images for the next training."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tlpipe_edge.cli.application import checked
from tlpipe_edge.contract.ranges import MAX_COUNT
from tlpipe_edge.errors import WrongUsage

if TYPE_CHECKING:
    from tlpipe_edge.camera.collecting import Collection


def _check_rules(written: list[str]) -> None:
    from tlpipe_edge.camera import rules

    rules.parse(written)


PANEL = "Keep images for the next training"
Collect = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="Keep images in DIR/review, in a folder for each label.",
        show_default="none are kept",
        rich_help_panel=PANEL,
    ),
]
Rule = Annotated[
    list[str] | None,
    typer.Option(
        "--when",
        metavar="RULE",
        help="Which images: uncertain, unknown, changed (another label) or every:N (seconds); repeatable.",
        show_default="uncertain and unknown",
        callback=checked(_check_rules),
        rich_help_panel=PANEL,
    ),
]
Limit = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=MAX_COUNT // 10**6,
        metavar="MB",
        help="Maximum size of the kept images; the most certain and the oldest are deleted first.",
        show_default="500",
        rich_help_panel=PANEL,
    ),
]
PerHour = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=MAX_COUNT,
        metavar="N",
        help="Maximum number of images an hour by the rules other than every:N.",
        show_default="60",
        rich_help_panel=PANEL,
    ),
]


def collection(
    folder: Path | None, rules: list[str] | None, limit: int | None, per_hour: int | None
) -> "Collection | None":
    """The values of the four options; None without a folder. Raise WrongUsage for the others without a folder."""
    named = {"--when": rules, "--collect-limit": limit, "--collect-per-hour": per_hour}
    if folder is None:
        for option, value in named.items():
            if value:
                raise WrongUsage("no folder for the images", "Name one with --collect.", where=option)
        return None
    from tlpipe_edge.camera.collecting import LIMIT_MB, PER_HOUR, Collection
    from tlpipe_edge.camera.rules import When, parse

    return Collection(
        folder=folder,
        when=parse(rules) if rules else When(),
        limit=(limit or LIMIT_MB) * 10**6,
        per_hour=per_hour or PER_HOUR,
    )
