"""A report of this machine to compare later ones with: what `tlpipe bench` says, without paths.

python benchmarks/reference.py BUNDLE [KERAS_FILE]: every recipe with one thread and with two, on the run's test split.
What was disturbed is measured again. Writes `reference/MACHINE-MODEL.json`; no path of this machine is in it.
"""

import dataclasses
import re
import sys
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

from tlpipe import atomic, evaluate, keras_bench
from tlpipe.bench import beside, photographs
from tlpipe_edge import Bundle, subject
from tlpipe_edge import bench as device_bench
from tlpipe_edge.bench_table import render
from tlpipe_edge.subject import Options

REFERENCE = Path(__file__).parent / "reference"
COMMAND = "python benchmarks/reference.py BUNDLE"
ATTEMPTS = 30

Document = dict[str, Any]


def main() -> None:
    """Measure, print the table, and keep the document."""
    document = public(_measure(Bundle.open(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else None))
    print(render(document))
    REFERENCE.mkdir(exist_ok=True)
    device = document["device"]
    words = f"{device['machine']} {device['cpu']} {device['cores']} cores {document['model']['name']}"
    file = REFERENCE / f"{re.sub('[^a-z0-9]+', '-', words.lower()).strip('-')}.json"
    atomic.write_text(file, device_bench.to_json(document) + "\n")
    print(file)


def _measure(bundle: Bundle, keras_file: Path | None) -> Document:
    """The document of ``tlpipe bench --threads 1,2``, put together from parts that are each valid."""
    keras_file = evaluate.original(bundle, keras_file)
    images = evaluate.images_of(bundle, keras_file)
    looked_at = photographs(images)
    original = keras_bench.answer(bundle, keras_file, images.examples)

    def part(recipe: str, threads: int) -> Document:
        options = Options(recipes=(recipe,), threads=(threads,))
        of = dataclasses.replace(subject.read(bundle.path, options), reference=original.reference)
        return _valid(lambda: device_bench.bench(of, looked_at, options, command=COMMAND))

    parts = [part(each.recipe, threads) for each, threads in product(bundle.manifest.artifacts, (1, 2))]
    begin, end = parts[0]["conditions"], parts[-1]["conditions"]
    moments = {
        name: {"before": begin[name]["before"], "after": end[name]["after"]}
        for name in ("frequency_mhz", "temperature_c", "throttling", "load_average")
    }
    whole = parts[-1] | {
        "conditions": end | moments,
        "results": [result for each in parts for result in each["results"]],
    }
    return beside(whole, _valid(lambda: keras_bench.measure(original, looked_at, bundle)))


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
