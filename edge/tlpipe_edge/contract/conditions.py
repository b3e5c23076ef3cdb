"""The measured machine and its state before and after the run: a part of the document of ``bench``."""

from dataclasses import dataclass

from tlpipe_edge.contract.ranges import Celsius, Milliseconds, Positive, Reading

UNKNOWN = "unknown"
"""What a browser does not tell of the machine."""


@dataclass(frozen=True)
class Browser:
    """The browser in which the page of ``tlpipe web`` ran the model; its clock counts steps of ``clock_ms``."""

    name: str
    version: str
    clock_ms: Milliseconds


@dataclass(frozen=True)
class DeviceDescription:
    """The measured machine, in its state before the run; ``address`` is None for the machine that wrote the document.

    Frequency is in MHz, temperature in degrees Celsius. ``throttling`` is empty if nothing was throttled,
    ``browser`` is None for a program that runs without one.
    """

    board: str
    cpu: str
    cores: Positive
    machine: str
    bits: Positive
    os: str
    kernel: str
    governor: str | None = None
    frequency_mhz: Reading | None = None
    temperature_c: Celsius | None = None
    throttling: tuple[str, ...] | None = None
    address: str | None = None
    browser: Browser | None = None

    @property
    def title(self) -> str:
        """The board or else the processor; in a browser, with it: "Pixel 8, Chrome 142 (browser)". Empty if unknown."""
        if self.browser is None:
            return self.board or self.cpu
        machine = [each for each in (self.board, self.cpu, self.os) if each not in ("", UNKNOWN)][:1]
        version = self.browser.version.partition(".")[0]
        named = " ".join(each for each in (self.browser.name, version) if each not in ("", UNKNOWN))
        return ", ".join([*machine, f"{named} (browser)" if named else "a browser"])


@dataclass(frozen=True)
class Temperatures:
    """Temperatures in degrees Celsius, before and after the run."""

    before: Celsius | None = None
    after: Celsius | None = None


@dataclass(frozen=True)
class Span:
    """A reading, such as a frequency in MHz, before and after the run."""

    before: Reading | None = None
    after: Reading | None = None


@dataclass(frozen=True)
class Flags:
    """Throttling before and after the run; empty for none, None for unknown."""

    before: tuple[str, ...] | None = None
    after: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Loads:
    """The load averages over 1, 5 and 15 minutes, before and after the run."""

    before: tuple[Reading, ...] | None = None
    after: tuple[Reading, ...] | None = None


@dataclass(frozen=True)
class Conditions:
    """The conditions of a benchmark. ``date`` is ISO 8601; ``versions`` are those of the packages in use."""

    date: str
    emulated: bool
    command: str | None = None
    python: str | None = None
    versions: dict[str, str] | None = None
    governor: str | None = None
    frequency_mhz: Span | None = None
    temperature_c: Temperatures | None = None
    throttling: Flags | None = None
    load_average: Loads | None = None
