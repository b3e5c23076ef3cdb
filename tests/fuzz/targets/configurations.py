"""tlpipe.toml."""

import json
from pathlib import Path
from random import Random
from typing import Any

import typer

from fuzz import mutations
from fuzz.loop import Fuzzed
from tlpipe.cli import configuration
from tlpipe.cli.commands import app

SOUND = """seed = 3
weights = "imagenet"
[train]
data = "photos"
epochs = 4
learning-rate = 0.001
image-size = 160
crop = "letterbox"
deterministic = true
[finetune]
top-layers = 20
[export]
quantize = ["int8"]
[bench]
device = ["ssh://pi"]
threads = "1,2"
[evaluate]
max-drop = 0.02
"""
VALUES = (
    "1979-05-27",
    "07:32:00",
    "inf",
    "-inf",
    "nan",
    "[]",
    "[[]]",
    '["a", 1]',
    "{}",
    "{ a = 1 }",
    "true",
    "0x10",
    "1_000",
)


def prepare(folder: Path) -> Fuzzed:
    group: Any = typer.main.get_command(app)
    root = group.make_context("tlpipe", [], resilient_parsing=True)
    file = folder / "tlpipe.toml"
    keys = {key for each in configuration.tables(root).values() for key in each}
    words = [*(f"\n{key} = ".encode() for key in sorted(keys)), b"[train]\n", b"= [", b"'''", b"0x", b"{a = 1}"]

    def read(content: bytes) -> None:
        file.write_bytes(content)
        configuration.read(file, root)

    return Fuzzed(read, [SOUND.encode()], mutations.one_of(mutations.octets(words), _values))


def _values(content: bytes, random: Random) -> bytes:
    """With some values, or keys, that are others."""
    lines = content.decode().splitlines()
    for _ in range(random.choice((1, 1, 2))):
        place = random.randrange(len(lines))
        key, sign, _ = lines[place].partition(" = ")
        if sign:
            value = random.choice((*mutations.NUMBERS, *(json.dumps(text) for text in mutations.TEXTS), *VALUES))
            lines[place] = f"{key} = {value}"
        else:
            lines[place] = random.choice((f"[{random.choice(mutations.TEXTS)}]", "[train]", lines[place]))
    return "\n".join(lines).encode(errors="surrogatepass")
