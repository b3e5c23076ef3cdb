"""HEIC images. pi-heif crashes for some damaged ones, which is known (SECURITY.md): this target is run by hand."""

from pathlib import Path

from fuzz import mutations
from fuzz.loop import Fuzzed
from fuzz.seeds import DATA
from tlpipe_edge.images import decode


def prepare(_folder: Path) -> Fuzzed:
    seeds = [file.read_bytes() for file in sorted((DATA / "heic").glob("*.heic"))]
    return Fuzzed(decode.decode, seeds, mutations.octets())
