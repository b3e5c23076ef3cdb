"""What a library prints by itself is swallowed: stdout belongs to our results, and stderr to our messages."""

import contextlib
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator

from tlpipe_edge.console import progress


@contextlib.contextmanager
def silenced() -> Iterator[None]:
    """Swallow all that Python and C++ code prints in this block; it is shown on stderr when the block raises.

    Progress bars are drawn nevertheless.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    with tempfile.TemporaryFile() as swallowed:
        saved = os.dup(1), os.dup(2)
        os.dup2(swallowed.fileno(), 1)
        os.dup2(swallowed.fileno(), 2)
        failed = False
        try:
            with warnings.catch_warnings(), progress.drawn_on(saved[1]):
                warnings.simplefilter("ignore")
                yield
        except Exception:
            failed = True
            raise
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os.dup2(saved[0], 1)
            os.dup2(saved[1], 2)
            os.close(saved[0])
            os.close(saved[1])
            if failed:
                swallowed.seek(0)
                sys.stderr.write(swallowed.read().decode(errors="replace")[-2000:])
