"""Gives damaged documents to a reader, one after the other, in a child process, and finds those that it cannot bear.

An execution is a mutant of a sound document, given to a reader. It follows from the seed and its own number alone. The
reader may raise the errors of tlpipe and nothing else. The child notes each document and its number before it reads it,
where the parent sees it: so a signal and a hang have a document, too.
"""

import contextlib
import importlib
import io
import mmap
import os
import resource
import signal
import struct
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from fuzz.mutations import Mutation
from tlpipe_edge.console.verbosity import Verbosity, set_verbosity
from tlpipe_edge.errors import TlpipeError

MAX_SECONDS = 5.0
"""Maximum CPU time of an execution. On a busy machine the clock on the wall says little."""
MAX_WAITING = 60.0
"""Maximum seconds of an execution that sleeps, because it waits for something."""
MAX_AT_ONCE = 1_500_000_000
"""Maximum bytes of address space of an execution, above those of the child when it is ready. An image may have 100
megapixels, which are 300 million bytes, and as many again for each step from the file to the array."""
MAX_GROWTH = 200_000_000
"""Maximum bytes by which the memory in use may grow over all executions after the first ``WARM`` ones."""
WARM = 200
"""Executions until everything is imported and caches are full."""
POLL = 0.25

TARGETS = Path(__file__).parent / "targets"
BY_HAND = ("heic", "hdf5", "sessions")
"""Targets that CI does not run: pi-heif and HDF5 are written in C, and crash for some damaged files, which is known
(SECURITY.md); a session starts a process for each model, so that few are tried in ten seconds."""


@dataclass(frozen=True)
class Fuzzed:
    """What a target tries: a reader, sound documents, and a way to damage them.

    ``read`` takes a document, and raises TlpipeError to refuse it. Anything else that it raises is a finding: an
    AssertionError if it accepts what it must not.
    """

    read: Callable[[bytes], object]
    seeds: Sequence[bytes]
    mutate: Mutation

    def document(self, seed: int, number: int) -> bytes:
        """The document of an execution."""
        random = Random(f"{seed} {number}")
        return self.mutate(random.choice(self.seeds), random)

    def refuses(self, content: bytes) -> bool:
        """Whether a document is refused. Raise anything that the reader should not raise."""
        try:
            self.read(content)
        except TlpipeError as error:
            assert error.reason, "an error without a reason"
            return True
        return False


@dataclass(frozen=True)
class Finding:
    """An execution that did not end as it should: its number, what happened, and the document."""

    number: int
    what: str
    content: bytes


@dataclass(frozen=True)
class Outcome:
    """The number of executions, and of those that were refused; seconds; the maximum of memory; the first finding."""

    executions: int
    refused: int
    seconds: float
    peak_mb: int
    finding: Finding | None


def names() -> list[str]:
    """The targets."""
    return sorted(file.stem for file in TARGETS.glob("[a-z]*.py"))


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    """A temporary folder, in memory if there is one: a document is written for each execution."""
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        yield Path(folder)


def prepared(name: str, folder: Path) -> Fuzzed:
    """A target that is ready: it has read its sound documents. Its files and the cache of tlpipe are in ``folder``."""
    os.environ["TLPIPE_CACHE"] = str(folder / "cache")
    set_verbosity(Verbosity.QUIET)
    fuzzed = importlib.import_module(f"fuzz.targets.{name}").prepare(folder)
    assert isinstance(fuzzed, Fuzzed)
    for seed in fuzzed.seeds:
        fuzzed.read(seed)
    return fuzzed


class Shared:
    """What a child tells: its executions, those refused, whether it is done, its memory, and the current document."""

    _STATE = struct.Struct("<qqqq")

    def __init__(self, folder: Path) -> None:
        self._document = os.open(folder / "document", os.O_RDWR | os.O_CREAT)
        file = folder / "state"
        if not file.exists():
            file.write_bytes(self._STATE.pack(-1, 0, 0, 0))
        with file.open("r+b") as stream:
            self._map = mmap.mmap(stream.fileno(), self._STATE.size)

    def begin(self, number: int, refused: int, content: bytes) -> None:
        os.ftruncate(self._document, os.pwrite(self._document, content, 0))
        self._STATE.pack_into(self._map, 0, number, refused, 0, 0)

    def end(self, number: int, refused: int) -> None:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        self._STATE.pack_into(self._map, 0, number, refused, 1, peak)

    def state(self) -> tuple[int, int, bool, int]:
        """The number of the current execution (-1: not ready), those refused, whether it is done, peak memory in kB."""
        number, refused, done, peak = self._STATE.unpack_from(self._map)
        return number, refused, bool(done), peak

    def document(self) -> bytes:
        return os.pread(self._document, os.fstat(self._document).st_size, 0)

    def close(self) -> None:
        os.close(self._document)
        self._map.close()


def child(name: str, folder: Path, *, seed: int, first: int, last: int, seconds: float) -> None:
    """Run the executions from ``first`` to before ``last``, until ``seconds`` are over. Print a finding, and exit."""
    fuzzed, shared = prepared(name, folder), Shared(folder)
    _limit_memory()
    warnings.simplefilter("error")  # a user would see it, with a line of a library
    end, number, refused, base = time.monotonic() + seconds, first, 0, 0
    while number < last and time.monotonic() < end:
        content = fuzzed.document(seed, number)
        shared.begin(number, refused, content)
        try:
            refused += fuzzed.refuses(content)
        except Exception:
            traceback.print_exc()
            sys.exit(1)
        number += 1
        if (number - first) % WARM == 0:
            base = base or _resident()
            if _resident() - base > MAX_GROWTH:
                sys.exit(f"memory grew by {(_resident() - base) / 1e6:.0f} MB in {number - first} executions")
    shared.end(number, refused)


def _limit_memory() -> None:
    """From now on, this process can have ``MAX_AT_ONCE`` bytes more. No dump of its memory is written."""
    size = _pages(0) + MAX_AT_ONCE
    resource.setrlimit(resource.RLIMIT_AS, (size, size))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _resident() -> int:
    return _pages(1)


def _pages(which: int) -> int:
    return int(Path("/proc/self/statm").read_text("ascii").split()[which]) * resource.getpagesize()


def run(name: str, *, seed: int, executions: int, seconds: float, first: int = 0) -> Outcome:
    """Run a target in a child until ``executions`` or ``seconds`` are over, or to the first finding."""
    start = time.monotonic()
    with scratch() as folder, contextlib.closing(Shared(folder)) as shared, (folder / "said").open("w+b") as said:
        arguments = (name, folder, first, first + executions, seed, seconds)
        command = [sys.executable, str(Path(__file__).with_name("run.py")), "--child", *map(str, arguments)]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=said, stderr=said)
        try:
            hung = _watched(process, shared)
        finally:
            process.kill()
            process.wait()
        number, refused, done, peak = shared.state()
        finding = None
        if not done:
            what = hung or _end(process.returncode, (folder / "said").read_text("utf-8", "replace")[-6000:])
            finding = Finding(number, what, shared.document())
        count = max(number - first, 0) + (finding is not None)
        return Outcome(count, refused, time.monotonic() - start, peak // 1000, finding)


def _watched(process: "subprocess.Popen[bytes]", shared: Shared) -> str:
    """Wait for the end. If an execution takes too long, say so."""
    current, since, used = -1, 0.0, 0.0
    while process.poll() is None:
        number, _, done, _ = shared.state()
        now, (cpu, sleeps) = time.monotonic(), _cpu_seconds(process.pid)
        if number != current or number < 0 or done:
            current, since, used = number, now, cpu
        if not sleeps:  # it works, or waits for its turn on a busy machine
            since = now
        if cpu - used > MAX_SECONDS or now - since > MAX_WAITING:
            return f"a hang: it slept for {now - since:.1f} s, after {cpu - used:.1f} s of CPU time"
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(POLL)
    return ""


def _cpu_seconds(process: int) -> tuple[float, bool]:
    """The CPU time of a process, and whether it sleeps (proc(5): utime, stime and state)."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text("ascii", "replace").rpartition(")")[2].split()
    except OSError:
        return 0.0, False
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"), fields[0] != "R"


def _end(code: int, text: str) -> str:
    return f"{text}\na signal: {signal.Signals(-code).name}" if code < 0 else text or f"exit code {code}"


def repeated(name: str, content: bytes) -> str:
    """What a target does with one document, in this process."""
    with scratch() as folder:
        fuzzed = prepared(name, folder)
        try:
            fuzzed.read(content)
        except TlpipeError as error:
            return f"refused: {error}"
        except Exception:
            said = io.StringIO()
            traceback.print_exc(file=said)
            return said.getvalue()
    return "accepted"
