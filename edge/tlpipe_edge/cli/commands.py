"""The commands of ``tlpipe-edge``: they parse the options, call a function and print the result."""

import json
import os
import shlex
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from tlpipe_edge import __version__
from tlpipe_edge.camera.settings import MAX_SMOOTHING, SMOOTHING, THRESHOLD
from tlpipe_edge.cli.app import MAX_THREADS, numbers, run_program
from tlpipe_edge.cli.application import application, checked
from tlpipe_edge.cli.collect_options import Collect, Limit, PerHour, Rule, collection
from tlpipe_edge.cli.model_options import LabelsFile, Mean, Std, file_options, say_notes
from tlpipe_edge.console.text import printable, terminal_width
from tlpipe_edge.contract.ranges import MAX_COUNT
from tlpipe_edge.errors import BadData, TlpipeError, Unavailable

app = application(
    "tlpipe-edge",
    about="Classify images on a small device, with a model that tlpipe exported.",
    example="tlpipe-edge classify exported/clothing photo.jpg",
    version=__version__,
    packages=("ai-edge-litert", "tflite-runtime"),
)


def _check_runtime(name: str) -> None:
    from tlpipe_edge.tflite import interpreter

    interpreter.check_name(name)


Model = Annotated[Path, typer.Argument(metavar="MODEL", help="A bundle, or a .tflite file.")]
Recipe = Annotated[
    str | None, typer.Option(metavar="FORMAT", help="Number format, such as int8.", show_default="the lowest rank")
]
Runtime = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        help="TFLite runtime: auto, ai-edge-litert or tflite-runtime.",
        callback=checked(_check_runtime),
    ),
]
Threads = Annotated[int, typer.Option(min=1, max=MAX_THREADS, metavar="N", help="Threads of the runtime.")]
ThreadCounts = Annotated[
    str,
    typer.Option(metavar="N,N", help="Thread counts to measure, separated by commas.", callback=checked(numbers)),
]
Source = Annotated[
    str,
    typer.Option(
        metavar="SOURCE",
        envvar="TLPIPE_CAMERA_SOURCE",
        help="Number of a camera, picamera2, an http or rtsp URL, a video file or a folder.",
    ),
]
Threshold = Annotated[
    float,
    typer.Option(min=0.0, max=1.0, metavar="SCORE", help="Minimum score, 0 to 1; below it, the label is unknown."),
]
Smoothing = Annotated[
    float | None,
    typer.Option(
        min=0.0,
        max=MAX_SMOOTHING,
        metavar="WEIGHT",
        show_default=f"{SMOOTHING}; 0 for a folder",
        help="Weight of the previous scores in the moving average, 0 (none) to 0.99.",
    ),
]
LivePage = Annotated[
    str | None,
    typer.Option(metavar="HOST:PORT", help="Serve a live page. With a port alone, only this machine can reach it."),
]
Token = Annotated[
    str | None,
    typer.Option(
        metavar="TEXT",
        envvar="TLPIPE_PREVIEW_TOKEN",
        help="Password of the live page; required if other machines can reach it.",
    ),
]
Mqtt = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        envvar="TLPIPE_MQTT",
        help="Publish to the MQTT broker at mqtt://HOST/PREFIX, or in full mqtts://USER:PASSWORD@HOST:PORT/PREFIX.",
    ),
]


def main() -> None:
    """Run the command."""
    from tlpipe_edge.cli.redaction import redact

    run_program(app, redact=redact)


@app.command(epilog="Example: tlpipe-edge classify exported/clothing photo.jpg --top-k 3")
def classify(
    model: Model,
    images: Annotated[
        list[Path], typer.Argument(metavar="IMAGE", readable=False, help="Images, or folders of images.")
    ],
    recipe: Recipe = None,
    runtime: Runtime = "auto",
    threads: Annotated[
        int,
        typer.Option(
            min=1,
            max=MAX_THREADS,
            metavar="N",
            help="Threads of each classifier; several images are classified at the same time.",
        ),
    ] = 1,
    labels: LabelsFile = None,
    mean: Mean = None,
    std: Std = None,
    top_k: Annotated[int, typer.Option(min=1, max=MAX_COUNT, metavar="N", help="Number of labels to print.")] = 3,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")] = False,
) -> None:
    """Classify images, several at a time on all cores.

    If an image cannot be read, the reason is reported, the others are still classified, and the exit code is that of
    the first failure.
    """
    from tlpipe_edge.classify import batch
    from tlpipe_edge.classify.classifier import Classifier

    options = file_options(labels, mean, std)

    def open_classifier() -> Classifier:
        return Classifier.open(model, recipe=recipe, threads=threads, runtime=runtime, **vars(options))

    classifier = open_classifier()
    say_notes(classifier.notes)
    failure: TlpipeError | None = None
    rows: list[dict[str, Any]] = []
    files = _walk(images)
    workers = batch.workers(len(files), threads=threads)
    results = batch.classify(open_classifier if workers > 1 else lambda: classifier, files, workers=workers)
    for file, result in zip(files, results, strict=True):
        row: dict[str, Any] = {
            "file": str(file),
            "label": None,
            "score": None,
            "top_k": [],
            "timings_ms": None,
            "error": None,
        }
        if isinstance(result, TlpipeError):
            failure = failure or result
            problem = BadData("no images in this folder", where=file) if _is_folder(file) else result
            row["error"] = problem.what
        else:
            top = [{"label": each.label, "score": each.score} for each in result.top_k(top_k)]
            row |= top[0] | {"top_k": top, "timings_ms": result.timings_ms}
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
def info(model: Model, labels: LabelsFile = None, mean: Mean = None, std: Std = None) -> None:
    """Describe a bundle or any .tflite file, and say whether the other commands can use it."""
    from tlpipe_edge.cli import describe

    options = file_options(labels, mean, std)
    for lines in describe.model(model, options, width=terminal_width()):
        for line in lines.split("\n"):
            print(printable(line))


@app.command(epilog="Example: tlpipe-edge camera exported/clothing --source 0 --threshold 0.6 --preview 8080")
def camera(
    model: Model,
    source: Source = "0",
    recipe: Recipe = None,
    runtime: Runtime = "auto",
    threads: Threads = 1,
    labels: LabelsFile = None,
    mean: Mean = None,
    std: Std = None,
    threshold: Threshold = THRESHOLD,
    smoothing: Smoothing = None,
    loop: Annotated[bool, typer.Option("--loop", help="Start a file or folder again at its end.")] = False,
    preview: LivePage = None,
    token: Token = None,
    collect: Collect = None,
    when: Rule = None,
    collect_limit: Limit = None,
    collect_per_hour: PerHour = None,
    mqtt: Mqtt = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document per line and nothing else.")] = False,
) -> None:
    """Classify what a camera sees, until stopped.

    If the camera is unplugged, in use by another program, not responding, black or frozen, this is reported on stderr
    and the camera is opened again, first after 1 s, then after up to 60 s. If it gives nothing at the start and the
    command runs in a terminal, it stops with exit code 69. A systemd unit is in edge/systemd.
    """
    from tlpipe_edge.cli import camera_command
    from tlpipe_edge.cli.camera_listeners import Wanted

    camera_command.run(
        camera_command.CameraOptions(
            model=model,
            source=source,
            recipe=recipe,
            runtime=runtime,
            threads=threads,
            file=file_options(labels, mean, std),
            threshold=threshold,
            smoothing=smoothing,
            loop=loop,
            wanted=Wanted(preview, token, mqtt, collection(collect, when, collect_limit, collect_per_hour)),
            as_json=as_json,
        )
    )


@app.command(epilog="Example: tlpipe-edge bench exported/clothing --data photos/test --recipe int8 --threads 1,4")
def bench(
    model: Model,
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="A folder of images with one subfolder per class.",
            show_default="the test images in golden/ of the bundle",
        ),
    ] = None,
    recipe: Annotated[
        list[str] | None,
        typer.Option(metavar="FORMAT", help="Number format, such as int8; repeatable.", show_default="all"),
    ] = None,
    threads: ThreadCounts = "1",
    runtime: Runtime = "auto",
    labels: LabelsFile = None,
    mean: Mean = None,
    std: Std = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")] = False,
) -> None:
    """Benchmark a model on this machine: latency by step, cold start, memory, throughput and accuracy.

    This takes about 20 seconds per number format and number of threads. A measurement that was throttled, disturbed or
    too short is marked invalid. On an emulated processor no latency is measured.
    """
    from tlpipe_edge.bench import run, table
    from tlpipe_edge.bench.target import BenchOptions, find_images, read_target
    from tlpipe_edge.contract.benchmark import to_json

    file = file_options(labels, mean, std)
    options = BenchOptions(tuple(recipe or ()), numbers(threads), runtime, file=file)
    target = read_target(model, options)
    say_notes(target.notes)
    command = shlex.join(["tlpipe-edge", *sys.argv[1:]])
    measured = run.bench(target, find_images(target, data), options, command=command)
    print(to_json([measured]) if as_json else table.render(measured, width=terminal_width()))


@app.command(epilog="Example: tlpipe-edge doctor")
def doctor() -> None:
    """Check this machine and say how to fix each problem. What cannot be read is called unknown.

    The exit code is 69 if a problem keeps tlpipe-edge from working.
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


def _walk(images: list[Path]) -> list[Path]:
    """The files, and for each folder the images below it in sorted order; the folder itself if it has none."""
    from tlpipe_edge.images import walker

    found = {path: walker.walk(path) for path in images if _is_folder(path)}
    walker.tell(*found.values())
    return [file for path in images for file in (found[path].images if path in found else ()) or (path,)]


def _is_folder(path: Path) -> bool:
    return os.path.isdir(path)  # noqa: PTH112  (Path.is_dir raises PermissionError in a closed folder)


def _line(row: dict[str, Any]) -> str:
    """One line for an image: file, the top-k labels with their scores, and the times of the steps."""
    best = ", ".join(f"{printable(each['label'])} {each['score']:.3f}" for each in row["top_k"])
    times = row["timings_ms"]
    stages = ", ".join(f"{stage} {times[stage]:.1f}" for stage in ("decode", "resize", "invoke"))
    return f"{printable(row['file'])}: {best}  ({times['total']:.1f} ms: {stages})"
