"""Labels files."""

from pathlib import Path

from fuzz import mutations
from fuzz.loop import Fuzzed
from tlpipe_edge.contract import labels

WORDS = (b"background", b"0 ", b"1: ", b"2. ", b"3 - ", b"\n", b"\r\n", b"\xef\xbb\xbf", b" (1)", b"cat", b"\xc2\xb2 ")


def prepare(folder: Path) -> Fuzzed:
    file = folder / "labels.txt"

    def read(content: bytes) -> None:
        file.write_bytes(content)
        for classes in (2, 3, 4):
            try:
                found = labels.read(file, classes=classes)
            except labels.BadData as error:
                refused = error
            else:
                assert len(set(found.labels)) == classes
                return
        raise refused

    texts = (
        "cat\ndog\nbird\n",
        "0 cat\n1 dog\n2 bird\n",
        "background\r\ncat\r\ndog",
        "2: a\n0: b\n1: b\n",
        "crane\ncrane",
    )
    return Fuzzed(read, [text.encode() for text in texts], mutations.octets(WORDS))
