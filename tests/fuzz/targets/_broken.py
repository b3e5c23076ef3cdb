"""Not a reader of tlpipe: it does what no reader may, for the tests of the driver. $TLPIPE_BROKEN says what."""

import itertools
import os
import signal
from pathlib import Path
from random import Random

from fuzz.loop import Fuzzed
from tlpipe_edge.errors import BadData

AT = b"7"
"""The document with which it does it, if it does it once."""


def prepare(_folder: Path) -> Fuzzed:
    kept: list[bytes] = []
    numbers = itertools.count()

    def read(content: bytes) -> None:
        if content == AT:
            BREAKS[os.environ["TLPIPE_BROKEN"]]()
        if os.environ["TLPIPE_BROKEN"] == "leak":
            kept.append(b"x" * 1_000_000)
        if content != b"sound":
            raise BadData("refused")

    def document(_content: bytes, _random: Random) -> bytes:
        return b"%d" % next(numbers)

    return Fuzzed(read, [b"sound"], document)


def _raise(*_: object) -> None:
    raise KeyError("no such thing")


def _hang() -> None:
    while True:
        pass


BREAKS = {
    "raise": _raise,
    "signal": lambda: os.kill(os.getpid(), signal.SIGSEGV),
    "hang": _hang,
    "sleep": signal.pause,
    "memory": lambda: bytearray(10**12),
    "leak": lambda: None,
}
