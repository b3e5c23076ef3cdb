"""Errors of the disk, said of the result that a command writes: its user does not know the temporary files."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NUMBERS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EACCES, errno.EROFS)
"""Of a disk, or of its permissions."""


def raise_of_the_disk(error: Exception) -> None:
    """Raise ``error`` if it is one of the disk: whoever reads a file with a library, which may write temporary files,
    takes all its other errors for damage."""
    if isinstance(error, OSError) and error.errno in NUMBERS:
        raise error


@contextmanager
def naming(result: Path) -> Iterator[None]:
    """An OSError in this block that names no file, or a hidden one of ``result`` beside it, names ``result``."""
    try:
        yield
    except OSError as error:
        if error.errno is not None and (error.filename is None or _is_hidden(error.filename, result.absolute())):
            error.filename, error.filename2 = str(result), None
        raise


def _is_hidden(name: object, result: Path) -> bool:
    if not isinstance(name, str | bytes):  # a file descriptor
        return True
    file = Path(os.fsdecode(name)).absolute()
    return str(file).startswith(str(result.with_name(f".{result.name}.")))
