"""``tlpipe-edge``: thin: it parses, calls and prints."""

import json
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from tlpipe_edge import __version__
from tlpipe_edge.cli.app import application, numbers, run_program
from tlpipe_edge.console.text import printable
from tlpipe_edge.errors import BadData, TlpipeError, Unavailable

app = application(
    "tlpipe-edge",
    about="Classify photographs on a small device with a model that tlpipe exported.",
    example="tlpipe-edge classify exported/clothing photo.jpg",
    version=__version__,
)

Model = Annotated[Path, typer.Argument(metavar="MODEL", help="A bundle, or a .tflite file with TFLite Metadata.")]
Recipe = Annotated[
    str | None, typer.Option(help="A number format of the bundle, such as int8.", show_default="the fastest")
]
Runtime = Annotated[str, typer.Option(help="auto, ai-edge-litert or tflite-runtime.")]
Threads = Annotated[int, typer.Option(min=1, help="Threads of the runtime for one image.")]


def main() -> None:
    """Run the command."""
    run_program(app)


@app.command(epilog="Example: tlpipe-edge classify exported/clothing photo.jpg --top-k 3")
def classify(
    model: Model,
    images: Annotated[list[Path], typer.Argument(metavar="IMAGE...", help="Photographs, or folders of them.")],
    recipe: Recipe = None,
    runtime: Runtime = "auto",
    threads: Threads = 1,
    top_k: Annotated[int, typer.Option(min=1, help="How many labels to give.")] = 3,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")] = False,
) -> None:
    """Name what each photograph shows; many of them on all cores.

    An image that cannot be read is reported with its reason, the others are classified, and the exit code is that of
    the first failure.
    """
    from tlpipe_edge.classify import batch
    from tlpipe_edge.classify.classifier import Classifier

    def open_classifier() -> Classifier:
        return Classifier.open(model, recipe=recipe, threads=threads, runtime=runtime)

    classifier = open_classifier()
    if model.is_file():
        print("note: a file without its bundle does not say how to crop: the centre is taken", file=sys.stderr)
    failure: TlpipeError | None = None
    rows: list[dict[str, Any]] = []
    files = list(_walk(images))
    workers = batch.workers(len(files), threads=threads)
    answers = batch.classify(open_classifier if workers > 1 else lambda: classifier, files, workers=workers)
    for file, answer in zip(files, answers, strict=True):
        row: dict[str, Any] = {
            "file": str(file),
            "label": None,
            "score": None,
            "top_k": [],
            "timings_ms": None,
            "error": None,
        }
        if isinstance(answer, TlpipeError):
            failure = failure or answer
            problem = BadData("no images in this folder", where=file) if file.is_dir() else answer
            row["error"] = problem.what
        else:
            top = [{"label": each.label, "score": each.score} for each in answer.top_k(top_k)]
            row |= top[0] | {"top_k": top, "timings_ms": answer.timings_ms}
        if as_json:
            rows.append(row)
        elif row["error"] is not None:
            print(f"{printable(str(file))}: error: {printable(problem.reason)}", flush=True)
        else:
            print(_line(row), flush=True)
    if as_json:
        document = {"schema": 1, "model": classifier.name, "recipe": classifier.recipe, "images": rows}
        print(json.dumps(document, indent=2))
    if failure:
        raise typer.Exit(failure.exit_code)


@app.command(epilog="Example: tlpipe-edge info exported/clothing")
def info(model: Model) -> None:
    """Say what a bundle or a .tflite file holds."""
    from tlpipe_edge.cli import describe

    for line in describe.model(model).split("\n"):
        print(printable(line))


@app.command(epilog="Example: tlpipe-edge camera exported/clothing --source 0 --threshold 0.6 --preview 8080")
def camera(
    model: Model,
    source: Annotated[
        str, typer.Option(help="A camera's number, picamera2, an http or rtsp URL, a video file or a folder.")
    ] = "0",
    recipe: Recipe = None,
    runtime: Runtime = "auto",
    threads: Threads = 1,
    threshold: Annotated[float, typer.Option(min=0.0, max=1.0, help="Below this score the label is unknown.")] = 0.5,
    smoothing: Annotated[
        float, typer.Option(min=0.0, max=0.99, help="Weight of the scores so far against those of a new frame.")
    ] = 0.7,
    loop: Annotated[bool, typer.Option("--loop", help="Begin a file or folder again at its end.")] = False,
    preview: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="Serve a live page there; a port alone is for this machine.")
    ] = None,
    token: Annotated[
        str | None,
        typer.Option(envvar="TLPIPE_PREVIEW_TOKEN", help="What the page asks for, so that others may see it."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document a line, and nothing else.")] = False,
) -> None:
    """Name what a camera sees, until it is told to stop.

    A camera that is unplugged, busy, blocked, black or frozen is reported on stderr and opened again, after 1 s at
    first and a minute at last. A systemd unit is in edge/systemd.
    """
    from tlpipe_edge.cli import camera_command

    camera_command.run(
        camera_command.CameraOptions(
            model=model,
            source=source,
            recipe=recipe,
            runtime=runtime,
            threads=threads,
            threshold=threshold,
            smoothing=smoothing,
            loop=loop,
            preview=preview,
            token=token,
            as_json=as_json,
        )
    )


@app.command(epilog="Example: tlpipe-edge bench exported/clothing --data photos/test --recipe int8 --threads 1,4")
def bench(
    model: Model,
    data: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Photographs, best a folder per class.", show_default="the bundle's golden"),
    ] = None,
    recipe: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FORMAT", help="A number format of the bundle, such as int8; repeatable.", show_default="all"
        ),
    ] = None,
    threads: Annotated[str, typer.Option(metavar="N,N", help="Numbers of threads, each in turn.")] = "1",
    runtime: Runtime = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")] = False,
) -> None:
    """Measure a model here: latency by stage, cold start, memory, throughput, accuracy.

    Some 20 seconds for each recipe and number of threads. What was throttled, disturbed or too short is said to be
    invalid; where the processor is emulated there is no latency.
    """
    from tlpipe_edge.bench import run, table
    from tlpipe_edge.bench.target import BenchOptions, find_images, read_target
    from tlpipe_edge.contract.benchmark import to_json

    options = BenchOptions(tuple(recipe or ()), numbers(threads), runtime)
    target = read_target(model, options)
    command = shlex.join(["tlpipe-edge", *sys.argv[1:]])
    measured = run.bench(target, find_images(target, data), options, command=command)
    print(to_json([measured]) if as_json else table.render(measured))


@app.command(epilog="Example: tlpipe-edge doctor")
def doctor() -> None:
    """Look at this machine, and say for each problem what to do.

    The exit code is 69 when something keeps tlpipe-edge from working.
    """
    from tlpipe_edge.cli.doctor import Level, examine
    from tlpipe_edge.machine import device

    hopeless = False
    for each in examine(device.read()):
        print(f"{each.level:8} {each.topic}: {printable(each.found)}")
        if each.advice:
            print(f"{'':8} -> {each.advice}")
        hopeless |= each.level is Level.PROBLEM
    if hopeless:
        raise typer.Exit(Unavailable.exit_code)


def _walk(images: list[Path]) -> Iterator[Path]:
    """What is named, and in the place of a folder the photographs below it in sorted order, unless it has none."""
    from tlpipe_edge.images.walker import images_below

    for path in images:
        yield from (images_below(path) if path.is_dir() else ()) or [path]


def _line(row: dict[str, Any]) -> str:
    """One readable line for an image: file, prediction, the runners-up, where the time went."""
    answers = ", ".join(f"{printable(each['label'])} {each['score']:.3f}" for each in row["top_k"])
    times = row["timings_ms"]
    stages = ", ".join(f"{stage} {times[stage]:.1f}" for stage in ("decode", "resize", "invoke"))
    return f"{printable(row['file'])}: {answers}  ({times['total']:.1f} ms: {stages})"
