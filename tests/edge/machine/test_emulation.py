"""A processor that another program imitates is told from a real one."""

import os
from pathlib import Path

import pytest

from tlpipe_edge.machine.emulation import emulated

X86_64, AARCH64, ARM = 62, 183, 40


def program(file: Path, machine: int) -> Path:
    """The head of an ELF file."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x02\x00" + bytes([machine, 0]))
    return file


def machine(root: Path, *, runs: int, cpuinfo: str) -> Path:
    """The files below /proc of a machine on which the program that runs is for the processor ``runs``."""
    program(root / "proc/thread-self/exe", runs)
    (root / "proc/cpuinfo").write_text(cpuinfo)
    return root


@pytest.mark.arm64
def test_of_this_machine_it_is_known() -> None:
    assert emulated() == ("QEMU_CPU" in os.environ)  # set by scripts/test_arm64.sh


def test_a_program_that_is_run_by_one_for_another_processor_is_emulated(tmp_path: Path) -> None:
    root = machine(tmp_path, runs=X86_64, cpuinfo="CPU implementer\t: 0x41\n")

    assert emulated(root, program=program(tmp_path / "python", AARCH64), machine="aarch64")


def test_a_32_bit_program_on_a_64_bit_kernel_is_not(tmp_path: Path) -> None:
    root = machine(tmp_path, runs=ARM, cpuinfo="CPU implementer\t: 0x41\n")

    assert not emulated(root, program=program(tmp_path / "python", ARM), machine="aarch64")


@pytest.mark.parametrize(
    ("name", "cpuinfo", "expected"),
    [
        ("aarch64", "vendor_id\t: GenuineIntel\n", True),
        ("armv7l", "vendor_id\t: AuthenticAMD\n", True),
        ("x86_64", "vendor_id\t: GenuineIntel\n", False),
        ("x86_64", "model name\t: QEMU TCG CPU version 2.5+\n", True),
        ("aarch64", "CPU implementer\t: 0x41\n", False),
    ],
)
def test_the_processor_may_give_it_away(tmp_path: Path, name: str, cpuinfo: str, expected: bool) -> None:
    root = machine(tmp_path, runs=X86_64, cpuinfo=cpuinfo)

    assert emulated(root, program=tmp_path / "gone", machine=name) is expected


def test_a_system_without_proc_is_taken_for_real(tmp_path: Path) -> None:
    assert not emulated(tmp_path, program=tmp_path / "gone", machine="arm64")
