"""Lists of images with their labels: CSV, JSON Lines, Hugging Face's metadata."""

import json
from pathlib import Path
from random import Random

from fuzz import mutations
from fuzz.loop import Fuzzed
from fuzz.seeds import images_in
from tlpipe.data import loading
from tlpipe.data.reading import Reading

ROWS = [(f"{label}/{number}.jpg", label) for label in ("cat", "dog") for number in range(4)]
TABLES = (
    "path,label\n" + "".join(f"{path},{label}\n" for path, label in ROWS),
    "sep=;\r\nfilename;class;split\r\n" + "".join(f'"{path}";{label};train\r\n' for path, label in ROWS),
    "image\tcat\tdog\n" + "".join(f"{path}\t{int(label == 'cat')}\t{int(label == 'dog')}\n" for path, label in ROWS),
    "".join(f"{path},{label}\n" for path, label in ROWS),
    "id label\n" + "".join(f"C:\\there\\{path} {label}\n" for path, label in ROWS),
    "\ufefffile_name,label\n" + "".join(f"{path},{label}\n" for path, label in ROWS),
)
WORDS = (
    b"path",
    b"label",
    b"split",
    b"file_name",
    b"image_id",
    b";",
    b"\t",
    b'"',
    b'""',
    b"\r",
    b"cat/0.jpg",
    b"sep=|\n",
)
LINES = "".join(json.dumps({"file_name": path, "label": label, "split": "train"}) + "\n" for path, label in ROWS)


NAMES = ("list.csv", "list", "list.jsonl", "metadata.csv", "metadata.jsonl")
"""The first byte of a document is the place of its file here."""

_octets = mutations.octets(WORDS)


def prepare(folder: Path) -> Fuzzed:
    folder = images_in(folder / "listed")

    def read(content: bytes) -> None:
        place = content[0] if content else 0
        if place >= len(NAMES):
            return
        file = folder / NAMES[place]
        file.write_bytes(content[1:])
        try:
            if file.name.startswith("metadata"):
                loading.load(folder)
            else:
                loading.load(file, reading=Reading(images=folder if place else None))
        finally:
            file.unlink()

    tables = [text.encode() for text in TABLES] + [TABLES[0].encode("utf-16")]
    seeds = [bytes([place]) + table for table in tables for place in (0, 1)]
    seeds += [bytes([place]) + LINES.encode() for place in (2, 4)] + [bytes([3]) + tables[-2]]
    return Fuzzed(read, seeds, mutate)


def mutate(content: bytes, random: Random) -> bytes:
    lines = content[1:].startswith(b"{")
    return content[:1] + (mutations.lines_of_values if lines else _octets)(content[1:], random)
