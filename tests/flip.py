"""Flips a bit of a file, as a failing disk or a bad copy does."""

import random
from collections.abc import Iterator
from pathlib import Path


def bit(file: Path, *, seed: int) -> None:
    """Flip one bit, chosen by the seed."""
    content, chance = bytearray(file.read_bytes()), random.Random(seed)
    content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    file.write_bytes(content)


def bits(file: Path, seeds: range) -> Iterator[int]:
    """For each seed, flip one bit of the sound file; gives the seed. The file is sound again afterwards."""
    sound = file.read_bytes()
    try:
        for seed in seeds:
            bit(file, seed=seed)
            yield seed
            file.write_bytes(sound)
    finally:
        file.write_bytes(sound)
