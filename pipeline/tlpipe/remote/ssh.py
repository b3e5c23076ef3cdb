"""One connection through the system's ssh to a device, on which ``agent`` does a job: whole, or not at all.

ssh's own configuration, keys and agent are respected, and on a terminal ssh asks for what it needs. Host keys are
checked strictly, whatever that configuration says. All goes through one login: the command line that the shell there
sees is always the same, and names, addresses and files never pass through it. $TLPIPE_SSH_OPTIONS may hold further
options of ssh, such as ``-F FILE`` or ``-i KEY``; they cannot make it less strict, for of ``-o`` ssh takes what it
reads first, and of flags such as ``-A`` what it reads last.
"""

import contextlib
import io
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import IO, Any, cast

from tlpipe.remote.address import Address
from tlpipe_edge.errors import BadConfiguration, TlpipeError, Unavailable

PULSE_SECONDS = 10.0
"""Between the empty lines by which the device knows that somebody is still here."""
START_SECONDS = 120.0
"""For a login where nobody is asked for anything, and the shell there."""
CHUNK = 1 << 18
GRACE_SECONDS = 10.0
"""For the device to remove what is half made, before ssh is ended."""

_OPTIONS = {
    "StrictHostKeyChecking": "yes",
    "NoHostAuthenticationForLocalhost": "no",
    "VerifyHostKeyDNS": "no",
    "ControlMaster": "no",  # a connection that is there already may have been opened less strictly
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
"""No shared connection, no agent and no display forwarded, whatever flags came before."""
_GREETING = b"tlpipe-remote"
_MAX_NOISE = 1 << 16
"""Bytes that a shell may print of its own before the greeting."""

# One line, without backslash, exclamation mark and inner single quote, so that sh, csh and fish read the same. Python
# is asked with an empty stdin, for the agent waits in the real one.
_START = (
    "for python in python3.13 python3.12 python3.11 python3; do "
    '"$python" -c "import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))" </dev/null >/dev/null 2>&1'
    " || continue; found=$python; "
    '"$python" -c "import ensurepip, venv" </dev/null >/dev/null 2>&1 || continue; '
    f"echo; echo {_GREETING.decode()} starts; "
    'exec "$python" -I -X utf8 -c "import sys; read = sys.stdin.buffer; exec(read.read(int(read.readline())))"; '
    f"done; echo; echo {_GREETING.decode()} lacks $found; exit 69"
)
COMMAND = f"exec /bin/sh -c '{_START}'"


class Connection:
    """A login on a device with the agent started: send to it, and hear its events. Use ``connected``."""

    def __init__(self, process: "subprocess.Popen[bytes]", address: Address, stderr: IO[bytes]) -> None:
        self._process, self._address, self._stderr = process, address, stderr
        self._writing = threading.Lock()
        self._over = threading.Event()
        assert process.stdin and process.stdout
        self._in, self._out = process.stdin, io.BufferedReader(cast(io.FileIO, process.stdout))

    def start(self) -> None:
        """Wait for the shell there, and give it the agent. Raises Unavailable, which says why it is not to be had."""
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
            raise self._without_python(found)
        source = agent()
        self._write(b"%d\n%b" % (len(source), source))
        threading.Thread(target=self._pulse, daemon=True).start()

    def send(self, header: dict[str, Any]) -> None:
        """A line of JSON."""
        self._write(json.dumps(header).encode() + b"\n")

    def send_file(self, file: Path | bytes, *, size: int) -> None:
        """Exactly ``size`` bytes: of a file that has become shorter, what is missing is zeros, and its hash wrong."""
        with self._writing:
            self._write_all(json.dumps({"bytes": size}).encode() + b"\n")
            with contextlib.ExitStack() as stack:
                stream = None if isinstance(file, bytes) else stack.enter_context(file.open("rb"))
                rest = file if isinstance(file, bytes) else b""
                while size:
                    part = stream.read(min(size, CHUNK)) if stream else rest[:size]
                    part = part or bytes(min(size, CHUNK))
                    self._write_all(part)
                    size -= len(part)

    def events(self) -> Iterator[tuple[dict[str, Any], bytes]]:
        """What the agent tells, until it has told the last. Raises what it says has failed, or Unavailable."""
        while line := self._out.readline():
            try:
                event = json.loads(line)
                content = self._out.read(event["bytes"])
            except (ValueError, KeyError, TypeError):
                raise self._cut() from None
            if len(content) < event["bytes"]:
                break
            if event["event"] == "failed":
                raise error(event["code"], f"{self._address}: {event['what']}", event["advice"])
            yield event, content
            if event["event"] == "result":
                return
        raise self._cut()

    def close(self) -> None:
        """End ssh. The end of its stdin ends what runs there, and what is half made there is removed."""
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
        """A connection that breaks is noticed where its events are heard: they may say why."""
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
        """What ssh, or the device before the agent, said on stderr."""
        self._stderr.seek(0)
        return self._stderr.read().decode(errors="replace").replace("\r", "")

    def _last_line(self) -> str:
        return next((line.strip() for line in reversed(self._said().splitlines()) if line.strip()), "")

    def _without_python(self, found: str) -> TlpipeError:
        if found:
            return Unavailable(
                f"{self._address}: {found} there cannot make virtual environments (no venv or ensurepip)",
                "On Debian and Raspberry Pi OS: sudo apt install python3-venv",
            )
        return Unavailable(
            f"{self._address}: no Python 3.11, 3.12 or 3.13 there",
            "On Debian and Raspberry Pi OS, from Bookworm on: sudo apt install python3 python3-venv",
        )

    def _not_there(self) -> TlpipeError:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(1)
        code = self._process.poll()
        if code == 255:
            return _refused(self._address, self._said())
        if code == -signal.SIGKILL:
            return Unavailable(
                f"{self._address}: logged in, but the shell there does not answer", f"Try {self._address.command}."
            )
        last = self._last_line() or (f"exit code {code}" if code is not None else "it says something else")
        return Unavailable(
            f"{self._address}: the shell there does not run /bin/sh ({last})",
            "The device must run Linux with a usual shell, not Windows and not a restricted login.",
        )

    def _cut(self) -> TlpipeError:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(GRACE_SECONDS)
        last = self._last_line()
        return Unavailable(
            f"{self._address}: the connection was lost{f' ({last})' if last else ''}",
            "Run it again: what has arrived there is not sent again.",
        )


@contextlib.contextmanager
def connected(address: Address) -> Iterator[Connection]:
    """A connection with the agent started. Raises Unavailable where there is none to be had, with what to do."""
    with tempfile.TemporaryFile() as stderr:
        try:
            process = subprocess.Popen(
                command(address), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr, bufsize=0
            )
        except OSError as problem:
            raise Unavailable(f"ssh does not start here ({problem.strerror})", "Install OpenSSH's client.") from None
        connection = Connection(process, address, stderr)
        try:
            connection.start()
            yield connection
        finally:
            connection.close()


def agent() -> bytes:
    """The source of what runs on the device."""
    return resources.files("tlpipe.remote").joinpath("agent.py").read_bytes()


def command(address: Address) -> list[str]:
    """The command line of ssh. Where nobody can be asked, it does not ask."""
    batch = "no" if _somebody_can_be_asked() else "yes"
    options = [f"-o{name}={value}" for name, value in (_OPTIONS | {"BatchMode": batch}).items()]
    return ["ssh", *options, *_users_options(), *_LAST_WORDS, *address.arguments, COMMAND]


def error(code: int, what: str, advice: str = "") -> TlpipeError:
    """The error with this exit code."""
    kinds = {kind.exit_code: kind for kind in TlpipeError.__subclasses__()}
    return kinds.get(code, TlpipeError)(what, advice)


def _somebody_can_be_asked() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()


def _users_options() -> list[str]:
    try:
        return shlex.split(os.environ.get("TLPIPE_SSH_OPTIONS", ""))
    except ValueError as problem:
        raise BadConfiguration(f"$TLPIPE_SSH_OPTIONS: {problem}", "Write it as in a shell: -i 'my key'") from None


def _refused(address: Address, output: str) -> TlpipeError:
    """Why ssh gave up, in our words where they can say what to do."""
    log_in = f"{address.command} once"
    if "HOST IDENTIFICATION HAS CHANGED" in output or "REVOKED" in output:
        return Unavailable(
            f"{address}: its host key has changed, so nothing was sent: somebody listens, or it was set up anew",
            f"Only if you know that it was set up anew: ssh-keygen -R {_known_as(address)}, then {log_in}.",
        )
    if "key is known for" in output or "Host key verification failed" in output:
        return Unavailable(
            f"{address}: its host key is not known here",
            f"Run {log_in}, compare the fingerprint with what ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub "
            "says on the device itself, and accept it.",
        )
    if "Permission denied" in output or "Too many authentication failures" in output:
        return Unavailable(
            f"{address}: the login was refused", f"Give it your key with ssh-copy-id, and try {address.command}."
        )
    last = next((line.strip() for line in reversed(output.splitlines()) if line.strip()), "no reason given")
    reason = re.sub("^ssh: (connect to host .* port [0-9]+: )?", "", last)
    return Unavailable(f"{address}: ssh cannot connect: {reason}", f"Is it switched on? Try {address.command}.")


def _known_as(address: Address) -> str:
    """The name in known_hosts, for a shell."""
    return shlex.quote(f"[{address.host}]:{address.port}" if address.port not in (None, 22) else address.host)
