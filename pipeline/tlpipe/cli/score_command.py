"""``tlpipe score``: labels an archive of images, a row for each."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tlpipe.cli.choice import chosen_bundle, shown
from tlpipe.cli.options import OUTPUT, Json, Overwrite, Restart
from tlpipe.data.location import located
from tlpipe.storage.resume import Resume
from tlpipe_edge.cli.app import MAX_THREADS
from tlpipe_edge.cli.application import checked
from tlpipe_edge.contract.ranges import MAX_COUNT

if TYPE_CHECKING:
    from tlpipe.scoring.score import Scored

Bundle = Annotated[Path, typer.Argument(metavar="BUNDLE", help="A bundle.")]
Sources = Annotated[
    list[str],
    typer.Argument(
        metavar="SOURCE",
        help="Folders of images; lists with a path on each line (text, CSV or JSON Lines); zip and tar archives, such "
        "as shards of webdataset; Parquet files with an image column; or images. Each may be in a bucket: "
        "s3://BUCKET/PREFIX.",
        callback=checked(lambda sources: list(map(located, sources))),
    ),
]
ScoresOut = Annotated[
    Path,
    typer.Option(
        "--out",
        metavar="FILE",
        help="The file to write, whose suffix is its format: .csv, .jsonl or .parquet.",
        rich_help_panel=OUTPUT,
    ),
]
Format = Annotated[
    str | None,
    typer.Option("--recipe", metavar="FORMAT", help="Number format, such as int8.", show_default="the lowest rank"),
]
TopK = Annotated[int, typer.Option(min=1, max=MAX_COUNT, metavar="N", help="Number of labels in a row.")]
Workers = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=MAX_THREADS,
        metavar="N",
        help="Images scored at the same time.",
        show_default="one per core",
    ),
]


def score(
    bundle: Bundle,
    sources: Sources,
    out: ScoresOut,
    recipe: Format = None,
    top_k: TopK = 3,
    workers: Workers = None,
    overwrite: Overwrite = False,
    restart: Restart = False,
    as_json: Json = False,
) -> None:
    """Label an archive of images of any number: a row for each, in the order of the sources.

    Archives are read without unpacking them. An image that cannot be read has its error in its row. If the command is
    stopped, the same command goes on after the last saved row.
    """
    chosen = chosen_bundle(bundle)
    from tlpipe.scoring import score as scoring

    options = scoring.Options(recipe, top_k, workers)
    places = list(map(located, sources))
    scored = scoring.score(chosen, places, out, options, overwrite=overwrite, resume=Resume(restart))
    _say_speed(scored)
    print(json.dumps(_document(scored), indent=2) if as_json else shown(scored.file))


def _say_speed(scored: "Scored") -> None:
    from tlpipe_edge.console import progress

    now = scored.images - scored.continued
    speed = f"{now:,} images in {scored.seconds:.1f} s, {scored.images_per_second:.1f} per second"
    before = f"; {scored.continued:,} images were scored before" if scored.continued else ""
    progress.say(f"{scored.recipe}: {speed}{before}")


def _document(scored: "Scored") -> dict[str, object]:
    return {
        "schema": 1,
        "file": str(scored.file),
        "recipe": scored.recipe,
        "images": scored.images,
        "failed": scored.failed,
        "continued": scored.continued,
        "seconds": scored.seconds,
        "images_per_second": scored.images_per_second,
    }
