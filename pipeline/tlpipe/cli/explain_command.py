"""``tlpipe explain``: which layers of a network int8 hurts."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tlpipe.cli.choice import chosen_bundle
from tlpipe.cli.options import Json

if TYPE_CHECKING:
    from tlpipe_edge.contract.explanation import Explanation

Model = Annotated[
    Path | None,
    typer.Argument(
        metavar="BUNDLE|RUN",
        help="A bundle with an int8 file, into which the result is written; or a run, which is converted in memory. "
        "If left out, the newest bundle below exported/.",
    ),
]


def explain(model: Model = None, as_json: Json = False) -> None:
    """Show which layers int8 changes most: their signal-to-noise ratios on the calibration images."""
    from tlpipe.explaining import explain
    from tlpipe.runs.run_folder import Run
    from tlpipe_edge.console.text import terminal_width
    from tlpipe_edge.contract import kinds

    if model is not None and kinds.RUN.is_at(model):
        found = explain.of_run(Run.open(model))
    else:
        found = explain.of_bundle(chosen_bundle(model))
    print(found.to_json() if as_json else render(found, width=terminal_width()))


def render(explanation: "Explanation", *, width: int | None = None) -> str:
    """The worst layers as a table, and how to read it. What is wider than ``width`` is folded or wrapped."""
    from tlpipe_edge.console.text import printable, table, wrapped
    from tlpipe_edge.contract.explanation import READING, worst

    found = [explanation.layers[place] for place in worst(explanation.layers)]
    count = f"{len(explanation.layers)} layers on {explanation.images} calibration images"
    above = f"{count}; the worst:" if found else f"{count}: int8 changes none of them."
    rows = [(each.name, each.description, f"{each.snr_db:.1f} dB") for each in found]
    parts = [wrapped(above, width)]
    parts += [table(("layer", "", "signal to noise"), rows, names=2, keys=1, width=width)] if rows else []
    if explanation.uncompared:
        first = printable(", ".join(explanation.uncompared_first))
        only = f"operators that only one of the files has: {explanation.uncompared}; the first: {first}"
        parts.append(wrapped(only, width))
    parts.append(wrapped(READING, width))
    return "\n".join(parts)
