""".tflite files: checked, described, with their metadata. Nothing runs them here: that is the target sessions."""

from pathlib import Path

from fuzz import mutations
from fuzz.loop import Fuzzed
from fuzz.seeds import OLD
from tlpipe_edge.classify import classifier
from tlpipe_edge.classify.model_file import NO_OPTIONS
from tlpipe_edge.contract.files import read as read_file
from tlpipe_edge.errors import TlpipeError
from tlpipe_edge.tflite import graph, metadata, verify

WORDS = (b"TFL3", b"M001", b"TFLITE_METADATA", b"labels.txt", b"PK\3\4", b"PK\1\2", b"PK\5\6")


def prepare(folder: Path) -> Fuzzed:
    file = folder / "model.tflite"

    def read(content: bytes) -> None:
        file.write_bytes(content)
        model, where = read_file(file), str(file)
        refused = []
        for part in (metadata.read, graph.read, graph.signatures, verify.check):  # each alone, as info does it
            try:
                part(model, where=where)
            except TlpipeError as error:
                refused.append(error)
        if refused:
            raise refused[0]
        classifier.of_file(file, NO_OPTIONS)

    return Fuzzed(read, seeds(), mutations.octets(WORDS))


def seeds() -> list[bytes]:
    """Models of 25 kB, as they are exported: most of a larger one would be weights."""
    return [file.read_bytes() for file in sorted((OLD / "bundle").glob("*.tflite"))]
