"""What runs on a device for ``tlpipe bench --device``: its source is sent over ssh, to be run by the Python there.

It needs no more than that Python, from 3.11 on. stdin brings a job, as a line of JSON, then the files that are missing,
each after a line that names it; empty lines between them say that somebody is still there. stdout takes lines of JSON,
of which the last tells the result or the failure. When stdin ends or falls silent, everything that was started here
ends, and what is half made is removed.

Everything is below ~/.cache/tlpipe-remote ($XDG_CACHE_HOME):

    lock            held by the one that works here
    files/SHA256    what was received, whole and checked
    trees/KEY       a bundle with its images: links to files
    venvs/KEY       virtual environments; one without the file `complete` is half made
    temporary-*     of the present run; those of a dead one go
"""

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import platform
import queue
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

SILENCE_SECONDS = 60.0
"""After which nobody is there any more: the other side says something every ten."""
CHUNK = 1 << 18
KEPT_TREES, KEPT_VENVS = 3, 2
MAX_OUTPUT = 256_000_000
_DATA, _UNAVAILABLE, _BUSY = 65, 69, 75
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class Failure(Exception):
    """What the other side is told: an exit code as tlpipe numbers them, what went wrong, and what to do."""

    def __init__(self, code: int, what: str, advice: str = "") -> None:
        super().__init__(what)
        self.code, self.what, self.advice = code, what, advice


class Gone(BaseException):
    """The other side is gone, or a signal told us to end."""


class Talk:
    """Both ends of the connection. A thread listens, so that its end is noticed whatever happens here."""

    def __init__(self) -> None:
        self._heard: queue.Queue[tuple[dict[str, Any], bytes]] = queue.Queue(maxsize=8)
        self._last = time.monotonic()
        self._writing = threading.Lock()
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            signal.signal(number, _end)
        threading.Thread(target=self._listen, daemon=True).start()
        threading.Thread(target=self._watch, daemon=True).start()

    def tell(self, content: bytes = b"", /, **event: Any) -> None:
        """Send an event, and ``content`` after it."""
        with self._writing:
            sys.stdout.buffer.write(json.dumps(event | {"bytes": len(content)}).encode() + b"\n" + content)
            sys.stdout.buffer.flush()

    def hear(self) -> tuple[dict[str, Any], bytes]:
        """What was sent next: a line, or a part of the file that the line before named."""
        return self._heard.get()

    def _listen(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            while line := sys.stdin.buffer.readline():
                self._last = time.monotonic()
                if line.strip():
                    header = json.loads(line)
                    self._heard.put((header, b""))
                    self._listen_to_file(header.get("bytes", 0))
        os.kill(os.getpid(), signal.SIGTERM)

    def _listen_to_file(self, left: int) -> None:
        while left:
            part = sys.stdin.buffer.read(min(left, CHUNK))
            if not part:
                raise ValueError("cut")
            self._last = time.monotonic()
            self._heard.put(({}, part))
            left -= len(part)

    def _watch(self) -> None:
        while time.monotonic() - self._last < SILENCE_SECONDS:
            time.sleep(SILENCE_SECONDS / 10)
        os.kill(os.getpid(), signal.SIGTERM)


_asked_to_end, _end_waits = threading.Event(), threading.Event()


def _end(*_: object) -> None:
    """Raise ``Gone`` in the main thread, once: what cleans up is left in peace, but not for ever."""
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(30)
    _asked_to_end.set()
    if not _end_waits.is_set():
        raise Gone


class Place:
    """The folder on this device, with its lock held and room for what is temporary."""

    def __init__(self, root: Path, temporary: Path) -> None:
        self.root, self.temporary = root, temporary
        self.files, self.trees, self.venvs = root / "files", root / "trees", root / "venvs"
        for folder in (self.files, self.trees, self.venvs):
            folder.mkdir(exist_ok=True)

    @classmethod
    @contextlib.contextmanager
    def opened(cls) -> Iterator["Place"]:
        """Raises Failure where another run works in it."""
        root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tlpipe-remote"
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (root / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Failure(_BUSY, "another run works there", "Wait for it to end.") from None
            for left in root.glob("temporary-*"):
                shutil.rmtree(left, ignore_errors=True)
            temporary = Path(tempfile.mkdtemp(prefix="temporary-", dir=root))
            try:
                yield cls(root, temporary)
            finally:
                _end_waits.set()
                shutil.rmtree(temporary, ignore_errors=True)

    def holds(self, sha256: str) -> bool:
        """Whether a file of this content is here; a damaged one is removed."""
        file = self.files / sha256
        if not file.exists():
            return False
        with file.open("rb") as stream:
            intact = hashlib.file_digest(stream, "sha256").hexdigest() == sha256
        if not intact:
            file.unlink()
        return intact

    def receive(self, talk: Talk, missing: list[str]) -> None:
        """Take the files in this order. Raises Failure for one that is not what was announced."""
        part = self.temporary / "part"
        for sha256 in missing:
            header, _ = talk.hear()
            left, digest = header["bytes"], hashlib.sha256()
            with part.open("wb") as stream:
                while left:
                    _, content = talk.hear()
                    stream.write(content)
                    digest.update(content)
                    left -= len(content)
            if digest.hexdigest() != sha256:
                raise Failure(_DATA, "a file changed while it was sent", "Run it again.")
            part.replace(self.files / sha256)

    def link(self, sha256: str, file: Path) -> None:
        """Let ``file`` have this content; a copy where the file system has no links."""
        file.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(self.files / sha256, file)
        except OSError:
            shutil.copyfile(self.files / sha256, file)

    def tree(self, listed: list[tuple[str, str]]) -> Path:
        """The folder with these (path, sha256): made anew, and put in its place when it is complete."""
        listing = json.dumps(sorted(listed))
        path = self.trees / hashlib.sha256(listing.encode()).hexdigest()[:16]
        new = self.temporary / "tree"
        (new / "content").mkdir(parents=True)
        for name, sha256 in listed:
            self.link(sha256, new / "content" / name)
        (new / "listing.json").write_text(listing)
        if path.exists():
            path.replace(self.temporary / "old")
        new.replace(path)
        os.utime(path)
        return path / "content"

    def prune(self, *, keep: Collection[str]) -> None:
        """Keep the newest trees and virtual environments, and the files of these trees and of ``keep``."""
        for old in [*_newest(self.trees)[KEPT_TREES:], *_newest(self.venvs)[KEPT_VENVS:]]:
            shutil.rmtree(old, ignore_errors=True)
        needed = set(keep)
        for path in self.trees.iterdir():
            with contextlib.suppress(OSError, ValueError):  # damaged: it is made anew when it is asked for again
                needed |= {sha256 for _, sha256 in json.loads((path / "listing.json").read_text())}
        for file in self.files.iterdir():
            if file.name not in needed:
                file.unlink()


def _newest(folder: Path) -> list[Path]:
    return sorted(folder.iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)


class Environment:
    """The virtual environment for one wheel and the Python that runs this."""

    def __init__(self, place: Place, wheel: str) -> None:
        python = f"{sys.version} {sys.base_prefix} {platform.machine()}"
        self._place = place
        self._path = place.venvs / hashlib.sha256(f"{wheel} {python}".encode()).hexdigest()[:16]
        self.python = self._path / "bin" / "python"

    def complete(self) -> bool:
        """Whether it can be used as it is."""
        if not (self._path / "complete").exists():
            return False
        os.utime(self._path)
        try:
            return subprocess.run([self.python, "-c", ""], stdin=subprocess.DEVNULL, check=False).returncode == 0
        except OSError:  # the Python that it was made with is gone
            return False

    def make(self, wheel: Path, wheelhouse: Path | None) -> None:
        """Make it in its final place, for it cannot be moved; the file `complete` comes last. Raises Failure."""
        shutil.rmtree(self._path, ignore_errors=True)
        try:
            self._step([sys.executable, "-I", "-m", "venv", "--without-pip", str(self._path)], os.environ)
            # By itself, for venv does not pass on what went wrong there.
            self._step([self.python, "-I", "-m", "ensurepip", "--upgrade", "--default-pip"], os.environ)
            install: list[str | Path] = [
                self.python,
                "-I",
                "-m",
                "pip",
                "install",
                "--quiet",
                "--no-input",
                "--progress-bar=off",
            ]
            install += ["--disable-pip-version-check", "--only-binary=:all:"]
            environment = dict(os.environ)
            if wheelhouse:
                install += ["--no-index", "--find-links", wheelhouse]
                environment = {key: value for key, value in environment.items() if not key.startswith("PIP_")}
                environment["PIP_CONFIG_FILE"] = os.devnull  # its find-links would be another source
            self._step([*install, wheel], environment)
            (self._path / "complete").touch()
        except BaseException:
            shutil.rmtree(self._path, ignore_errors=True)
            raise

    def _step(self, command: Sequence[str | Path], environment: Mapping[str, str]) -> None:
        lines: list[str] = []
        code, output = run(command, self._place.temporary, environment, lines.append)
        if code:
            raise _not_installed(output.decode(errors="replace").splitlines() + lines)


def _not_installed(lines: list[str]) -> Failure:
    """Why pip gave up, of what it said."""
    text = "\n".join(lines)
    if any(f"[Errno {number}]" in text for number in _NO_ROOM):
        return _no_room()
    if "Retrying" in text or "Could not fetch URL" in text:
        return Failure(_UNAVAILABLE, "its package index cannot be reached", "Give it the wheels with --wheelhouse DIR.")
    here = f"Python {platform.python_version()} on {platform.machine()}"
    if wanted := re.search(r"No matching distribution found for ([^\s;(]+)", text):
        return Failure(
            _UNAVAILABLE,
            f"no wheel of {wanted[1]} for {here}",
            "Give it one with --wheelhouse DIR, or take a system for which there are wheels: 64 bits, Python 3.11.",
        )
    last = next(
        (line for line in reversed(lines) if line.startswith("ERROR: ")), lines[-1] if lines else "no reason given"
    )
    last = re.sub(r"//[^/@\s]*@", "//", last.removeprefix("ERROR: "))
    return Failure(_UNAVAILABLE, f"tlpipe-edge cannot be installed ({here}): {last}", "Look at what pip says there.")


def _no_room() -> Failure:
    return Failure(_UNAVAILABLE, "no room left on its disk for ~/.cache/tlpipe-remote", "Make room there.")


def run(
    command: Sequence[str | Path],
    folder: Path,
    environment: Mapping[str, str],
    on_line: Callable[[str], None],
) -> tuple[int, bytes]:
    """Exit code and output of a program that runs in ``folder``; ``on_line`` gets each line of its stderr.

    It ends, with all that it has started, when this does.
    """
    _end_waits.set()  # from before it starts until it is known here, so that it is not left behind
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        _end_waits.clear()
        if _asked_to_end.is_set():
            raise Gone
        assert process.stdout and process.stderr
        reader = threading.Thread(target=_read_lines, args=(process.stderr, on_line), daemon=True)
        reader.start()
        output = process.stdout.read(MAX_OUTPUT)
        if len(output) == MAX_OUTPUT:
            raise Failure(_DATA, f"{command[0]} prints without end")
        reader.join()
        return process.wait(), output
    except BaseException:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise


def _read_lines(stream: IO[bytes], on_line: Callable[[str], None]) -> None:
    for line in stream:
        on_line(line.decode(errors="replace").rstrip())


def work(job: dict[str, Any], place: Place, talk: Talk) -> tuple[int, bytes]:
    """Get what is missing, make the virtual environment if needed, run tlpipe-edge: exit code and output."""
    tree, wheels = job["tree"], job["wheelhouse"]
    wheel_name, wheel = job["wheel"]
    environment = Environment(place, wheel)
    wanted = dict.fromkeys(sha256 for _, sha256 in tree)
    install = not environment.complete()
    if install:
        wanted |= dict.fromkeys([wheel, *(sha256 for _, sha256 in wheels or ())])
    place.prune(keep=wanted)
    missing = [sha256 for sha256 in wanted if not place.holds(sha256)]
    size, free = sum(job["sizes"][sha256] for sha256 in missing), shutil.disk_usage(place.root).free
    if size > free:
        raise Failure(
            _UNAVAILABLE,
            f"no room on its disk: {size / 1e6:.1f} MB are to be sent, {free / 1e6:.1f} MB are free",
            "Make room there.",
        )
    talk.tell(event="missing", files=missing)
    place.receive(talk, missing)
    folder = place.tree([(name, sha256) for name, sha256 in tree])
    if install:
        talk.tell(event="installing")
        place.link(wheel, place.temporary / wheel_name)
        for name, sha256 in wheels or ():
            place.link(sha256, place.temporary / "wheelhouse" / name)
        environment.make(place.temporary / wheel_name, None if wheels is None else place.temporary / "wheelhouse")
    talk.tell(event="running")
    code, output = run(
        [environment.python, "-I", "-m", "tlpipe_edge", *job["arguments"]],
        folder,
        os.environ,
        lambda line: talk.tell(event="said", line=line),
    )
    place.prune(keep=())
    return code, output


def main() -> None:
    """Do the one job, and end."""
    os.umask(0o077)
    code = 1
    try:
        talk = Talk()
        try:
            talk.tell(event="hello", python=platform.python_version(), machine=platform.machine())
            with Place.opened() as place:
                os.environ["TMPDIR"] = str(place.temporary)
                job, _ = talk.hear()
                ended, output = work(job, place, talk)
            talk.tell(output, event="result", code=ended)
        except (Failure, OSError) as problem:
            failed = problem if isinstance(problem, Failure) else _of_the_disk(problem)
            talk.tell(event="failed", code=failed.code, what=failed.what, advice=failed.advice)
        code = 0
    except (Gone, BrokenPipeError):
        pass
    except BaseException:
        traceback.print_exc()
    os._exit(code)  # the thread that listens cannot be interrupted, and would be waited for


def _of_the_disk(error: OSError) -> Failure:
    if error.errno in _NO_ROOM:
        return _no_room()
    where = f"{error.filename}: " if error.filename else ""
    return Failure(_UNAVAILABLE, f"{where}{error.strerror}", "Look at that file or folder there.")


if __name__ == "__main__":
    main()
