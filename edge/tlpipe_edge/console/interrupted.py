"""What a command that is interrupted (Ctrl-C) has kept: told as notes of the KeyboardInterrupt."""

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def kept(what: str) -> Iterator[None]:
    """If the block is interrupted, note ``what`` is kept, and how to continue. Inner notes come first."""
    try:
        yield
    except KeyboardInterrupt as interrupt:
        interrupt.add_note(what)
        raise


def told(interrupt: KeyboardInterrupt) -> str:
    """The line to print: that it was interrupted, and the notes."""
    return " ".join(["interrupted.", *getattr(interrupt, "__notes__", ())])
