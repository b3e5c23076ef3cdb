"""The errors that a user can act on: one class per exit code, numbered as in BSD's sysexits(3)."""

from collections.abc import Iterable
from typing import Self


class TlpipeError(Exception):
    """An error that a user can act on: the place and the reason in one line, the advice in a second one.

    Raise one of the subclasses. The commands exit with ``exit_code``.

        TlpipeError
        ├── GateNotMet         1
        ├── WrongUsage         2
        ├── BadData           65
        ├── MissingInput      66
        ├── Unavailable       69
        ├── Busy              75
        └── BadConfiguration  78
    """

    exit_code = 70

    def __init__(self, reason: str, advice: str = "", *, where: object = "") -> None:
        """``where``: a file, a field, an option or a device; empty if the reason says all."""
        super().__init__(reason)
        self.reason = reason
        self.advice = advice
        self.where = str(where)

    @property
    def what(self) -> str:
        """The place and the reason, in one line."""
        return f"{self.where}: {self.reason}" if self.where else self.reason

    def at(self, where: object) -> Self:
        """The same error with another place, for a caller that knows it better: raise it ``from`` this one."""
        return type(self)(self.reason, self.advice, where=where)

    def __str__(self) -> str:
        return f"{self.what}\n{self.advice}" if self.advice else self.what


def listed(choices: Iterable[object]) -> str:
    """The choices that an advice names: ``a, b or c``."""
    *others, last = map(str, choices)
    return f"{', '.join(others)} or {last}" if others else last


class GateNotMet(TlpipeError):
    """A limit that the user set (an accuracy drop, a slowdown) was exceeded."""

    exit_code = 1


class WrongUsage(TlpipeError):
    """Options that exclude each other, or a value outside its range."""

    exit_code = 2


class BadData(TlpipeError):
    """An image, a model, a data set or a manifest that is damaged or cannot be used."""

    exit_code = 65


class MissingInput(TlpipeError):
    """A file or folder that does not exist."""

    exit_code = 66


class Unavailable(TlpipeError):
    """A device, a disk, a runtime or the network that is missing or fails."""

    exit_code = 69


class Busy(TlpipeError):
    """Another process holds the lock of the directory."""

    exit_code = 75


class BadConfiguration(TlpipeError):
    """A configuration that is not valid, or does not fit this installation."""

    exit_code = 78
