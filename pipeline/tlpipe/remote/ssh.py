"""One connection to a device through the system's ssh, which starts one of our programs there.

The configuration, keys and agent of ssh are used, and on a terminal ssh asks for passwords. Host keys are checked
strictly, whatever that configuration says. There is only one login: the command line for the shell on the device is
always the same for a program, and names, addresses and files are never part of it. $TLPIPE_SSH_OPTIONS may hold
further options of ssh, such as ``-F FILE`` or ``-i KEY``. They cannot make it less strict: the first ``-o`` of a name
wins, and ours come first; the last flag such as ``-A`` wins, and ours come last.
"""

import contextlib
import io
import json
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import IO, TypeVar, cast

from tlpipe.remote import failures
from tlpipe.remote.address import Address
from tlpipe.remote.pull_messages import Request
from tlpipe_edge.contract import codec
from tlpipe_edge.errors import BadConfiguration, MissingInput, TlpipeError, Unavailable
from tlpipe_edge.remote_job.messages import MAX_LINE, Job, Sent, Wheels, read_event

PULSE_SECONDS = 10.0
"""Time between the empty lines that show the device that we are still here."""
START_SECONDS = 120.0
"""Time limit for a login without questions, and the start of the shell there."""
CHUNK = 1 << 18
GRACE_SECONDS = 10.0
"""Time for the device to remove incomplete files, before ssh is ended."""

_OPTIONS = {
    "StrictHostKeyChecking": "yes",
    "NoHostAuthenticationForLocalhost": "no",
    "VerifyHostKeyDNS": "no",
    "ControlMaster": "no",  # an existing connection may have been opened less strictly
    "ControlPath": "none",
    "ClearAllForwardings": "yes",
    "ForwardAgent": "no",
    "ForwardX11": "no",
    "PermitLocalCommand": "no",
    "RemoteCommand": "none",
    "RequestTTY": "no",
    "ConnectTimeout": "30",
    "ServerAliveInterval": "15",
    "ServerAliveCountMax": "3",
    "LogLevel": "ERROR",
}
_LAST_WORDS = ("-S", "none", "-a", "-x")
"""No shared connection, no forwarding of agent and display, whatever the flags before say."""
Event = TypeVar("Event")

_GREETING = b"tlpipe-remote"
_MAX_NOISE = 1 << 16
"""Maximum bytes that a shell may print before the greeting."""


@dataclass(frozen=True)
class Program:
    """A file of this package that runs on the device, where Python needs to have these ``modules``."""

    file: str
    modules: str

    @property
    def source(self) -> bytes:
        """Its source, which is sent."""
        return resources.files("tlpipe.remote").joinpath(self.file).read_bytes()

    @property
    def command(self) -> str:
        """The command line that starts it, for the shell on the device."""
        # One line, without backslash, exclamation mark and inner single quote, so that sh, csh and fish read the same.
        # Python is tested with an empty stdin, because the program waits in the real one.
        start = (
            "for python in python3.13 python3.12 python3.11 python3; do "
            '"$python" -c "import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))" '
            "</dev/null >/dev/null 2>&1 || continue; found=$python; "
            f'"$python" -c "import {self.modules}" </dev/null >/dev/null 2>&1 || continue; '
            f"echo; echo {_GREETING.decode()} starts; "
            'exec "$python" -I -X utf8 -c '
            '"import sys; read = sys.stdin.buffer; exec(read.read(int(read.readline())))"; '
            f"done; echo; echo {_GREETING.decode()} lacks $found; exit 69"
        )
        return f"exec /bin/sh -c '{start}'"


BOOTSTRAP = Program("agent.py", "ensurepip, venv")
PULL = Program("pull_agent.py", "hashlib")


class Connection:
    """A login on a device with a program started. It sends messages and files to the program, and receives its events.

    Open one with ``connected``.
    """

    def __init__(self, process: "subprocess.Popen[bytes]", address: Address, stderr: IO[bytes]) -> None:
        self._process, self._address, self._stderr = process, address, stderr
        self._writing = threading.Lock()
        self._over = threading.Event()
        assert process.stdin and process.stdout
        self._in, self._out = process.stdin, io.BufferedReader(cast(io.FileIO, process.stdout))

    def start(self, source: bytes) -> None:
        """Wait for the shell on the device, and send it the source of the program. Raise Unavailable if that fails."""
        limit = threading.Timer(START_SECONDS, self._process.kill)
        limit.daemon = True
        if not _somebody_can_be_asked():
            limit.start()
        noise = 0
        while not (line := self._out.readline(_MAX_NOISE)).startswith(_GREETING):
            noise += len(line)
            if not line or noise > _MAX_NOISE:
                limit.cancel()
                raise self._not_there()
        limit.cancel()
        if b" lacks" in line:
            found = line.split(b" lacks", 1)[1].decode(errors="replace").strip()
            raise failures.without_python(self._address, found)
        self._write(b"%d\n%b" % (len(source), source))
        threading.Thread(target=self._pulse, daemon=True).start()

    def send(self, message: Wheels | Job | Request) -> None:
        """Send a message as a line of JSON."""
        self._write(json.dumps(codec.as_json(message)).encode() + b"\n")

    def send_file(self, file: Path | bytes, *, size: int) -> None:
        """Send exactly ``size`` bytes. If the file has become shorter, zeros follow, and its hash will be wrong.

        Raise MissingInput if the file is gone.
        """
        try:
            stream = io.BytesIO(file) if isinstance(file, bytes) else file.open("rb")
        except OSError as error:
            reason = f"can no longer be read ({error.strerror})"
            raise MissingInput(reason, "Put it back, or leave it out.", where=file) from error
        with stream, self._writing:
            self._write_all(json.dumps(codec.as_json(Sent(size))).encode() + b"\n")
            while size:
                part = stream.read(min(size, CHUNK)) or bytes(min(size, CHUNK))
                self._write_all(part)
                size -= len(part)

    def events(self, kinds: Mapping[str, type[Event]]) -> Iterator[tuple[Event, bytes]]:
        """Yield the events of the device, which are of these kinds, each with the bytes that follow it.

        Raise Unavailable if the connection ends, BadData if a line is not an event.
        """
        while (line := self._out.readline(MAX_LINE)).endswith(b"\n") or len(line) == MAX_LINE:
            event, size = read_event(line, str(self._address), kinds)
            content = self._out.read(size)
            if len(content) < size:
                break
            yield event, content
        raise self._cut()

    def close(self) -> None:
        """End ssh. The end of its stdin ends the processes on the device, which remove incomplete files."""
        self._over.set()
        if self._writing.acquire(timeout=1):  # not while a pulse is stuck in a dead connection
            with contextlib.suppress(OSError):
                self._in.close()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(GRACE_SECONDS)
        self._process.terminate()
        self._process.wait()
        self._out.close()

    def _write(self, content: bytes) -> None:
        with self._writing:
            self._write_all(content)

    def _write_all(self, content: bytes) -> None:
        """Write, and ignore a broken connection: it is noticed while reading events, which may tell the reason."""
        view = memoryview(content)
        with contextlib.suppress(BrokenPipeError):
            while view:
                view = view[self._in.write(view) :]

    def _pulse(self) -> None:
        while not self._over.wait(PULSE_SECONDS):
            if self._writing.acquire(blocking=False):
                try:
                    self._write_all(b"\n")
                except (OSError, ValueError):  # closed
                    return
                finally:
                    self._writing.release()

    def _said(self) -> str:
        """The stderr of ssh, and of the device before the program started."""
        self._stderr.seek(0)
        return self._stderr.read().decode(errors="replace").replace("\r", "")

    def _not_there(self) -> TlpipeError:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(1)
        code = self._process.poll()
        if code == 255:
            return failures.refused(self._address, self._said())
        if code == -signal.SIGKILL:
            return Unavailable(
                "logged in, but the shell does not respond", f"Try {self._address.command}.", where=self._address
            )
        otherwise = "unexpected output" if code is None else f"exit code {code}"
        last = failures.last_line(self._said(), otherwise)
        return Unavailable(
            f"the shell on the device does not run /bin/sh ({last})",
            "The device must run Linux with a common shell, not Windows and not a restricted login.",
            where=self._address,
        )

    def _cut(self) -> TlpipeError:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(GRACE_SECONDS)
        last = failures.last_line(self._said(), "")
        return Unavailable(
            f"the connection was lost{(f' ({last})' if last else '')}",
            "Run it again: files that have arrived are not sent again.",
            where=self._address,
        )


@contextlib.contextmanager
def connected(address: Address, program: Program) -> Iterator[Connection]:
    """A connection with the program started. Raise Unavailable if it cannot be opened."""
    with tempfile.TemporaryFile() as stderr:
        try:
            process = subprocess.Popen(
                command(address, program), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr, bufsize=0
            )
        except OSError as problem:
            raise Unavailable(f"ssh does not start here ({problem.strerror})", "Install OpenSSH's client.") from problem
        connection = Connection(process, address, stderr)
        try:
            connection.start(program.source)
            yield connection
        finally:
            connection.close()


def command(address: Address, program: Program) -> list[str]:
    """The command line of ssh. Without a terminal, ssh does not ask."""
    batch = "no" if _somebody_can_be_asked() else "yes"
    options = [f"-o{name}={value}" for name, value in (_OPTIONS | {"BatchMode": batch}).items()]
    return ["ssh", *options, *_users_options(), *_LAST_WORDS, *address.arguments, program.command]


def _somebody_can_be_asked() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()


def _users_options() -> list[str]:
    try:
        return shlex.split(os.environ.get("TLPIPE_SSH_OPTIONS", ""))
    except ValueError as problem:
        raise BadConfiguration(
            f"{problem}", "Write it as in a shell: -i 'my key'", where="$TLPIPE_SSH_OPTIONS"
        ) from problem
