"""The address of an MQTT broker: ``mqtt://[USER:PASSWORD@]HOST[:PORT][/PREFIX]``, or ``mqtts://`` for TLS."""

import re
import socket
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from tlpipe_edge.camera import address
from tlpipe_edge.errors import WrongUsage

PORTS = {"mqtt": 1883, "mqtts": 8883}
"""The ports that are registered for MQTT, and for MQTT over TLS."""
_LONGEST = 200
"""Maximum bytes of a prefix: MQTT allows 65,535 for a topic, but some brokers far fewer."""
_IN_NO_TOPIC = re.compile(r"[\x00-\x1f\x7f+#]")
"""Control characters, and the wildcards of subscriptions."""


@dataclass(frozen=True)
class BrokerAddress:
    """A broker, a login (None if there is none), and ``prefix``, what topics begin with, without a slash at its end.

    ``shown`` is the address as messages name it.
    """

    host: str
    port: int
    tls: bool
    user: str | None
    password: str | None = field(repr=False)
    prefix: str
    shown: str

    @classmethod
    def parse(cls, url: str) -> "BrokerAddress":
        """Parse a URL. The prefix, if there is none, is ``tlpipe/`` with the host name of this machine.

        Raise WrongUsage if the URL is invalid; the error names the scheme and the host alone.
        """
        shown = address.shown(url)
        try:
            url.encode()  # an environment variable may hold bytes that are no text
            parts = urlsplit(url)
            port = PORTS[parts.scheme] if parts.port is None else parts.port
            host = (parts.hostname or "").encode("idna").decode()  # as the socket functions do it later
        except (KeyError, ValueError) as error:  # a UnicodeError is a ValueError
            raise _invalid(shown) from error
        prefix = unquote(parts.path).strip("/") or f"tlpipe/{_IN_NO_TOPIC.sub('_', socket.gethostname())}"
        # An @ behind the host may be that of a password with a slash, which would be the prefix.
        if not host or not port or parts.query or parts.fragment or "@" in parts.path or re.search(r"[\s?#]", url):
            raise _invalid(shown)
        if _IN_NO_TOPIC.search(prefix) or prefix.startswith("$") or len(prefix.encode()) > _LONGEST:
            raise WrongUsage(
                "not a prefix of topics", f"Leave out +, # and $, and write up to {_LONGEST} bytes.", where=shown
            )
        login = [None if text is None else unquote(text) for text in (parts.username, parts.password)]
        return cls(host, port, parts.scheme == "mqtts", login[0], login[1], prefix, shown)


def _invalid(shown: str) -> WrongUsage:
    return WrongUsage(
        "not an address of an MQTT broker",
        "Write mqtt://HOST/PREFIX, or mqtts:// for TLS; a login as USER:PASS@HOST, with %40 for @ and %2F for /.",
        where=shown,
    )
