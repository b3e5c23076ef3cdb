"""What a service tells systemd: that it is ready, that it lives, what it does (sd_notify(3))."""

import contextlib
import os
import socket


def notify(**state: str) -> None:
    """Send assignments such as ``READY="1"`` to the socket that $NOTIFY_SOCKET names; nothing where there is none."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    if address.startswith("@"):  # an abstract socket
        address = "\0" + address[1:]
    message = "\n".join(f"{name}={' '.join(value.split())}" for name, value in state.items())
    # While systemd itself is being restarted nobody listens: the next message will do.
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.sendto(message.encode(errors="backslashreplace"), address)
