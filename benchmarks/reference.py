"""A report of this machine to compare later ones with: what `tlpipe bench` says, without paths.

python benchmarks/reference.py BUNDLE THREADS [KERAS_FILE]: every recipe with each number of threads (such as 1,2), on
the run's test split. What was disturbed is measured again. Writes `reference/MACHINE-MODEL.json`; no path of this
machine is in it.
"""

import dataclasses
import re
import sys
from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path
from typing import Any

from tlpipe.benchmark import keras_timing
from tlpipe.benchmark.measure import photographs, with_keras
from tlpipe.evaluation.original import images_of, original
from tlpipe.storage import atomic
from tlpipe_edge import Bundle
from tlpipe_edge.bench import run, target
from tlpipe_edge.bench.table import render
from tlpipe_edge.bench.target import BenchOptions
from tlpipe_edge.cli import app

REFERENCE = Path(__file__).parent / "reference"
ATTEMPTS = 30

Document = dict[str, Any]


def main() -> None:
    """Measure, print the table, and keep the document."""
    bundle, threads = Bundle.open(sys.argv[1]), app.numbers(sys.argv[2])
    document = public(_measure(bundle, threads, Path(sys.argv[3]) if len(sys.argv) > 3 else None))
    print(render(document))
    REFERENCE.mkdir(exist_ok=True)
    device = document["device"]
    words = f"{device['machine']} {device['cpu']} {device['cores']} cores {document['model']['name']}"
    file = REFERENCE / f"{re.sub('[^a-z0-9]+', '-', words.lower()).strip('-')}.json"
    atomic.write_text(file, run.to_json(document) + "\n")
    print(file)


def _measure(bundle: Bundle, sweep: Sequence[int], keras_file: Path | None) -> Document:
    """The document of ``tlpipe bench --threads``, put together from parts that are each valid."""
    command = f"python benchmarks/reference.py BUNDLE {','.join(map(str, sweep))}"
    keras_file = original(bundle, keras_file)
    images = images_of(bundle, keras_file)
    photos = photographs(images)
    keras = keras_timing.answer(bundle, keras_file, images.examples)

    def part(recipe: str, threads: int) -> Document:
        options = BenchOptions(recipes=(recipe,), threads=(threads,))
        measured = dataclasses.replace(target.read_target(bundle.path, options), reference=keras.reference)
        return _valid(lambda: run.bench(measured, photos, options, command=command))

    parts = [part(each.recipe, threads) for each, threads in product(bundle.manifest.artifacts, sweep)]
    begin, end = parts[0]["conditions"], parts[-1]["conditions"]
    moments = {
        name: {"before": begin[name]["before"], "after": end[name]["after"]}
        for name in ("frequency_mhz", "temperature_c", "throttling", "load_average")
    }
    merged = parts[-1] | {
        "conditions": end | moments,
        "results": [result for each in parts for result in each["results"]],
    }
    return with_keras(merged, _valid(lambda: keras_timing.measure(keras, photos, bundle)))


def _valid(measure: Callable[[], Document]) -> Document:
    """What is measured when nothing disturbs it."""
    for _ in range(ATTEMPTS):
        document = measure()
        if document["valid"]:
            return document
        print(f"again: {'; '.join(document['invalid_reasons'])}", file=sys.stderr)
    sys.exit("this machine is not calm enough")


def public(document: Document) -> Document:
    """The document with the names of files in the place of their paths."""
    named = [*document["images"]["failed"], *(row for each in document["results"] for row in each["disagreements"])]
    for row in named:
        row["file"] = Path(row["file"]).name
    for row in document["images"]["failed"]:
        row["reason"] = row["reason"].rpartition(": ")[2]
    return document


if __name__ == "__main__":
    main()
