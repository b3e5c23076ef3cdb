"""Why a device did not do it, in words that say what to do: the login, its Python, pip, or tlpipe-edge there."""

import re
import shlex
import signal

from tlpipe.remote.address import Address
from tlpipe_edge.console.text import printable
from tlpipe_edge.errors import GateNotMet, TlpipeError, Unavailable
from tlpipe_edge.remote_job.messages import NO_ROOM, Ended, Failed, NotInstalled


def refused(address: Address, output: str) -> TlpipeError:
    """Why ssh gave up, by what it said."""
    log_in = f"{address.command} once"
    if "HOST IDENTIFICATION HAS CHANGED" in output or "REVOKED" in output:
        return Unavailable(
            "its host key has changed, so nothing was sent: somebody listens, or it was set up anew",
            f"Only if you know that it was set up anew: ssh-keygen -R {_known_as(address)}, then {log_in}.",
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
            "the login was refused", f"Give it your key with ssh-copy-id, and try {address.command}.", where=address
        )
    reason = re.sub("^ssh: (connect to host .* port [0-9]+: )?", "", last_line(output))
    return Unavailable(f"ssh cannot connect: {reason}", f"Is it switched on? Try {address.command}.", where=address)


def _known_as(address: Address) -> str:
    """The name in known_hosts, for a shell."""
    return shlex.quote(f"[{address.host}]:{address.port}" if address.port not in (None, 22) else address.host)


def without_python(address: Address, found: str) -> Unavailable:
    """``found`` is a Python that is there, but cannot make virtual environments; empty if there is none."""
    if found:
        return Unavailable(
            f"{found} there cannot make virtual environments (no venv or ensurepip)",
            "On Debian and Raspberry Pi OS: sudo apt install python3-venv",
            where=address,
        )
    return Unavailable(
        "no Python 3.11, 3.12 or 3.13 there",
        "On Debian and Raspberry Pi OS, from Bookworm on: sudo apt install python3 python3-venv",
        where=address,
    )


def not_installed(address: Address, event: NotInstalled) -> Unavailable:
    """Why tlpipe-edge could not be installed, by what the installation said last."""
    if any(f"[Errno {number}]" in event.said for number in NO_ROOM):
        return Unavailable("no room left on its disk for ~/.cache/tlpipe-remote", "Make room there.", where=address)
    if "Retrying" in event.said or "Could not fetch URL" in event.said:
        return Unavailable(
            "its package index cannot be reached", "Give it the wheels with --wheelhouse DIR.", where=address
        )
    here = printable(f"Python {event.python} on {event.machine}")
    if wanted := re.search(r"No matching distribution found for ([^\s;(]+)", event.said):
        return Unavailable(
            f"no wheel of {printable(wanted[1])} for {here}",
            "Give it one with --wheelhouse DIR, or take a system for which there are wheels: 64 bits, Python 3.11.",
            where=address,
        )
    lines = event.said.splitlines()
    last = next((line for line in reversed(lines) if line.startswith("ERROR: ")), last_line(event.said))
    last = re.sub(r"//[^/@\s]*@", "//", last.removeprefix("ERROR: "))  # a password for the index
    return Unavailable(
        f"tlpipe-edge cannot be installed ({here}): {printable(last)}", "Look at what pip says there.", where=address
    )


def failed(address: Address, event: Failed) -> TlpipeError:
    """The error that tlpipe-edge ended with there."""
    kinds = {kind.exit_code: kind for kind in TlpipeError.__subclasses__()}
    kinds[GateNotMet.exit_code] = Unavailable  # a bench has no gate
    where = f"{address}: {printable(event.where)}" if event.where else address
    return kinds.get(event.code, TlpipeError)(printable(event.reason), printable(event.advice), where=where)


def ended(address: Address, event: Ended) -> Unavailable:
    """What else ended tlpipe-edge there."""
    if event.code < 0:
        advice = "Is its memory too small?" if -event.code == signal.SIGKILL else ""
        return Unavailable(f"tlpipe-edge was killed there by signal {-event.code}", advice, where=address)
    last = printable(last_line(event.said, f"exit code {event.code}"))
    return Unavailable(f"tlpipe-edge failed there: {last}", "Try it there by hand: tlpipe-edge doctor", where=address)


def last_line(text: str, otherwise: str = "no reason given") -> str:
    """The last line that says anything."""
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), otherwise)
