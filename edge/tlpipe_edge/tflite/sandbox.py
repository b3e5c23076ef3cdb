"""Runs a model once in a child process, within limits of time and memory: load, allocate, one invoke.

A model that crashes, hangs or takes too much memory does so in the child. A model that passed is remembered by its
sha256 and the version of the runtime. One that failed is tried again each time: a busy machine may be the cause.
"""

import contextlib
import functools
import hashlib
import json
import signal
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Timer

import numpy as np

from tlpipe_edge.errors import BadData, TlpipeError, Unavailable
from tlpipe_edge.machine import cache
from tlpipe_edge.tflite import interpreter

MAX_MEMORY = 1_000_000_000
"""Maximum bytes for loading and running a model, on top of the memory of the runtime."""
START_SECONDS = 60.0
"""Time limit for the child to import the runtime: it takes 0.3 s on a workstation, several on a small device."""
MIN_SECONDS, TIMES_START = 3.0, 3.0
"""Time limit of a model: the longer of ``MIN_SECONDS`` and ``TIMES_START`` times the import, for slow machines."""


def prove(model: bytes, *, where: str, runtime: str = "auto") -> None:
    """Raise BadData, with ``where``, if the runtime fails to load or run ``model``, Unavailable without a runtime."""
    distribution, version = interpreter.find(runtime)
    folder = _folder()
    record = folder and folder / f"{hashlib.sha256(model).hexdigest()}-{distribution}-{version}"
    if record and record.exists():
        return
    fault = _try(model, distribution)
    if fault is not None:
        advice = fault.advice or "Copy the model again, or export it again."
        raise BadData(f"refused: {fault.reason}", advice, where=where)
    with contextlib.suppress(OSError):  # on a full disk, the check is repeated at each start
        if record:
            record.parent.mkdir(exist_ok=True)
            record.touch()


def _folder() -> Path | None:
    """The folder of the models that passed; None if nothing can be written on this machine.

    Raise Unavailable if it is named by the user, and cannot be written to.
    """
    try:
        return cache.folder("tlpipe-edge", warn=_warn) / "proven"
    except cache.NoFolder as error:
        _warn(f"{error.reason}: the check of a model is repeated at each start")
        return None


@functools.cache
def _warn(text: str) -> None:
    """Once for each text. The console is slow to import."""
    from tlpipe_edge.console import progress

    progress.warn(text)


@dataclass(frozen=True)
class _Fault:
    """What went wrong, and the advice, if there is one."""

    reason: str
    advice: str = ""


def _try(model: bytes, distribution: str) -> _Fault | None:
    """What went wrong with a model in the child, which prints it as a line of JSON; None if nothing did."""
    command = [
        sys.executable,
        "-P",  # never modules of the current folder
        "-m",
        "tlpipe_edge.tflite.sandbox",
        distribution,
    ]
    start = time.monotonic()
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as child:
        assert child.stdout
        watchdog = Timer(START_SECONDS, child.kill)
        watchdog.start()
        ready = child.stdout.readline()
        watchdog.cancel()
        if not ready:
            raise Unavailable(f"{distribution} does not start in a child process", "Install it again.")
        seconds = max(MIN_SECONDS, TIMES_START * (time.monotonic() - start))
        try:
            output, _ = child.communicate(model, timeout=seconds)
        except subprocess.TimeoutExpired:
            child.kill()
            return _Fault(f"{distribution} takes more than {seconds:.0f} s for one image")
        except BaseException:
            child.kill()
            raise
    if child.returncode:
        end = signal.Signals(-child.returncode).name if child.returncode < 0 else f"exit code {child.returncode}"
        return _Fault(f"{distribution} crashes on it ({end})")
    return _Fault(**json.loads(output)) if output else None


def _child(distribution: str) -> None:
    """Import the runtime, print that it is ready, read a model from stdin, and print its fault, if there is one."""
    interpreter.find(distribution)
    print("ready", flush=True)
    model = sys.stdin.buffer.read()
    _limit_memory()
    try:
        session = interpreter.Session(model, runtime=distribution)
        scores = session.run(np.full(session.input.shape, 127, session.input.dtype))
    except TlpipeError as error:
        _tell(_Fault(error.what, error.advice))
    except MemoryError:
        _tell(_Fault(f"it needs more than {MAX_MEMORY // 1_000_000} MB of memory"))
    else:
        if not np.isfinite(scores).all():
            _tell(_Fault("its scores are not finite"))


def _tell(fault: _Fault) -> None:
    print(json.dumps(asdict(fault)))


def _limit_memory() -> None:
    """Limit memory on Linux, which states how much is in use; elsewhere there is only the time limit."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        pages = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[0])
        maximum = pages * resource.getpagesize() + MAX_MEMORY
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_AS, (maximum, maximum))


if __name__ == "__main__":
    _child(sys.argv[1])
