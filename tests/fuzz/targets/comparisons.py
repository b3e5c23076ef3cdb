"""report.json: one of two that report --against compares."""

import zlib
from pathlib import Path

from fuzz import mutations
from fuzz.loop import Fuzzed
from fuzz.seeds import OLD, compiled_once
from fuzz.targets import benchmarks
from tlpipe.reporting import inputs
from tlpipe.reporting.derive import changes, compose, sides
from tlpipe.reporting.render import markdown, page


def prepare(folder: Path) -> Fuzzed:
    compiled_once()
    bench, file = folder / "bench.json", folder / "report.json"
    seeds = []
    for paths, content in (([OLD / "bundle"], b""), ([bench], benchmarks.sound()[0])):
        bench.write_bytes(content)
        seeds.append(compose.report(inputs.read(paths)).to_json().encode())
    file.write_bytes(seeds[0])
    other = sides.of_paths([file])

    def read(content: bytes) -> None:
        file.write_bytes(content)
        side = sides.of_paths([file])
        found = changes.comparison(side, other) if zlib.crc32(content) % 2 else changes.comparison(other, side)
        assert found.to_json() and markdown.compared(found) and page.compared(found)

    return Fuzzed(read, seeds, mutations.values)
