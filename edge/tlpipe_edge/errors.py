"""What can go wrong, and the exit code that says so: one class per code, numbered as in BSD's sysexits(3)."""


class TlpipeError(Exception):
    """An error that a user can act on: what and where in one line, what to do in a second one.

    Raise one of the subclasses. ``exit_code`` is what the commands exit with.
    """

    exit_code = 70

    def __init__(self, what: str, advice: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.advice = advice

    def __str__(self) -> str:
        return f"{self.what}\n{self.advice}" if self.advice else self.what


class GateNotMet(TlpipeError):
    """A limit that the user set (an accuracy drop, a slowdown) was exceeded."""

    exit_code = 1


class WrongUsage(TlpipeError):
    """Options that do not go together, or a value outside its range."""

    exit_code = 2


class BadData(TlpipeError):
    """An image, a model, a data set or a manifest that cannot be used as it is."""

    exit_code = 65


class MissingInput(TlpipeError):
    """A file or folder that was named and is not there."""

    exit_code = 66


class Unavailable(TlpipeError):
    """A device, a disk, a runtime or the network that does not do its part."""

    exit_code = 69


class Busy(TlpipeError):
    """Another process works in the same directory."""

    exit_code = 75


class BadConfiguration(TlpipeError):
    """A stored configuration that does not fit this installation."""

    exit_code = 78
