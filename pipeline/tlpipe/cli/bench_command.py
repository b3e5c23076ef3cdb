"""``tlpipe bench``: measures on this machine and on devices, and compares the results with a stored benchmark."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tlpipe.cli.choice import chosen_bundle, written
from tlpipe.cli.options import LARGEST, OUTPUT, BundleFolder, Json, Keras, LabelledData, Overwrite
from tlpipe.conversion.recipes import choices
from tlpipe_edge.cli.app import numbers
from tlpipe_edge.cli.application import checked
from tlpipe_edge.errors import MissingInput, WrongUsage

if TYPE_CHECKING:
    from tlpipe.benchmark.baseline import Baseline
    from tlpipe_edge.bench.target import BenchOptions
    from tlpipe_edge.contract.bundle import Bundle


def _check_runtime(name: str) -> None:
    from tlpipe_edge.tflite import interpreter

    interpreter.check_name(name)


def _check_devices(written: list[str]) -> None:
    from tlpipe.remote.address import Address

    for each in written:
        Address.parse(each)


Devices = Annotated[
    list[str] | None,
    typer.Option(
        metavar="ssh://USER@HOST[:PORT]",
        help="Also measure on this device; repeatable.",
        show_default=False,
        callback=checked(_check_devices),
    ),
]
Formats = Annotated[
    list[str] | None,
    typer.Option(metavar="FORMAT", help=f"Number format, repeatable: {choices()}.", show_default="all"),
]
Threads = Annotated[
    str,
    typer.Option(metavar="N,N", help="Thread counts to measure, separated by commas.", callback=checked(numbers)),
]
Runtime = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        help="TFLite runtime: auto, ai-edge-litert or tflite-runtime.",
        callback=checked(_check_runtime),
    ),
]
Wheelhouse = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="Folder of wheels, for devices without access to a package index."),
]
BaselineFile = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="A stored benchmark (--out). Exit with code 1 if a latency or a top-1 is worse by more than the two "
        "limits below.",
    ),
]
MaxSlowdown = Annotated[
    float,
    typer.Option(
        min=1.0,
        max=LARGEST,
        metavar="RATIO",
        help="Maximum latency, as a multiple (1 or more) of the latency in the baseline.",
    ),
]
MaxDrop = Annotated[
    float,
    typer.Option(
        min=0.0,
        max=1.0,
        metavar="SHARE",
        help="Maximum drop of top-1 accuracy below the baseline (not below Keras), 0 to 1.",
    ),
]
Out = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Store the JSON document in this file.", rich_help_panel=OUTPUT),
]


def bench(
    bundle: BundleFolder = None,
    device: Devices = None,
    data: LabelledData = None,
    keras: Keras = None,
    recipe: Formats = None,
    threads: Threads = "1",
    runtime: Runtime = "auto",
    wheelhouse: Wheelhouse = None,
    baseline: BaselineFile = None,
    max_slowdown: MaxSlowdown = 1.10,
    max_drop: MaxDrop = 0.01,
    out: Out = None,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Benchmark the bundle and the Keras model on this machine, and the bundle on devices over ssh.

    tlpipe sends the bundle, the images and tlpipe-edge to the device, and makes an environment there, all in
    ~/.cache/tlpipe-remote. A file is sent only once. Devices are measured first. If a device fails, the others are
    still measured, and the exit code is that of the failure. If all of them fail, nothing is measured on this machine.
    """
    from tlpipe.remote.address import Address
    from tlpipe_edge.bench import table, target
    from tlpipe_edge.console.text import terminal_width
    from tlpipe_edge.contract.benchmark import to_json

    options = target.BenchOptions(tuple(recipe or ()), numbers(threads), runtime)
    addresses = list(map(Address.parse, device or ()))
    if out is not None:
        _refuse_out(out, baseline, overwrite=overwrite)
    chosen = _chosen(bundle, options)
    stored = _comparable(baseline, chosen, options, elsewhere=bool(addresses)) if baseline else None
    from tlpipe.benchmark import baseline as gate
    from tlpipe.benchmark import measure

    benches, failures = measure.everywhere(
        addresses, chosen, options, command=written(), data=data, keras_file=keras, wheelhouse=wheelhouse
    )
    document = to_json(benches)
    print(document if as_json else table.render(*benches, width=terminal_width()), flush=True)
    if out is not None:
        from tlpipe.storage import atomic

        atomic.write_text(out, document + "\n")
    if stored is not None:
        gate.check_not_worse(benches, stored, gate.Limits(max_slowdown, max_drop))
    if failures:
        raise failures[0]


def _chosen(bundle: Path | None, options: "BenchOptions") -> "Bundle":
    """The bundle, or the newest. Raise the errors of ``chosen_bundle``, and WrongUsage if a recipe is not in it."""
    chosen = chosen_bundle(bundle)
    for each in options.recipes:
        chosen.artifact(each)
    return chosen


def _refuse_out(out: Path, baseline: Path | None, *, overwrite: bool) -> None:
    """Raise an error if the result could not be stored in ``out``, or would replace the baseline."""
    from tlpipe.storage import atomic

    atomic.check_name(out)
    if not out.absolute().parent.is_dir():
        raise MissingInput("no such folder", "Make it, or name another FILE.", where=out)
    atomic.check_writable(out.absolute().parent)
    if out.is_dir():
        raise WrongUsage("a folder", f"Name a file in it, such as {out / 'bench.json'}.", where=out)
    if out.exists() and not overwrite:
        raise WrongUsage("exists already", "Name another FILE, or pass --overwrite to replace it.", where=out)
    if baseline is not None and out.resolve() == baseline.resolve():
        raise WrongUsage("is the baseline, which would be lost", "Name another FILE for --out.", where=out)


def _comparable(baseline: Path, bundle: "Bundle", options: "BenchOptions", *, elsewhere: bool) -> "Baseline":
    """The stored benchmark. Raise BadData if no planned measurement could be compared with it."""
    from tlpipe.benchmark.baseline import check_comparable, read_baseline

    stored = read_baseline(baseline)
    recipes = options.recipes or tuple(artifact.recipe for artifact in bundle.manifest.artifacts)
    check_comparable(stored, bundle.manifest.name, recipes=recipes, threads=options.threads, elsewhere=elsewhere)
    return stored
