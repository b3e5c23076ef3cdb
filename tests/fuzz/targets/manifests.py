"""manifest.json of a bundle, and what is done with the texts and the names in it."""

from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from fuzz import mutations
from fuzz.loop import Fuzzed
from fuzz.seeds import OLD, copied
from tlpipe.remote import device_bench
from tlpipe.reporting import inputs
from tlpipe.runs import exported
from tlpipe_edge.cli import describe
from tlpipe_edge.contract import checksums
from tlpipe_edge.contract.bundle import EXPECTED, GOLDEN, LABELS, REFERENCE, Bundle
from tlpipe_edge.errors import TlpipeError


def prepare(folder: Path) -> Fuzzed:
    bundle = copied(OLD / "bundle", folder)
    old, files = Bundle.open(bundle).manifest, checksums.of(bundle, (LABELS, REFERENCE, f"{GOLDEN}/{EXPECTED}"))
    seeds = [old.to_json(), replace(old, files=files).to_json(), (bundle / "manifest.json").read_text()]

    def read(content: bytes) -> None:
        (bundle / "manifest.json").write_bytes(content)
        opened = Bundle.open(bundle)
        assert Bundle.open(bundle).manifest.from_json(opened.manifest.to_json()) == opened.manifest
        opened._repr_html_()
        inputs.gather(opened, ())
        with suppress(TlpipeError):  # what it lists is not there, or has another content
            opened.check()
            opened.reference()
            opened.checked_in("training", "*-metrics.json")
        with suppress(TlpipeError):  # its Keras model is not here
            exported.original(opened)
        device_bench.bundle_files(opened)
        "".join(describe.model(bundle))

    return Fuzzed(read, [seed.encode() for seed in seeds], mutations.sealed(mutations.values))
