"""Turns failures on a device into errors with advice: of the login, Python, pip, or tlpipe-edge on the device."""

import re
import shlex
import signal

from tlpipe.remote.address import Address
from tlpipe_edge.console.text import printable
from tlpipe_edge.errors import GateNotMet, TlpipeError, Unavailable
from tlpipe_edge.remote_job.messages import ADVICE_IF_FULL, NO_ROOM, Ended, Failed, NotInstalled


def refused(address: Address, output: str) -> TlpipeError:
    """The error for a failed ssh, from its output."""
    log_in = f"{address.command} once"
    if "HOST IDENTIFICATION HAS CHANGED" in output or "REVOKED" in output:
        return Unavailable(
            "its host key has changed, so nothing was sent: an attack, or the device was reinstalled",
            f"Only if you know that it was reinstalled: ssh-keygen -R {_known_as(address)}, then {log_in}.",
            where=address,
        )
    if "key is known for" in output or "Host key verification failed" in output:
        return Unavailable(
            "its host key is not known here",
            f"Run {log_in}, compare the fingerprint with what ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub "
            "says on the device itself, and accept it.",
            where=address,
        )
    if "Permission denied" in output or "Too many authentication failures" in output:
        return Unavailable(
            "the login was refused", f"Copy your key with ssh-copy-id, and try {address.command}.", where=address
        )
    reason = re.sub("^ssh: (connect to host .* port [0-9]+: )?", "", last_line(output))
    return Unavailable(f"ssh cannot connect: {reason}", f"Is it switched on? Try {address.command}.", where=address)


def _known_as(address: Address) -> str:
    """The name in known_hosts, quoted for a shell."""
    return shlex.quote(f"[{address.host}]:{address.port}" if address.port not in (None, 22) else address.host)


def without_python(address: Address, found: str) -> Unavailable:
    """The error if there is no suitable Python. ``found`` is one that cannot make virtual environments, or empty."""
    if found:
        return Unavailable(
            f"{found} on the device cannot make virtual environments (no venv or ensurepip)",
            "On Debian and Raspberry Pi OS: sudo apt install python3-venv",
            where=address,
        )
    return Unavailable(
        "no Python 3.11, 3.12 or 3.13 on the device",
        "On Debian and Raspberry Pi OS, from Bookworm on: sudo apt install python3 python3-venv",
        where=address,
    )


def not_installed(address: Address, event: NotInstalled) -> Unavailable:
    """The error for a failed installation of tlpipe-edge, from the end of its output."""
    if any(f"[Errno {number}]" in event.said for number in NO_ROOM):
        return Unavailable("no disk space left for ~/.cache/tlpipe-remote", ADVICE_IF_FULL, where=address)
    if "Retrying" in event.said or "Could not fetch URL" in event.said:
        return Unavailable(
            "its package index cannot be reached", "Provide the wheels with --wheelhouse DIR.", where=address
        )
    here = printable(f"Python {event.python} on {event.machine}")
    if wanted := re.search(r"No matching distribution found for ([^\s;(]+)", event.said):
        return Unavailable(
            f"no wheel of {printable(wanted[1])} for {here}",
            "Provide one with --wheelhouse DIR, or use a system for which there are wheels: 64 bits, Python 3.11.",
            where=address,
        )
    lines = event.said.splitlines()
    last = next((line for line in reversed(lines) if line.startswith("ERROR: ")), last_line(event.said))
    last = re.sub(r"//[^/@\s]*@", "//", last.removeprefix("ERROR: "))  # a password for the index
    return Unavailable(
        f"tlpipe-edge cannot be installed ({here}): {printable(last)}", "Try pip on the device.", where=address
    )


def failed(address: Address, event: Failed) -> TlpipeError:
    """The error with which tlpipe-edge ended on the device."""
    kinds = {kind.exit_code: kind for kind in TlpipeError.__subclasses__()}
    kinds[GateNotMet.exit_code] = Unavailable  # a bench has no gate
    where = f"{address}: {printable(event.where)}" if event.where else address
    return kinds.get(event.code, TlpipeError)(printable(event.reason), printable(event.advice), where=where)


def ended(address: Address, event: Ended) -> Unavailable:
    """The error if tlpipe-edge ended without one."""
    if event.code < 0:
        advice = "Is its memory too small?" if -event.code == signal.SIGKILL else ""
        return Unavailable(f"tlpipe-edge was killed on the device by signal {-event.code}", advice, where=address)
    last = printable(last_line(event.said, f"exit code {event.code}"))
    return Unavailable(
        f"tlpipe-edge failed on the device: {last}", "Try it on the device by hand: tlpipe-edge doctor", where=address
    )


def last_line(text: str, otherwise: str = "no reason given") -> str:
    """The last line that is not empty."""
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), otherwise)
