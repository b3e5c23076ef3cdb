"""The address of a server: parses HOST:PORT, resolves it, and finds the name under which other machines reach it."""

import ipaddress
import re
import socket
from dataclasses import dataclass

from tlpipe_edge.errors import WrongUsage

_WRITTEN = re.compile(r"(?:(?:\[(?P<ipv6>[^\]]*)\]|(?P<name>[^:\s]*)):)?(?P<port>[0-9]{1,5})")

_LOOPBACK_HOST = re.compile(r"(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?", re.IGNORECASE)


def names_loopback(host: str) -> bool:
    """Whether a Host header names this machine. A web page whose own name resolves to 127.0.0.1 (DNS rebinding) has its
    own name there."""
    return _LOOPBACK_HOST.fullmatch(host) is not None


@dataclass(frozen=True)
class ListenAddress:
    """A numeric address, ``family`` AF_INET or AF_INET6, and a port; port 0 lets the system choose."""

    family: socket.AddressFamily
    host: str
    port: int

    @classmethod
    def parse(cls, written: str) -> "ListenAddress":
        """Parse HOST:PORT, [IPV6]:PORT, :PORT or PORT; no host means 127.0.0.1. Raise WrongUsage for anything else."""
        match = _WRITTEN.fullmatch(written)
        if match is None or int(match["port"]) > 65535:
            raise WrongUsage(
                "not an address", "Write HOST:PORT, for example 127.0.0.1:8080, or only 8080.", where=written
            )
        name = match["ipv6"] or match["name"] or "localhost"
        if name == "localhost":
            return cls(socket.AF_INET, "127.0.0.1", int(match["port"]))
        try:
            family, _, _, _, address = socket.getaddrinfo(name, match["port"], type=socket.SOCK_STREAM)[0]
        except (OSError, UnicodeError) as error:
            raise WrongUsage(f"unknown host {name}", "Write its numeric address.", where=written) from error
        return cls(family, str(address[0]), int(match["port"]))

    def __str__(self) -> str:
        return f"{_in_url(self.host)}:{self.port}"

    @property
    def socket_address(self) -> tuple[str, int]:
        """The address as the socket functions take it."""
        return self.host, self.port

    @property
    def is_loopback(self) -> bool:
        """Whether only programs on this machine can reach it."""
        return ipaddress.ip_address(self.host).is_loopback

    @property
    def public_name(self) -> str:
        """The host in a URL for other machines."""
        if not ipaddress.ip_address(self.host).is_unspecified:
            return _in_url(self.host)
        # Connecting a datagram socket sends nothing; the routing table tells which of our addresses others see.
        elsewhere = "192.0.2.1" if self.family == socket.AF_INET else "2001:db8::1"
        with socket.socket(self.family, socket.SOCK_DGRAM) as asking:
            try:
                asking.connect((elsewhere, 9))
                return _in_url(asking.getsockname()[0])
            except OSError:
                return socket.gethostname()


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host
