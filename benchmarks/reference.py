"""A benchmark of this machine as a baseline for later ones: the document of `tlpipe bench`, without paths.

python benchmarks/reference.py BUNDLE THREADS [KERAS_FILE]: every recipe with each number of threads (such as 1,2), on
the test split of the run. Invalid measurements are repeated. Write `reference/MACHINE-MODEL.json`, without any path of
this machine.
"""

import dataclasses
import re
import sys
from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path
from typing import TypeVar

from tlpipe.benchmark import keras_timing
from tlpipe.benchmark.measure import labelled_images, with_keras
from tlpipe.evaluation.original import images_of
from tlpipe.runs.exported import original
from tlpipe.storage import atomic
from tlpipe_edge import Bundle
from tlpipe_edge.bench import run, target
from tlpipe_edge.bench.table import render
from tlpipe_edge.bench.target import BenchOptions
from tlpipe_edge.cli import app
from tlpipe_edge.contract.benchmark import Bench, Disagreement, KerasResult, to_json
from tlpipe_edge.contract.scores import Failed

REFERENCE = Path(__file__).parent / "reference"
ATTEMPTS = 30

Measured = TypeVar("Measured", Bench, KerasResult)
Row = TypeVar("Row", Disagreement, Failed)


def main() -> None:
    """Measure, print the table, and store the document."""
    bundle, threads = Bundle.open(sys.argv[1]), app.numbers(sys.argv[2])
    bench = public(_measure(bundle, threads, Path(sys.argv[3]) if len(sys.argv) > 3 else None))
    print(render(bench))
    REFERENCE.mkdir(exist_ok=True)
    device = bench.device
    words = f"{device.machine} {device.cpu} {device.cores} cores {bench.model.name}"
    file = REFERENCE / f"{re.sub('[^a-z0-9]+', '-', words.lower()).strip('-')}.json"
    atomic.write_text(file, to_json([bench]) + "\n")
    print(file)


def _measure(bundle: Bundle, sweep: Sequence[int], keras_file: Path | None) -> Bench:
    """The document of ``tlpipe bench --threads``, merged from parts that are all valid."""
    command = f"python benchmarks/reference.py BUNDLE {','.join(map(str, sweep))}"
    keras_file = original(bundle, keras_file)
    images = images_of(bundle, keras_file)
    labelled = labelled_images(images)
    keras = keras_timing.score(bundle, keras_file, images.examples)

    def part(recipe: str, threads: int) -> Bench:
        options = BenchOptions(recipes=(recipe,), threads=(threads,))
        measured = dataclasses.replace(target.read_target(bundle.path, options), reference=keras.reference)
        return _valid(lambda: run.bench(measured, labelled, options, command=command))

    parts = [part(each.recipe, threads) for each, threads in product(bundle.manifest.artifacts, sweep)]
    begin, end = parts[0].conditions, parts[-1].conditions
    moments = {
        name: dataclasses.replace(getattr(end, name), before=getattr(begin, name).before)
        for name in ("frequency_mhz", "temperature_c", "throttling", "load_average")
    }
    merged = dataclasses.replace(
        parts[-1],
        conditions=dataclasses.replace(end, **moments),
        results=tuple(result for each in parts for result in each.results),
    )
    return with_keras(merged, _valid(lambda: keras_timing.measure(keras, labelled, bundle)))


def _valid(measure: Callable[[], Measured]) -> Measured:
    """The first valid measurement."""
    for _ in range(ATTEMPTS):
        measured = measure()
        if measured.valid:
            return measured
        print(f"invalid, measuring again: {'; '.join(measured.invalid_reasons)}", file=sys.stderr)
    sys.exit("no valid measurement: other programs use this machine")


def public(bench: Bench) -> Bench:
    """The benchmark with the names of files instead of their paths."""

    def named(rows: tuple[Row, ...] | None) -> tuple[Row, ...]:
        return tuple(dataclasses.replace(row, file=Path(row.file).name) for row in rows or ())

    results = tuple(dataclasses.replace(each, disagreements=named(each.disagreements)) for each in bench.results)
    images = bench.images and dataclasses.replace(
        bench.images,
        failed=tuple(
            dataclasses.replace(each, reason=each.reason.replace(each.file, Path(each.file).name))
            for each in bench.images.failed
        ),
    )
    images = images and dataclasses.replace(images, failed=named(images.failed))
    return dataclasses.replace(bench, results=results, images=images)


if __name__ == "__main__":
    main()
