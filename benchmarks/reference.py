"""A report of this machine to compare later ones with: `tlpipe bench` without what belongs to nobody else.

python benchmarks/reference.py BUNDLE [KERAS_FILE]: every recipe with one thread and with two, on the run's test split.
Writes `reference/MACHINE-MODEL.json`, unless the machine was not calm. No path of this machine is in it.
"""

import re
import sys
from pathlib import Path
from typing import Any

from tlpipe import atomic
from tlpipe.bench import bench
from tlpipe_edge import Bundle
from tlpipe_edge.bench import to_json
from tlpipe_edge.bench_table import render
from tlpipe_edge.subject import Options

REFERENCE = Path(__file__).parent / "reference"
COMMAND = "python benchmarks/reference.py BUNDLE"


def main() -> None:
    """Measure, print the table, and keep the document where it is valid."""
    keras_file = Path(sys.argv[2]) if len(sys.argv) > 2 else None
    options = Options(threads=(1, 2))
    document = public(bench(Bundle.open(sys.argv[1]), options, command=COMMAND, keras_file=keras_file))
    print(render(document))
    if not document["valid"]:
        sys.exit("not kept, for it is invalid: run it again when the machine is calm")
    REFERENCE.mkdir(exist_ok=True)
    device = document["device"]
    words = f"{device['machine']} {device['cpu']} {device['cores']} cores {document['model']['name']}"
    file = REFERENCE / f"{re.sub('[^a-z0-9]+', '-', words.lower()).strip('-')}.json"
    atomic.write_text(file, to_json(document) + "\n")
    print(file)


def public(document: dict[str, Any]) -> dict[str, Any]:
    """The document with the names of files in the place of their paths."""
    named = [*document["images"]["failed"], *(row for each in document["results"] for row in each["disagreements"])]
    for row in named:
        row["file"] = Path(row["file"]).name
    for row in document["images"]["failed"]:
        row["reason"] = row["reason"].rpartition(": ")[2]
    return document


if __name__ == "__main__":
    main()
