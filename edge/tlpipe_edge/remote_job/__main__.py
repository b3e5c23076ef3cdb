"""Runs one job for a workstation: receives the missing files, and runs ``tlpipe-edge`` in a folder with the files.

    python -m tlpipe_edge.remote_job ROOT TEMPORARY

The bootstrap (tlpipe/remote/agent.py) holds the lock and starts it. When the connection ends, the bootstrap kills it
with all its child processes, and removes TEMPORARY. stdin brings a ``Job`` as a line of JSON, then the files, each
after a line with its size, and empty lines between them. stdout takes events (messages.py).
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO, TypeVar

from tlpipe_edge.contract import codec
from tlpipe_edge.contract.files import load_json, parse_json
from tlpipe_edge.errors import BadData, TlpipeError, Unavailable
from tlpipe_edge.remote_job.cache import Cache
from tlpipe_edge.remote_job.messages import (
    ADVICE_IF_FULL,
    MAX_OUTPUT,
    MAX_TEXT,
    NO_ROOM,
    AwaitsJob,
    Ended,
    Event,
    Failed,
    Job,
    Missing,
    Result,
    Running,
    Said,
    Sent,
    line_of,
)

ERROR = "error.json"
"""The file in the temporary folder to which the command writes the error that ends it."""

T = TypeVar("T")


def main() -> None:
    """Run the job, and send an event with its result."""
    root, temporary = map(Path, sys.argv[1:])
    try:
        _work(Cache(root, temporary), temporary)
    except TlpipeError as error:
        _tell(Failed.from_error(error))
    except (EOFError, BrokenPipeError):  # the connection ended: the bootstrap has noticed it, too
        sys.exit(1)
    except OSError as error:
        _tell(Failed.from_error(_disk_error(error)))


def _work(cache: Cache, temporary: Path) -> None:
    _tell(AwaitsJob())
    job = _hear(Job)
    folder = _receive(job, cache)
    _tell(Running())
    threading.Thread(target=_end_with_the_link, daemon=True).start()
    code, output, last = _run(job.arguments, folder, temporary)
    cache.prune()
    if code:
        _tell(_failure(temporary / ERROR) or Ended(code, last))
    else:
        _tell(Result(), output)


def _end_with_the_link() -> None:
    """End this process and its child processes when stdin ends, also if the bootstrap was killed."""
    while os.read(0, MAX_TEXT):  # the empty lines that show that the workstation is still there
        pass
    if os.getpgrp() == os.getpid():  # the bootstrap starts it in its own group
        os.killpg(0, signal.SIGKILL)


def _receive(job: Job, cache: Cache) -> Path:
    """The folder with the files of the job, after requesting those that are missing."""
    sizes = {file.sha256: file.bytes for file in job.files}
    cache.prune(keep=sizes)
    missing = tuple(sha256 for sha256 in sizes if not cache.holds(sha256))
    size, free = sum(sizes[sha256] for sha256 in missing), cache.free
    if size > free:
        raise Unavailable(
            f"not enough disk space: {size / 1e6:.1f} MB to send, {free / 1e6:.1f} MB free",
            ADVICE_IF_FULL,
        )
    _tell(Missing(missing))
    for sha256 in missing:
        cache.receive(sys.stdin.buffer, _hear(Sent).bytes, sha256)
    return cache.tree(job.files)


def _run(arguments: tuple[str, ...], folder: Path, temporary: Path) -> tuple[int, bytes, str]:
    """Exit code and output of ``tlpipe-edge``, and its last line on stderr; each such line is sent at once."""
    command = [sys.executable, "-I", "-m", "tlpipe_edge.remote_job.command", str(temporary / ERROR), *arguments]
    with subprocess.Popen(
        command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout and process.stderr
        said = [""]
        reader = threading.Thread(target=_tell_lines, args=(process.stderr, said))
        reader.start()
        output = process.stdout.read(MAX_OUTPUT)
        if len(output) == MAX_OUTPUT:
            process.kill()
        reader.join()
    if len(output) == MAX_OUTPUT:
        raise BadData(f"tlpipe-edge prints more than {MAX_OUTPUT // 10**6} MB", "Name fewer images.")
    return process.returncode, output, said[-1]


def _failure(file: Path) -> Failed | None:
    """The error that the command wrote, if it ended with one and could write it."""
    with contextlib.suppress(TlpipeError):
        return codec.read(Failed, load_json(file), str(file))
    return None


def _tell_lines(stream: IO[bytes], said: list[str]) -> None:
    for line in stream:
        text = line.decode(errors="replace").rstrip()[:MAX_TEXT]
        _tell(Said(text))
        said[:] = [text or said[-1]]


def _hear(kind: type[T]) -> T:
    """The message in the next line. Raise EOFError if there is none, BadData if it is not of this kind."""
    while line := sys.stdin.buffer.readline():
        if line.strip():
            where, advice = "message from the workstation", "Run it again."
            try:
                return codec.read(kind, parse_json(line), where, advice)
            except (ValueError, RecursionError) as error:
                raise BadData("not JSON", advice, where=where) from error
    raise EOFError


def _tell(event: Event, content: bytes = b"") -> None:
    sys.stdout.buffer.write(line_of(event, size=len(content)) + content)
    sys.stdout.buffer.flush()


def _disk_error(error: OSError) -> Unavailable:
    if error.errno in NO_ROOM:
        return Unavailable("no disk space left for ~/.cache/tlpipe-remote", ADVICE_IF_FULL)
    return Unavailable(f"{error.strerror}", "Check that file or folder on the device.", where=error.filename or "")


if __name__ == "__main__":
    main()
