"""The machine that a group was measured on, and in what state it was."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Device:
    """The machine of a group."""

    board: str
    cpu: str
    cores: int
    machine: str
    bits: int
    os: str
    kernel: str
    address: str | None = None


@dataclass(frozen=True)
class Span:
    """A number before and after the run."""

    before: float | None = None
    after: float | None = None


@dataclass(frozen=True)
class Flags:
    """What was throttled before and after the run; empty for nothing, None for unknown."""

    before: tuple[str, ...] | None = None
    after: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Conditions:
    """Under which a group was measured."""

    date: str
    command: str | None
    python: str | None
    versions: dict[str, str]
    governor: str | None
    frequency_mhz: Span
    temperature_c: Span
    throttling: Flags
    load_average: Span
