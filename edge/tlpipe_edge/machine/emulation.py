"""Whether this program runs on an emulated processor, where times mean nothing."""

import platform
import sys
from pathlib import Path

_ELF_MACHINE = slice(18, 20)
_X86_VENDORS = ("GenuineIntel", "AuthenticAMD")


def emulated(root: Path = Path("/"), *, program: Path = Path(sys.executable), machine: str | None = None) -> bool:
    """Whether an emulator runs Python (``program``), as far as can be seen; ``root`` is the folder that holds /proc.

    qemu-user replaces /proc/self/exe, but not /proc/thread-self/exe, which is the emulator: an ELF file of another
    machine. Older versions also show the /proc/cpuinfo of the host. A system under qemu without hardware
    virtualization has TCG in the name of its processor.
    """
    runs, ours = _machine(root / "proc/thread-self/exe"), _machine(program)
    if runs and ours and runs != ours:
        return True
    try:
        processor = (root / "proc/cpuinfo").read_text("utf-8", "replace")
    except OSError:
        return False
    arm = (machine or platform.machine()).startswith(("arm", "aarch64"))
    return "QEMU TCG" in processor or (arm and any(vendor in processor for vendor in _X86_VENDORS))


def _machine(file: Path) -> bytes | None:
    """The field e_machine of an ELF header; None if the file is not ELF or cannot be read."""
    try:
        with file.open("rb") as stream:
            header = stream.read(_ELF_MACHINE.stop)
    except OSError:
        return None
    return header[_ELF_MACHINE] if header.startswith(b"\x7fELF") and len(header) == _ELF_MACHINE.stop else None
