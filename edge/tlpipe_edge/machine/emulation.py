"""Whether this program runs on a processor that another program imitates: times mean nothing there."""

import platform
import sys
from pathlib import Path

_ELF_MACHINE = slice(18, 20)
_X86_VENDORS = ("GenuineIntel", "AuthenticAMD")


def emulated(root: Path = Path("/"), *, program: Path = Path(sys.executable), machine: str | None = None) -> bool:
    """Whether Python (``program``) is run by an emulator, as far as that can be told; ``root`` is where /proc is.

    qemu-user answers /proc/self/exe by itself, but not /proc/thread-self/exe, which is the emulator: an ELF file of
    another machine. Older ones also show the /proc/cpuinfo of the processor below. A whole system on qemu without
    hardware help says TCG in its processor's name.
    """
    runs, ours = _machine(root / "proc/thread-self/exe"), _machine(program)
    if runs and ours and runs != ours:
        return True
    try:
        processor = (root / "proc/cpuinfo").read_text(errors="replace")
    except OSError:
        return False
    arm = (machine or platform.machine()).startswith(("arm", "aarch64"))
    return "QEMU TCG" in processor or (arm and any(vendor in processor for vendor in _X86_VENDORS))


def _machine(file: Path) -> bytes | None:
    """The field e_machine of an ELF header; None for a file that has none, or that cannot be read."""
    try:
        with file.open("rb") as stream:
            header = stream.read(_ELF_MACHINE.stop)
    except OSError:
        return None
    return header[_ELF_MACHINE] if header.startswith(b"\x7fELF") and len(header) == _ELF_MACHINE.stop else None
