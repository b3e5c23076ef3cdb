"""``tlpipe bench``: measures here and on devices, and holds the result against a stored one. Half of it are options."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tlpipe.cli.choice import chosen_bundle, written
from tlpipe.cli.options import BundleFolder, Json, Keras, LabelledData, Overwrite
from tlpipe.conversion.recipes import choices
from tlpipe_edge.cli.app import numbers
from tlpipe_edge.errors import MissingInput, WrongUsage

if TYPE_CHECKING:
    from tlpipe.benchmark.baseline import Baseline
    from tlpipe_edge.bench.target import BenchOptions
    from tlpipe_edge.contract.bundle import Bundle


def bench(
    bundle: BundleFolder = None,
    device: Annotated[
        list[str] | None,
        typer.Option(metavar="ssh://USER@HOST[:PORT]", help="Measure there, too; repeatable.", show_default=False),
    ] = None,
    data: LabelledData = None,
    keras: Keras = None,
    recipe: Annotated[
        list[str] | None,
        typer.Option(metavar="FORMAT", help=f"{choices()}; repeatable.", show_default="all"),
    ] = None,
    threads: Annotated[str, typer.Option(metavar="N,N", help="Numbers of threads, each in turn.")] = "1",
    runtime: Annotated[str, typer.Option(help="auto, ai-edge-litert or tflite-runtime.")] = "auto",
    wheelhouse: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Wheels for devices that reach no package index.")
    ] = None,
    baseline: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Fail (exit code 1) if results are worse than this stored benchmark."),
    ] = None,
    max_slowdown: Annotated[
        float, typer.Option(min=1.0, help="How many times as slow as --baseline is let pass.")
    ] = 1.10,
    max_drop: Annotated[float, typer.Option(min=0.0, help="How much less top-1 than --baseline is let pass.")] = 0.01,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Keep the JSON document there.")] = None,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Measure the bundle here, with the Keras original beside it on the same images, and on devices over ssh.

    A device gets the bundle and the images, and an environment with tlpipe-edge, in ~/.cache/tlpipe-remote; what it has
    is not sent again. Devices come first; one that fails does not cost the results of the others, and ends with its
    exit code. Where all fail, nothing is measured here.
    """
    from tlpipe.remote.address import Address
    from tlpipe_edge.bench import table, target
    from tlpipe_edge.contract.benchmark import to_json
    from tlpipe_edge.tflite import interpreter

    options = target.BenchOptions(tuple(recipe or ()), numbers(threads), runtime)
    interpreter.check_name(runtime)
    addresses = list(map(Address.parse, device or ()))
    if out is not None:
        _refuse_out(out, baseline, overwrite=overwrite)
    chosen = chosen_bundle(bundle)
    for each in options.recipes:
        chosen.artifact(each)  # raises for one that is not there
    stored = _comparable(baseline, chosen, options, elsewhere=bool(addresses)) if baseline else None
    from tlpipe.benchmark import baseline as gate
    from tlpipe.benchmark import measure
    from tlpipe.storage import atomic

    benches, failures = measure.everywhere(
        addresses, chosen, options, command=written(), data=data, keras_file=keras, wheelhouse=wheelhouse
    )
    document = to_json(benches) + "\n"
    print(document if as_json else table.render(*benches), end="" if as_json else "\n", flush=True)
    if out is not None:
        atomic.write_text(out, document)
    if stored is not None:
        gate.check_not_worse(benches, stored, gate.Limits(max_slowdown, max_drop))
    if failures:
        raise failures[0]


def _refuse_out(out: Path, baseline: Path | None, *, overwrite: bool) -> None:
    """Raise where the document that is to be measured could not be kept in ``out``, or at the baseline's cost."""
    if not out.absolute().parent.is_dir():
        raise MissingInput("no such folder", "Make it, or name another FILE.", where=out)
    if out.is_dir() or (out.exists() and not overwrite):
        raise WrongUsage("exists already", "Name another FILE, or pass --overwrite to replace a file.", where=out)
    if baseline is not None and out.resolve() == baseline.resolve():
        raise WrongUsage("the baseline itself, which would be lost", "Name another FILE for --out.", where=out)


def _comparable(baseline: Path, bundle: "Bundle", options: "BenchOptions", *, elsewhere: bool) -> "Baseline":
    """The stored benchmark. Raises BadData if nothing that is to be measured could be held against it."""
    from tlpipe.benchmark.baseline import check_comparable, read_baseline

    stored = read_baseline(baseline)
    recipes = options.recipes or tuple(artifact.recipe for artifact in bundle.manifest.artifacts)
    check_comparable(stored, bundle.manifest.name, recipes=recipes, threads=options.threads, elsewhere=elsewhere)
    return stored
