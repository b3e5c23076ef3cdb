"""Damaged HDF5: weights, alone and in a .keras file. The library is written in C: this target is run by hand."""

from pathlib import Path

from fuzz import mutations
from fuzz.loop import Fuzzed
from fuzz.targets import weights
from tlpipe.adopting import model_file
from tlpipe.network.weights_file import held


def prepare(folder: Path) -> Fuzzed:
    archive, plain = folder / "w.keras", folder / "w.weights.h5"

    def read(content: bytes) -> None:
        file = archive if content.startswith(b"PK") else plain
        file.write_bytes(content)
        held(file)
        with model_file.unpacked(file):
            pass

    return Fuzzed(read, [weights.archive('{"config": {}}')], mutations.one_of(mutations.members(_octets), _octets))


_octets = mutations.octets([b"TREE", b"HEAP", b"SNOD", b"OHDR", b"FRHP"])
