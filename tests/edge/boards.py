"""A machine on which all is well, for the tests to change."""

from tlpipe_edge.machine.device import Device

PI = Device(
    board="Raspberry Pi 5",
    cpu="Cortex-A76",
    cores=4,
    machine="aarch64",
    bits=64,
    os="Debian GNU/Linux 13 (trixie)",
    kernel="6.12",
    governor="performance",
    frequency_mhz=2400.0,
    temperature_c=45.0,
    throttling=(),
)
