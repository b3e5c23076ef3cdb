"""Fill the cache in a child process while this one imports TensorFlow: that import holds Python's global lock.

Run as a program, this module is the child. It reads a pickled ``Job`` from stdin.
"""

import contextlib
import functools
import os
import pickle
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from tlpipe.data.augment import View
from tlpipe.data.dataset import Example
from tlpipe.engine.choice import DEFAULT, engine
from tlpipe.features.extractor import Extractor

MIN_EXAMPLES = 200
"""The child takes about as long to start as to extract this number of examples."""


@dataclass(frozen=True)
class Pass:
    """Extract a view of these examples; ``what`` is the text of the progress bar."""

    examples: Sequence[Example]
    view: View
    what: str


@dataclass(frozen=True)
class Job:
    """What the child does, pass after pass."""

    extractor: Extractor
    passes: Sequence[Pass]


@contextlib.contextmanager
def computed_ahead(extractor: Extractor, passes: Sequence[Pass]) -> Iterator[None]:
    """Start the passes of which the cache has nothing in a child, and wait for it at the end of the block.

    Only if they need no TensorFlow. Errors in the child are not raised: an ``extract`` after the block computes the
    missing rows and raises the same errors.
    """
    model = None if extractor.prefix is None else extractor.prefix.cached()
    missing = [each for each in passes if len(each.examples) >= MIN_EXAMPLES and extractor.knows_nothing_of(each.view)]
    if extractor.prefix is None or model is None or not missing or engine() != DEFAULT:
        yield
        return
    prefix = replace(extractor.prefix, load=functools.partial(bytes, model))
    with tempfile.TemporaryFile() as file:
        pickle.dump(Job(replace(extractor, prefix=prefix), missing), file)
        file.seek(0)
        command = [sys.executable, "-P", "-m", __name__]
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        child = subprocess.Popen(command, stdin=file, stdout=subprocess.DEVNULL, env=environment)
    with child:
        try:
            yield
            child.wait()
        finally:
            child.terminate()


def _child() -> None:
    job: Job = pickle.load(sys.stdin.buffer)
    for each in job.passes:
        job.extractor.extract(each.examples, each.view, what=each.what)


if __name__ == "__main__":
    try:
        _child()
    except BaseException:  # also Ctrl-C, which the parent gets, too
        sys.exit(1)
