"""Runs the commands of both packages: results on stdout, the rest on stderr, an error as one or two lines."""

import contextlib
import errno
import os
import re
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

from tlpipe_edge.console import interrupted, streams
from tlpipe_edge.console.text import printable
from tlpipe_edge.console.verbosity import Verbosity, verbosity
from tlpipe_edge.errors import TlpipeError, Unavailable, WrongUsage

_DISK_ERRORS = {
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EROFS,
    errno.EACCES,
    errno.ENOENT,
    errno.EFBIG,
    errno.EIO,
    errno.EEXIST,
    errno.ENOTDIR,
    errno.ENAMETOOLONG,
    errno.EPERM,
    errno.ENOTEMPTY,
    errno.EBUSY,  # a folder that is a mount point cannot be replaced
    errno.EXDEV,
    errno.ESTALE,
}

_DISK_ADVICE = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT, errno.EFBIG), "Free some space"),
    **dict.fromkeys((errno.EACCES, errno.EPERM, errno.EROFS), "Change its permissions"),
}
"""How to begin the advice on such an error."""

MAX_THREADS = 1024
"""More than the cores of any machine that tlpipe is for."""


def numbers(written: str) -> tuple[int, ...]:
    """The numbers in ``1,2``, each once. Raise WrongUsage for anything else."""
    parts = [part.strip() for part in written.split(",")]
    if not all(re.fullmatch("[0-9]{1,9}", part) and 1 <= int(part) <= MAX_THREADS for part in parts):
        advice = f"Write them as 1 or 1,2,4, each at most {MAX_THREADS}."
        raise WrongUsage("not numbers of threads", advice, where=written)
    return tuple(dict.fromkeys(map(int, parts)))


def run_program(
    app: Callable[..., Any],
    *,
    report: Callable[[TlpipeError], None] | None = None,
    redact: Callable[[str], str] = str,
) -> None:
    """Run a typer app as a program: a TlpipeError becomes an exit code, a broken pipe is not an error.

    ``report`` gets the error; without ``report``, it is printed as one or two lines on stderr, after ``redact``.
    """
    report = report or (lambda error: print(redact(_told(error)), file=sys.stderr))
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # file names need not be Unicode
    try:
        try:
            with _interrupted_again():
                app()
        finally:
            sys.stdout.flush()  # not at interpreter exit, when a broken pipe cannot be caught
    except TlpipeError as error:
        _fail(error, report)
    except BrokenPipeError:
        _end_quietly()
    except SystemExit as ended:
        if isinstance(ended.__context__, BrokenPipeError):  # typer has caught it, and would exit with 1
            _end_quietly()
        raise
    except KeyboardInterrupt as interrupt:  # outside of a command: there, the application says it
        from tlpipe_edge.console import progress

        progress.warn(interrupted.told(interrupt))
        sys.exit(interrupted.EXIT_CODE)
    except Exception as error:
        if isinstance(error, FileNotFoundError) and not _working_folder_exists():
            _fail(Unavailable("the working folder was deleted", "Change to another one."), report)
        if isinstance(error, OSError) and error.errno in _DISK_ERRORS:
            where = error.filename or "writing"
            first = _DISK_ADVICE.get(error.errno, "")
            advice = f"{first}, or name another path." if first else "Name another path."
            _leave_unwritten()
            _fail(Unavailable(f"{error.strerror}", advice, where=where), report)
        print(redact(traceback.format_exc()), end="", file=sys.stderr)
        sys.exit(TlpipeError.exit_code)


def _leave_unwritten() -> None:
    """Say nothing of files that fail again when Python closes them at its end, as an unfinished zip archive does."""
    before = sys.unraisablehook

    def hook(unraisable: "sys.UnraisableHookArgs") -> None:
        if not issubclass(unraisable.exc_type, OSError):
            before(unraisable)

    sys.unraisablehook = hook


def _working_folder_exists() -> bool:
    try:
        return bool(Path.cwd())
    except OSError:
        return False


@contextlib.contextmanager
def _interrupted_again() -> Iterator[None]:
    """A KeyboardInterrupt that Python swallows in this block, in a callback of the garbage collector, comes again."""
    before = sys.unraisablehook

    def hook(unraisable: "sys.UnraisableHookArgs") -> None:
        if issubclass(unraisable.exc_type, KeyboardInterrupt):
            # Not now, or it would be swallowed again.
            threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT)).start()
        else:
            before(unraisable)

    sys.unraisablehook = hook
    try:
        yield
    finally:
        sys.unraisablehook = before


def _end_quietly() -> None:
    """Exit with 0. Python flushes stdout once more, so redirect it (docs.python.org, "Note on SIGPIPE")."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    sys.exit(0)


def _fail(error: TlpipeError, report: Callable[[TlpipeError], None]) -> NoReturn:
    with streams.messages():
        report(error)
    sys.exit(error.exit_code)


def _told(error: TlpipeError) -> str:
    """The error's one or two lines, each made printable; with --verbose, its causes as well."""
    lines = [printable(line) for line in (error.what, error.advice) if line]
    cause = error.__cause__
    while cause is not None and verbosity() is Verbosity.VERBOSE:
        lines.append(printable(f"caused by {type(cause).__name__}: {cause}"))
        cause = cause.__cause__
    return "error: " + "\n".join(lines)
