"""The arrays of a bundle: reference.npz, golden/expected.npz and predictions.npz."""

import hashlib
from dataclasses import replace
from pathlib import Path
from random import Random

import numpy as np

from fuzz import mutations
from fuzz.loop import Fuzzed
from fuzz.seeds import DRAWN, copied
from tlpipe.evaluation import per_image
from tlpipe.evaluation.per_image import Predictions
from tlpipe_edge.contract.bundle import EXPECTED, GOLDEN, REFERENCE, Bundle
from tlpipe_edge.contract.checksums import Checksum
from tlpipe_edge.images import labelled

NAMES = (REFERENCE, f"{GOLDEN}/{EXPECTED}", per_image.PREDICTIONS)
"""The first byte of a document is the place of its file here, the second says what the manifest says of that file."""
UNLISTED, OTHER = 0, 1
"""Nothing, as that of version 0.1.0; another checksum. Any other byte: that of the file."""

_arrays = mutations.members(mutations.octets([b"'shape': (", b"'descr': ", b"|O", b"<U64", b"(3,)"]))


def prepare(folder: Path) -> Fuzzed:
    bundle = Bundle.open(copied(DRAWN, folder))
    (bundle.path / "evaluation.json").write_text("{}")
    count, indices = 3, np.array([0, 1, 2], np.int32)
    images = per_image.of_hashes([hashlib.sha256(bytes([number])).hexdigest() for number in range(count)])
    (artifact,) = bundle.manifest.artifacts
    per_image.write(bundle.path, Predictions(images, indices, indices, {artifact.sha256: indices}), evaluation="{}")
    sound = [(bundle.path / name).read_bytes() for name in NAMES]
    reference = replace(bundle, manifest=replace(bundle.manifest, files=())).reference()

    def read(content: bytes) -> None:
        place, listing, content = (content[:1] or b"\0")[0] % len(NAMES), content[1:2], content[2:]
        file = bundle.path / NAMES[place]
        file.write_bytes(content)
        try:
            opened = replace(bundle, manifest=replace(bundle.manifest, files=_listed(place, listing, content)))
            (opened.reference, lambda: labelled.golden(opened, reference), lambda: per_image.read(opened))[place]()
            assert place == 2 or listing != bytes([OTHER]), "read in spite of its checksum"
        finally:
            file.write_bytes(sound[place])

    return Fuzzed(read, [bytes([place, 2]) + content for place, content in enumerate(sound)], mutate)


def _listed(place: int, listing: bytes, content: bytes) -> tuple[Checksum, ...]:
    if listing == bytes([UNLISTED]):
        return ()
    written = b"other" if listing == bytes([OTHER]) else content
    return (Checksum(NAMES[place], hashlib.sha256(written).hexdigest(), len(content)),)


def mutate(content: bytes, random: Random) -> bytes:
    place = content[:1] if random.random() < 0.95 else bytes([random.randrange(len(NAMES))])
    return place + bytes([random.choice((UNLISTED, OTHER, 2, 2, 2, 2))]) + _arrays(content[2:], random)
