"""The streams and the encoding of a program, wherever it is started: by cron, in a container, in an old locale."""

import contextlib
import os
import sys
from collections.abc import Iterator


def settle() -> None:
    """Open those of stdin, stdout and stderr that are closed: a file that takes the place of one would get its text.

    If the locale has another encoding than UTF-8, start the program again in Python's UTF-8 mode: file names are in
    UTF-8, and so are the labels that are folder names. What is printed stays in the encoding of the locale.
    """
    for descriptor, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
        if getattr(sys, name) is None:
            setattr(sys, name, open(descriptor, mode, encoding="utf-8", closefd=False))  # noqa: SIM115
    if sys.getfilesystemencoding() != "utf-8" and os.environ.get("PYTHONUTF8") != "1":
        os.environ["PYTHONUTF8"] = "1"
        os.environ.setdefault("PYTHONIOENCODING", sys.stdout.encoding)
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


@contextlib.contextmanager
def messages() -> Iterator[None]:
    """For printing on stderr: it is no error if that cannot be written to, such as a log on a full disk."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError:  # Python keeps the text, tries it again at the end, and then exits with 120
        nowhere, stderr = os.open(os.devnull, os.O_WRONLY), os.dup(2)
        os.dup2(nowhere, 2)
        sys.stderr.flush()
        os.dup2(stderr, 2)
        os.close(nowhere)
        os.close(stderr)
