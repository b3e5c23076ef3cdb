"""Notifies systemd that the service is ready, that it is alive, and of its status (sd_notify(3))."""

import contextlib
import os
import socket


def watched() -> bool:
    """Whether this is a service that systemd expects messages of."""
    return bool(os.environ.get("NOTIFY_SOCKET"))


def notify(**state: str) -> None:
    """Send assignments such as ``READY="1"`` to the socket in $NOTIFY_SOCKET; do nothing if there is none."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    if address.startswith("@"):  # an abstract socket
        address = "\0" + address[1:]
    message = "\n".join(f"{name}={' '.join(value.split())}" for name, value in state.items())
    # While systemd restarts, nobody listens: the next message will arrive.
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.sendto(message.encode(errors="backslashreplace"), address)
