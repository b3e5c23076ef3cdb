"""Fill the cache in a child process while this one imports TensorFlow: that import holds Python's global lock.

Run as a program, this module is the child. It reads a pickled ``Job`` from stdin.
"""

import contextlib
import functools
import os
import pickle
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tlpipe.engine.choice import DEFAULT, engine
from tlpipe.features import room
from tlpipe.features.extractor import Extractor, Pass
from tlpipe_edge.console import progress
from tlpipe_edge.console.verbosity import Verbosity, set_verbosity, verbosity
from tlpipe_edge.errors import TlpipeError

MIN_EXAMPLES = 200
"""The child takes about as long to start as to extract this number of examples."""

FAILED = 3
"""The exit code of a child that met an error which the parent will meet, too; that of an unexpected one is 1."""


@dataclass(frozen=True)
class Job:
    """What the child does, pass after pass; with ``strict``, until one finds an example that cannot be read.

    It ends when the process with the id ``parent`` does.
    """

    extractor: Extractor
    passes: Sequence[Pass]
    strict: bool
    parent: int
    verbosity: Verbosity


@contextlib.contextmanager
def computed_ahead(extractor: Extractor, passes: Sequence[Pass], *, strict: bool) -> Iterator[Callable[[], None]]:
    """Start the passes of which the cache has nothing in a child. It yields a function that waits for the child, which
    is ended with the block.

    Only if they need no TensorFlow. Errors in the child are not raised: an ``extract`` afterwards computes the missing
    rows and raises the same errors. Raise as ``room.check``.
    """
    model = None if extractor.prefix is None else extractor.prefix.cached()
    missing = [each for each in passes if len(each.examples) >= MIN_EXAMPLES and extractor.knows_nothing_of(each.view)]
    if extractor.prefix is None or model is None or not missing or engine() != DEFAULT:
        yield lambda: None
        return
    room.check(extractor, passes)
    prefix = replace(extractor.prefix, load=functools.partial(bytes, model))
    try:
        child = _started(Job(replace(extractor, prefix=prefix), missing, strict, os.getpid(), verbosity()))
    except OSError as error:  # no room for the job, or no more processes
        progress.warn(f"features are extracted later, for no process can be started ({error.strerror})")
        yield lambda: None
        return
    with child, progress.drawn_elsewhere():
        try:
            yield lambda: _wait(child)
        finally:
            child.terminate()


def _started(job: Job) -> "subprocess.Popen[bytes]":
    with tempfile.TemporaryFile() as file:
        pickle.dump(job, file)
        file.seek(0)
        path = os.pathsep.join(str(folder or Path.cwd()) for folder in sys.path)
        return subprocess.Popen(
            [sys.executable, "-P", "-m", __name__],
            stdin=file,
            stdout=subprocess.DEVNULL,
            env=os.environ | {"PYTHONPATH": path},
            start_new_session=True,  # Ctrl-C is for this process, which then ends the child
        )


def _wait(child: "subprocess.Popen[bytes]") -> None:
    if child.wait() not in (0, FAILED):
        progress.warn(
            f"the process that extracted features meanwhile ended with exit code {child.returncode}: what is missing "
            "is extracted now"
        )


def _child() -> None:
    job: Job = pickle.load(sys.stdin.buffer)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(FAILED))  # so that a progress bar is removed
    threading.Thread(target=_end_with, args=(job.parent,), daemon=True).start()
    set_verbosity(job.verbosity)
    unreadable: set[str] = set()
    for each in job.passes:
        examples = [example for example in each.examples if example.sha256 not in unreadable]
        found = job.extractor.extract(examples, each.view, what=each.what).new_problems(examples)
        if found and job.strict:
            break
        unreadable |= {example.sha256 for example in found}


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(FAILED)


if __name__ == "__main__":
    try:
        _child()
    except (TlpipeError, OSError):
        sys.exit(FAILED)
