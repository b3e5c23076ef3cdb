"""The addresses of Ray clusters, as a user writes them."""

import os
from urllib.parse import SplitResult, urlsplit

LOCAL = "ray"
"""The cluster of $RAY_ADDRESS, or one that is started on this machine."""

SCHEME = "ray://"
CLIENT_PORT = 10001
"""Where ``ray start --head`` listens for Ray Clients, if no other port is named."""


def is_valid(address: str) -> bool:
    """Whether it is ``ray://HOST:PORT``."""
    parts = split(address)
    more = parts is None or parts.path or parts.query or parts.fragment or "@" in parts.netloc
    return parts is not None and not more and parts.scheme == "ray"


def split(address: str) -> SplitResult | None:
    """The parts of ``[SCHEME://]HOST:PORT``; None without a host or a port."""
    try:
        parts = urlsplit(address if "://" in address else f"//{address}")
        return parts if parts.hostname and parts.port else None
    except ValueError:  # no number, or too large a one
        return None


def named(address: str) -> str | None:
    """The address of a cluster that is running; None if one is to be started on this machine."""
    return address if address != LOCAL else os.environ.get("RAY_ADDRESS") or None


def shown(address: str) -> str:
    """The cluster that is meant, for messages."""
    there = named(address) or "Ray on this machine"
    return "$RAY_ADDRESS" if "@" in there else there  # which may have a password
