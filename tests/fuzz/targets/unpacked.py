"""What is in the cache of an archive: its marker, and its files. If they are damaged, it is unpacked again."""

import zipfile
from pathlib import Path
from random import Random

from fuzz import mutations
from fuzz.loop import Fuzzed
from fuzz.seeds import photographs
from tlpipe.data import archive

MARKER = b"\0"
"""The first byte of a document: the rest is the marker, or else an image."""


def prepare(folder: Path) -> Fuzzed:
    images = dict([*photographs().items()][:2])
    there = folder / "photos.zip"
    with zipfile.ZipFile(there, "w") as made:
        for name, content in images.items():
            made.writestr(zipfile.ZipInfo(name), content)
    first = archive.unpacked(there)
    marker, image = first.folder.parent / "unpacked.json", first.folder / next(iter(images))
    sound = {marker: marker.read_bytes(), image: image.read_bytes()}

    def read(content: bytes) -> None:
        for file, before in sound.items():
            damaged = file == (marker if content[:1] == MARKER else image)
            file.write_bytes(content[1:] if damaged else before)
        found = archive.unpacked(there)
        for name, before in images.items():
            assert (found.folder / name).read_bytes() == before, f"a damaged {name} is used"

    return Fuzzed(read, [MARKER + sound[marker], b"\1" + sound[image]], mutate)


_octets = mutations.octets()


def mutate(content: bytes, random: Random) -> bytes:
    return content[:1] + (mutations.values if content[:1] == MARKER else _octets)(content[1:], random)
