"""TIFF, AVIF and HEIC that pretend to be what they are not. Not emulated: processes are slow there."""

import struct
import subprocess
import sys

import numpy as np
import pytest
from encoding import AVIF, HEIC, encoded, needs_pi_heif, photograph, reason

from tlpipe_edge.errors import TlpipeError
from tlpipe_edge.images import decode


@needs_pi_heif
def test_deep_grey_is_refused_because_pi_heif_writes_out_of_its_memory() -> None:
    content = bytearray((HEIC / "grey.heic").read_bytes())
    depth = content.index(b"hvcC") + 4 + 17  # bitDepthLumaMinus8 (ISO/IEC 14496-15, 8.3.3)
    assert content[depth] == 0xF8
    content[depth] = 0xFF
    assert "grey of more than 8 bits" in reason(bytes(content))


def promising(content: bytes, width: int, height: int) -> bytes:
    """The same image, whose header says another size: of a TIFF, or in the boxes "ispe" of an AVIF or HEIC."""
    if content[:4] == b"II*\0":
        for tag, old, new in ((256, 96, width), (257, 64, height)):
            for form, kind in (("HHIHH", 3), ("HHII", 4)):
                padding = (0,) * (form == "HHIHH")
                before = struct.pack("<" + form, tag, kind, 1, old, *padding)
                content = content.replace(before, struct.pack("<HHII", tag, 4, 1, new))
        return content
    return content.replace(
        b"ispe\0\0\0\0" + struct.pack(">II", 96, 64), b"ispe\0\0\0\0" + struct.pack(">II", width, height)
    )


CHILD = """
import resource, sys
from tlpipe_edge.images import decode
content = sys.stdin.buffer.read()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    decode.decode(content)
except decode.UnreadableImage as error:
    print(error.reason)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.parametrize("kind", ["TIFF", AVIF, pytest.param("HEIC", marks=needs_pi_heif)])
def test_a_header_that_promises_too_many_pixels_takes_neither_time_nor_memory(kind: str) -> None:
    content = (HEIC / "plain.heic").read_bytes() if kind == "HEIC" else encoded(photograph(), kind)
    for width, height in ((100_000, 100_000), (0, 5), (2**31 - 1, 2**31 - 1)):
        damaged = promising(content, width, height)
        assert damaged != content
        run = subprocess.run([sys.executable, "-c", CHILD], input=damaged, capture_output=True, check=False, timeout=60)
        assert run.returncode == 0, run.stderr
        said, grown = run.stdout.decode().splitlines()
        assert said and int(grown) < 100_000  # kB


@needs_pi_heif
def test_no_bytes_of_a_heic_raise_anything_but_an_error_of_ours() -> None:
    random = np.random.default_rng(0)
    read = 0
    for file in sorted(HEIC.glob("*.heic")):
        for _ in range(60):
            mutant = bytearray(file.read_bytes())
            for position in random.integers(len(mutant), size=random.integers(1, 5)):
                mutant[position] = random.integers(256)
            del mutant[random.integers(len(mutant)) : random.integers(8 * len(mutant))]
            try:
                decode.decode(bytes(mutant))
                read += 1
            except TlpipeError as error:
                assert "\n" not in error.what
    assert read


@needs_pi_heif
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_truncated_heic_is_refused(share: float) -> None:
    content = (HEIC / "plain.heic").read_bytes()
    reason(content[: int(share * len(content))])


def test_reading_registers_no_opener_of_pillow() -> None:
    script = "from tlpipe_edge.images import decode; import sys; sys.exit('pi_heif' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
