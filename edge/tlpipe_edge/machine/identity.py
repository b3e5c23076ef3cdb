"""An id of this machine, which stays the same."""

import hmac
import socket
from pathlib import Path


def identity(purpose: str, root: Path = Path("/")) -> str:
    """16 hexadecimal digits: other ones for each purpose and machine. ``root`` is the folder that holds /etc.

    They are a hash of /etc/machine-id, which programs must not give away (machine-id(5)); without it, of the host name.
    """
    try:
        machine = (root / "etc/machine-id").read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        machine = ""
    return hmac.digest((machine or socket.gethostname()).encode(), f"tlpipe {purpose}".encode(), "sha256").hex()[:16]
