"""What Ctrl-C does: a command that is interrupted says what it has kept, by notes of the KeyboardInterrupt."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import NoReturn

EXIT_CODE = 130
"""That of a shell for a command that SIGINT ended, which typer uses as well."""


@contextmanager
def ends_at_once() -> Iterator[None]:
    """In this block, which imports the commands, Ctrl-C ends the process: there is nothing to keep yet.

    A KeyboardInterrupt would be a traceback, or be swallowed by a callback of the import system.
    """
    before = signal.getsignal(signal.SIGINT)
    in_main_thread = threading.current_thread() is threading.main_thread()  # no other one gets an interrupt
    if before is not signal.default_int_handler or not in_main_thread:  # a job in the background of a shell ignores it
        yield
        return
    signal.signal(signal.SIGINT, _end)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _end(*_: object) -> NoReturn:
    with suppress(OSError):  # stderr may be closed
        os.write(2, f"warning: {told(KeyboardInterrupt())}\n".encode())
    os._exit(EXIT_CODE)


@contextmanager
def kept(what: str | Callable[[], str]) -> Iterator[None]:
    """If the block is interrupted, note ``what`` is kept, and how to continue; a function says it then, or nothing.

    Inner notes come first.
    """
    try:
        yield
    except KeyboardInterrupt as interrupt:
        if note := what if isinstance(what, str) else what():
            interrupt.add_note(note)
        raise


def told(interrupt: KeyboardInterrupt) -> str:
    """The line to print: that it was interrupted, and the notes."""
    return " ".join(["interrupted.", *getattr(interrupt, "__notes__", ())])
