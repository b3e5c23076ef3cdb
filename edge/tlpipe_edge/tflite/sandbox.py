"""Proves a model in a child process: load, allocate, one invoke, within limits of time and memory.

What crashes, hangs or eats memory does so in the child. A model that came through is remembered by its sha256 and the
runtime's version; one that did not is tried anew each time, for a busy machine may have been to blame.
"""

import contextlib
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Timer

import numpy as np

from tlpipe_edge.errors import BadData, TlpipeError, Unavailable
from tlpipe_edge.tflite import interpreter

MEMORY = 1_000_000_000
"""Bytes that loading and running may add to what the runtime takes by itself."""
START_SECONDS = 60.0
"""For the child to import the runtime: 0.3 s on a workstation, several on a small device."""
MIN_SECONDS, TIMES_START = 3.0, 3.0
"""A model may take the longer of ``MIN_SECONDS`` and so many times what the import took: for slow machines."""


def prove(model: bytes, *, where: str, runtime: str = "auto") -> None:
    """Raise BadData, naming ``where``, unless the runtime loads and runs ``model``; Unavailable without a runtime."""
    distribution, version = interpreter.find(runtime)
    record = _folder() / f"{hashlib.sha256(model).hexdigest()}-{distribution}-{version}"
    if record.exists():
        return
    fault = _try(model, distribution)
    if fault is not None:
        advice = fault.advice or "Copy the model again, or export it again."
        raise BadData(f"refused: {fault.reason}", advice, where=where)
    with contextlib.suppress(OSError):  # where there is no place to write to, each start takes the proof again
        record.parent.mkdir(parents=True, exist_ok=True)
        record.touch()


def _folder() -> Path:
    """Where proofs are remembered: below $XDG_CACHE_HOME, or ~/.cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tlpipe-edge" / "proven"


@dataclass(frozen=True)
class _Fault:
    """What went wrong, and what to do about it if that is known."""

    reason: str
    advice: str = ""


def _try(model: bytes, distribution: str) -> _Fault | None:
    """What went wrong with a model in the child, which says so as a line of JSON; None if nothing did."""
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
            raise Unavailable(f"{distribution} does not start in a process of its own", "Install it again.")
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
    """Say when the runtime is there, take a model from stdin, and print what is wrong with it, if anything."""
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
        _tell(_Fault(f"it needs more than {MEMORY // 1_000_000} MB of memory"))
    else:
        if not np.isfinite(scores).all():
            _tell(_Fault("its scores are no numbers"))


def _tell(fault: _Fault) -> None:
    print(json.dumps(asdict(fault)))


def _limit_memory() -> None:
    """Linux alone says how much there is already; elsewhere the limit of time has to do."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        pages = int(Path("/proc/self/statm").read_text().split()[0])
        maximum = pages * resource.getpagesize() + MEMORY
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_AS, (maximum, maximum))


if __name__ == "__main__":
    _child(sys.argv[1])
