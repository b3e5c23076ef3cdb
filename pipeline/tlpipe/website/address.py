"""The address at which a site will be: checked, so that what a phone opens can use its camera."""

from urllib.parse import urlsplit

from tlpipe_edge.errors import WrongUsage

MAX_LENGTH = 1000
"""A longer address makes a QR code that is too dense to read from a terminal."""

_LOCAL = ("localhost", "127.0.0.1", "::1")


def check(url: str) -> None:
    """Raise WrongUsage if this is no address of https, or of http on this machine."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        _ = parts.port  # which raises ValueError if it is no number
    except ValueError as error:
        raise _wrong("not an address") from error
    if (
        parts.scheme not in ("http", "https")
        or not host
        or len(url) > MAX_LENGTH
        or not url.isprintable()
        or " " in url
    ):
        raise _wrong("not an address")
    if parts.username is not None or parts.password is not None:
        raise _wrong("it has a user name or a password, which everyone who sees the code could read")
    if parts.scheme == "http" and host not in _LOCAL:
        raise _wrong("http: browsers give a page the camera only over https, or on localhost")


def _wrong(reason: str) -> WrongUsage:
    return WrongUsage(reason, "Write it as https://example.org/clothing/.")
