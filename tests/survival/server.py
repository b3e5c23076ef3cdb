"""Runs commands in forks of this process, which has imported all of tlpipe and TensorFlow: a second instead of eight.

Run as a program, with the library of interposed.c preloaded: it reads a job per line of stdin, as JSON, and writes how
it ended to stdout. TensorFlow starts its threads with its first operation, which each fork does for itself.
"""

import contextlib
import ctypes
import dataclasses
import functools
import gc
import importlib
import json
import os
import pkgutil
import signal
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from interposed import VARIABLE, Control, Plan
from PIL import Image

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PR_SET_CHILD_SUBREAPER = 36
SECONDS = 20.0
"""How long the processes of a command may live after it. One that ends with its parent looks for it each second."""


@dataclass(frozen=True)
class Job:
    """A command of ``program``, run in ``folder`` with the variables ``environment``; stdout and stderr go to files.

    The library counts below ``root``, by ``plan``. After ``delay`` seconds the command is killed, if it still runs.
    """

    program: str
    arguments: tuple[str, ...]
    folder: str
    root: str
    stdout: str
    stderr: str
    environment: dict[str, str]
    plan: Plan = dataclasses.field(default_factory=Plan)
    delay: float | None = None


@dataclass(frozen=True)
class Ended:
    """The exit code (-9 if it was killed), the kinds of the calls, the one that was hit, seconds, living processes."""

    code: int
    calls: tuple[int, ...]
    hit: str
    seconds: float
    survivors: tuple[str, ...]


def serve(control: Control) -> str | None:
    """Run jobs until stdin ends. In a fork, this returns the program to run."""
    answers = os.dup(1)
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    os.write(answers, b"ready\n")
    for line in sys.stdin:
        document = json.loads(line)
        job = Job(**document | {"plan": Plan(**document["plan"])})
        start = time.monotonic()
        child = os.fork()
        if child == 0:
            os.close(answers)
            _become(job, control)
            return job.program
        code = _ended(child, start, job.delay)
        seconds, survivors = time.monotonic() - start, _survivors()
        calls, hit = control.disarm()
        os.write(answers, json.dumps(asdict(Ended(code, calls, hit, seconds, survivors))).encode() + b"\n")
    return None


def _become(job: Job, control: Control) -> None:
    """Make this fork the process of the job."""
    os.setsid()
    os.chdir(job.folder)
    for descriptor, file, flags in (
        (0, os.devnull, os.O_RDONLY),
        (1, job.stdout, os.O_WRONLY | os.O_CREAT | os.O_TRUNC),
        (2, job.stderr, os.O_WRONLY | os.O_CREAT | os.O_TRUNC),
    ):
        opened = os.open(file, flags, 0o644)
        os.dup2(opened, descriptor)
        os.close(opened)
    os.environ.update(job.environment)
    tempfile.tempdir = None
    sys.argv = [job.program, *job.arguments]
    control.arm(job.plan, root=Path(job.root), main=os.getpid())


def _ended(child: int, start: float, delay: float | None) -> int:
    while delay is not None:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() - start >= delay:
            os.kill(child, signal.SIGKILL)
            break
        time.sleep(0.002)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _survivors() -> tuple[str, ...]:
    """The commands of those processes below this one that do not end; they are killed. The kernel has given them to
    this process as their parents ended."""
    until = time.monotonic() + SECONDS
    with contextlib.suppress(ChildProcessError):
        while time.monotonic() < until:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                time.sleep(0.01)
        found = []
        for task in Path("/proc/self/task").iterdir():
            for child in (task / "children").read_text("utf-8").split():
                found.append(Path("/proc", child, "cmdline").read_text("utf-8").replace("\0", " "))
                os.kill(int(child), signal.SIGKILL)
                os.waitpid(int(child), 0)
        return tuple(found)
    return ()


def prepare() -> None:
    """Import all, and let the commands train the network of ``tiny``, time briefly, draw nothing, and start the child
    that extracts features for as few images as there are."""
    import benches
    import matplotlib.figure
    import sklearn.datasets
    import stored
    import tensorflow as tf
    import tiny

    import tlpipe
    import tlpipe_edge
    from tlpipe.features import ahead
    from tlpipe.network.backbones import BACKBONES
    from tlpipe_edge.bench import target

    for package in (tlpipe_edge, tlpipe):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if module.name != "tlpipe.engine.cluster.pipeline":  # imports Ray, an extra
                importlib.import_module(module.name)
    for lazy in (stored, tf.lite.TFLiteConverter, sklearn.datasets.load_digits):
        assert lazy
    usual = BACKBONES["mobilenet_v2"]
    BACKBONES[usual.name] = dataclasses.replace(tiny.TINY, name=usual.name, sizes=usual.sizes, layers=usual.layers)
    short = dataclasses.replace(benches.SHORT, window_runs=1, max_windows=2, runs=2)
    target.BenchOptions = functools.partial(target.BenchOptions, rules=short)  # type: ignore[misc]
    ahead.MIN_EXAMPLES = 1
    matplotlib.figure.Figure.savefig = _save_blank  # type: ignore[method-assign]
    gc.freeze()  # no fork collects what is here


def _save_blank(_figure: "Figure", file: Path, **_: Any) -> None:
    """In place of ``Figure.savefig``: to draw plots is a third of the time of a training this short."""
    Image.new("L", (1, 1)).save(file)


def run(program: str) -> None:
    """A command, as its program runs it."""
    if program == "tiny-weights":
        import tiny

        tiny.write_npz(Path(sys.argv[1]))
        return
    if program == "demo-images":
        from tlpipe.demo import digits
        from tlpipe_edge.cli.app import run_program

        run_program(lambda: digits.write_images(Path("demo-images")))
        return
    if program == "stored":
        import stored

        from tlpipe_edge.cli.app import run_program

        run_program(lambda: stored.main(*sys.argv[1:]))
        return
    importlib.import_module(f"{program}.__main__").main()


if __name__ == "__main__":
    sys.path.append(str(Path(__file__).parents[1] / "pipeline"))
    prepare()
    wanted = serve(Control(Path(os.environ[VARIABLE])))
    if wanted:
        run(wanted)
