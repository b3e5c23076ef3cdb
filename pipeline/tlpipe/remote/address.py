"""The address of a device: ssh://[user@]host[:port]. Characters with a meaning to ssh or a shell are refused.

A folder on it is ssh://[user@]host[:port]/DIR. Its path may have any characters: it is never part of a command line.
"""

import ipaddress
import re
from dataclasses import dataclass

from tlpipe_edge.errors import WrongUsage

_ADVICE = "Write ssh://USER@HOST or ssh://USER@HOST:PORT."
# Neither begins with a dash, and no character has a meaning to a shell (CVE-2023-51385: ssh's own %h and %r).
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]*")
_HOST = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_ZONE = re.compile(r"[A-Za-z0-9_.-]+")


@dataclass(frozen=True)
class Address:
    """A host, or a name in the configuration of ssh; a user or port of None is left to that configuration."""

    host: str
    user: str | None = None
    port: int | None = None

    @classmethod
    def parse(cls, written: str) -> "Address":
        """Parse ssh://[user@]host[:port], IPv6 in brackets. Raise WrongUsage, which never shows a password."""
        scheme, found, rest = written.partition("://")
        login, at, place = rest.removesuffix("/").rpartition("@")
        if not found or scheme.lower() != "ssh":
            raise WrongUsage("not an ssh address", _ADVICE, where=_without_login(written))
        if ":" in login:
            raise WrongUsage(
                "a password does not belong in an address", "ssh asks for it, or uses keys.", where=f"ssh://{place}"
            )
        if at and not _USER.fullmatch(login):
            raise WrongUsage("not a user name", _ADVICE, where=f"ssh://...@{place}")
        match = re.fullmatch(r"(?:\[(?P<ipv6>[^\]]*)\]|(?P<name>[^:\[\]]*))(?::(?P<port>.*))?", place, re.DOTALL)
        if match is None or not _is_host(match["ipv6"], match["name"]):
            raise WrongUsage("not a host", _ADVICE, where=_without_login(written))
        host = match["ipv6"] or match["name"]
        port = match["port"]
        if port is not None and not (re.fullmatch(r"[0-9]{1,5}", port) and 1 <= int(port) <= 65535):
            raise WrongUsage("the port is not a number from 1 to 65535", _ADVICE, where=f"ssh://{host}")
        return cls(host, login or None, None if port is None else int(port))

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"ssh://{f'{self.user}@' if self.user else ''}{host}{f':{self.port}' if self.port else ''}"

    @property
    def arguments(self) -> list[str]:
        """The arguments for the command line of ssh."""
        user = ["-l", self.user] if self.user else []
        port = ["-p", str(self.port)] if self.port else []
        return [*user, *port, "--", self.host]

    @property
    def command(self) -> str:
        """The command to log in by hand."""
        port = f"-p {self.port} " if self.port else ""
        return f"ssh {port}{f'{self.user}@' if self.user else ''}{self.host}"


@dataclass(frozen=True)
class DeviceFolder:
    """A folder on a device.

    scp and git disagree on what ssh://host/DIR means: DIR in the home folder of the login, or /DIR. So it is the one of
    both that is there. ssh://host/~/DIR and ssh://host//DIR mean one of them alone.
    """

    address: Address
    path: str

    @classmethod
    def parse(cls, written: str) -> "DeviceFolder":
        """Parse ssh://[user@]host[:port]/DIR. Raise WrongUsage, which never shows a password."""
        scheme, found, rest = written.partition("://")
        place, _, path = rest.partition("/")
        if "@" not in place and "@" in path:  # a slash in a password, which is then not shown
            place = rest
        address = Address.parse(f"{scheme}{found}{place}")
        if not path.strip("/"):
            raise WrongUsage("no folder is named", "Write ssh://USER@HOST/DIR.", where=address)
        return cls(address, path.rstrip("/"))

    def __str__(self) -> str:
        return f"{self.address}/{self.path}"

    @property
    def meant(self) -> tuple[str, ...]:
        """The folders that it may be, for the device: with ~/ for the home folder, or absolute."""
        if self.path.startswith("/"):
            return (self.path,)
        return (self.path,) if self.path.startswith("~/") else (f"~/{self.path}", f"/{self.path}")


def _is_host(ipv6: str | None, name: str | None) -> bool:
    if ipv6 is None:
        return _HOST.fullmatch(name or "") is not None
    number, percent, zone = ipv6.partition("%")
    try:
        return ipaddress.ip_address(number).version == 6 and (not percent or _ZONE.fullmatch(zone) is not None)
    except ValueError:
        return False


def _without_login(written: str) -> str:
    """``written`` without the parts before an @ and after a colon, which may hold a password."""
    scheme, found, rest = written.partition("://")
    place = rest if found else scheme
    return f"{scheme + found if found else ''}{place.rpartition('@')[2].partition(':')[0]}"
