"""The bootstrap on a device for ``tlpipe bench --device``: its source is sent over ssh, and the Python there runs it.

It needs only Python 3.11 or newer. It makes a virtual environment with the wheel of tlpipe-edge, starts
``tlpipe_edge.remote_job`` there, and passes stdin on to it. When stdin ends or is silent for too long, all processes
that were started here end, and incomplete files are removed.

stdin brings the names of the wheels, as a line of JSON, then the missing wheels, each after a line with its size. Empty
lines between them show that the workstation is still there. stdout takes events (tlpipe_edge/remote_job/messages.py).

Everything is in the folder tlpipe-remote below $TLPIPE_CACHE, $XDG_CACHE_HOME or ~/.cache:

    lock                 held as long as this runs
    venvs/KEY            virtual environments; one without the file `complete` is incomplete
    wheels/SHA256/NAME   received wheels for a virtual environment that is not complete yet
    temporary-*          files of the current run; those of a dead one are removed
    files, trees         of tlpipe_edge.remote_job
"""

import contextlib
import fcntl
import hashlib
import json
import os
import platform
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import IO, Any

SILENCE_SECONDS = 60.0
"""Time limit for silence on stdin: the workstation sends something every ten seconds."""
CHUNK = 1 << 18
_KEPT_OUTPUT = 10_000


class Gone(Exception):
    """The workstation is gone, or a signal ended this process."""


class NotInstalled(Exception):
    """A step of the installation failed; its text is the end of the output."""


class Changed(Exception):
    """A file has another sha256 than expected; its text says which."""


def tell(event: str, **fields: Any) -> None:
    """Send an event."""
    sys.stdout.buffer.write(json.dumps({"event": event, **fields, "bytes": 0}).encode() + b"\n")
    sys.stdout.buffer.flush()


class Link:
    """The connection to the workstation: stdin. A signal ends stdin, so that all waiting code notices both."""

    def __init__(self) -> None:
        self._last = time.monotonic()
        self._unread = b""
        nothing = os.open(os.devnull, os.O_RDONLY)
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            signal.signal(number, lambda *_: os.dup2(nothing, 0))

    def wait(self, output: IO[bytes] | None = None) -> tuple[bytes, bool]:
        """The received bytes, and whether ``output`` has something to read. Raise Gone if the workstation is gone."""
        end = self._last + SILENCE_SECONDS
        streams = [0] if output is None else [0, output.fileno()]
        ready, _, _ = select.select(streams, [], [], max(0.0, end - time.monotonic()))
        heard = os.read(0, CHUNK) if 0 in ready else b""
        if heard:
            self._last = time.monotonic()
        elif 0 in ready or time.monotonic() >= end:
            raise Gone
        return heard, output is not None and output.fileno() in ready

    def line(self) -> dict[str, Any]:
        """The next line that is not empty."""
        while True:
            line, end, rest = self._unread.partition(b"\n")
            if not end:
                self._unread += self.wait()[0]
                continue
            self._unread = rest
            if line.strip():
                return json.loads(line)

    def file(self, file: Path, sha256: str, part: Path) -> None:
        """Receive a file, in ``part`` until it is complete. Raise Changed if its sha256 differs."""
        left, digest = self.line()["bytes"], hashlib.sha256()
        with part.open("wb") as stream:
            while left:
                content = self._unread or self.wait()[0]
                content, self._unread = content[:left], content[left:]
                stream.write(content)
                digest.update(content)
                left -= len(content)
        if digest.hexdigest() != sha256:
            raise Changed(f"{file.name} changed while it was sent")
        part.replace(file)


def run(
    link: Link,
    command: list[str],
    environment: dict[str, str],
    folder: Path,
    *,
    feed: bool = False,
    keep: tuple[int, ...] = (),
) -> tuple[int, str]:
    """Exit code of a program, and the end of its output. It ends, with its child processes, when this process does.

    With ``feed`` it gets our stdin and stdout, and its output is stderr; otherwise its output is stdout and stderr. It
    inherits the file descriptors ``keep``.
    """
    said = b""
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.PIPE if feed else subprocess.DEVNULL,
        stdout=None if feed else subprocess.PIPE,
        stderr=subprocess.PIPE if feed else subprocess.STDOUT,
        bufsize=0,
        start_new_session=True,
        pass_fds=keep,
    )
    try:
        output = process.stderr if feed else process.stdout
        assert output
        while True:
            heard, more = link.wait(output)
            view = memoryview(heard)
            with contextlib.suppress(BrokenPipeError):  # it has ended: its output says so
                while process.stdin and view:
                    view = view[process.stdin.write(view) :]
            part = os.read(output.fileno(), CHUNK) if more else b""
            if more and not part:
                break
            said = (said + part)[-_KEPT_OUTPUT:]
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # its child processes are still in its group
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    return process.returncode, said.decode(errors="replace")


def installed(link: Link, root: Path, temporary: Path) -> Path:
    """The Python of a virtual environment with the wheel of the workstation. Raise NotInstalled."""
    tell("awaits-wheels")
    wanted = link.line()
    wheel, wheelhouse = wanted["wheel"], wanted["wheelhouse"]
    key = f"{wheel['sha256']} {sys.version} {sys.base_prefix} {platform.machine()}"
    path = root / "venvs" / hashlib.sha256(key.encode()).hexdigest()[:16]
    if usable(link, path, temporary):
        os.utime(path)  # the newest are kept
        return path / "bin/python"
    known = {each["sha256"]: root / "wheels" / each["sha256"] / each["path"] for each in [wheel, *(wheelhouse or ())]}
    for old in (root / "wheels").glob("*"):
        if old.name not in known:
            shutil.rmtree(old, ignore_errors=True)
    missing = [sha256 for sha256, file in known.items() if not file.exists()]
    tell("missing", files=missing)
    for sha256 in missing:
        known[sha256].parent.mkdir(parents=True, exist_ok=True)
        link.file(known[sha256], sha256, temporary / "part")
    tell("installing")
    install(link, path, temporary, known[wheel["sha256"]], list(known.values()) if wheelhouse else [])
    return path / "bin/python"


def usable(link: Link, path: Path, temporary: Path) -> bool:
    """Whether a virtual environment is complete and tlpipe-edge can be imported."""
    needed = "import tlpipe_edge.remote_job.__main__, tlpipe_edge.remote_job.command"
    try:
        command = [str(path / "bin/python"), "-I", "-c", needed]
        return (path / "complete").exists() and run(link, command, dict(os.environ), temporary)[0] == 0
    except OSError:
        return False


def install(link: Link, path: Path, temporary: Path, wheel: Path, wheelhouse: list[Path]) -> None:
    """Make the virtual environment in its final place, for it cannot be moved. Raise NotInstalled."""
    python = str(path / "bin/python")
    environment = dict(os.environ)
    options = ["--quiet", "--no-input", "--progress-bar=off", "--disable-pip-version-check", "--only-binary=:all:"]
    if wheelhouse:
        options += ["--no-index", *(f"--find-links={file.parent}" for file in wheelhouse)]
        environment = {name: value for name, value in environment.items() if not name.startswith("PIP_")}
        environment["PIP_CONFIG_FILE"] = os.devnull  # its find-links would be another source of wheels
    shutil.rmtree(path, ignore_errors=True)
    try:
        for command in (
            [sys.executable, "-I", "-m", "venv", "--without-pip", str(path)],
            # A separate step, because venv does not show its errors.
            [python, "-I", "-m", "ensurepip", "--upgrade", "--default-pip"],
            [python, "-I", "-m", "pip", "install", *options, str(wheel)],
        ):
            code, said = run(link, command, environment, temporary)
            if code:
                shutil.rmtree(path.parents[1] / "wheels", ignore_errors=True)  # one of them may be damaged
                raise NotInstalled(said)
        (path / "complete").touch()
    except BaseException:
        shutil.rmtree(path, ignore_errors=True)
        raise


def work(link: Link, root: Path) -> None:
    """Hold the lock, install if needed, and run the job. Raise NotInstalled, or OSError before the job."""
    (root / "venvs").mkdir(mode=0o700, parents=True, exist_ok=True)
    with (root / "lock").open("wb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            tell("busy")
            return
        for left in root.glob("temporary-*"):
            shutil.rmtree(left, ignore_errors=True)
        temporary = Path(tempfile.mkdtemp(prefix="temporary-", dir=root))
        os.environ["TMPDIR"] = str(temporary)
        try:
            python = installed(link, root, temporary)
            job = [str(python), "-I", "-m", "tlpipe_edge.remote_job", str(root), str(temporary)]
            code, said = run(link, job, dict(os.environ), temporary, feed=True, keep=(lock.fileno(),))
            if code:
                tell("ended", code=code, said=said)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def main() -> None:
    """Run the bootstrap, and send an event if tlpipe-edge could not be started."""
    os.umask(0o077)
    try:
        named = os.environ.get("TLPIPE_CACHE") or os.environ.get("XDG_CACHE_HOME")
        work(Link(), Path(named or "~/.cache").expanduser() / "tlpipe-remote")
    except (Gone, BrokenPipeError):
        pass
    except Changed as problem:
        tell("failed", code=65, where="", reason=f"{problem}", advice="Run it again.")
    except (NotInstalled, OSError, RuntimeError) as problem:  # RuntimeError: there is no home folder
        tell("not-installed", said=f"{problem}", python=platform.python_version(), machine=platform.machine())


if __name__ == "__main__":
    main()
