"""Who may see the live page, and who may change something."""

import hmac
import re
import secrets
from dataclasses import dataclass, field

from tlpipe_edge.live_page.listen import names_loopback
from tlpipe_edge.live_page.request import Request

TOKEN = re.compile(r"[A-Za-z0-9._~-]+")
"""A token that a URL, a cookie and a header can hold as it is."""
KEY_HEADER = "x-tlpipe-key"


@dataclass(frozen=True)
class Access:
    """The rules of one server.

    A ``token`` is given in the query, as a bearer token (RFC 6750), or in the cookie that a browser got with the page.
    On ``loopback``, the Host header must name this machine.

    ``cookie`` is its name. It has the port, because browsers share cookies between the ports of a host.
    ``key`` is in the page, and its script sends it back as ``KEY_HEADER``. Another site can make a browser send a
    request with its cookie, but can neither read the page nor add a header: only for its own origin does a browser do
    that without asking the server.
    """

    token: str | None
    loopback: bool
    cookie: str
    key: str = field(default_factory=secrets.token_urlsafe)

    def may_see(self, request: Request) -> bool:
        """Whether it has the token, if there is one, and names no other host (as it does after DNS rebinding)."""
        if self.loopback and not names_loopback(request.headers.get("host", "")):
            return False
        if self.token is None:
            return True
        given = (request.parameters.get("token", ""), _bearer(request), request.cookies.get(self.cookie, ""))
        return any(_same(each, self.token) for each in given)

    def may_change(self, request: Request) -> bool:
        """Whether it is the page, or a program that has the token, that asks; only for who ``may_see``."""
        if self.token is not None and _same(_bearer(request), self.token):
            return True
        return _same(request.headers.get(KEY_HEADER, ""), self.key)


def _bearer(request: Request) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _same(given: str, secret: str) -> bool:
    return hmac.compare_digest(given.encode(), secret.encode())
