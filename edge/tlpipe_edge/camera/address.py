"""What kind of source a text names, and what messages may say of it: a URL can have its password in any part."""

import re
from itertools import accumulate
from pathlib import Path

PICAMERA = "picamera2"

_SCHEMES = (
    *("ftp", "http", "https", "mms", "mqtt", "mqtts", "rtmp", "rtmps", "rtp", "rtsp", "rtsps"),
    *("sftp", "srt", "tcp", "udp"),
)
"""The schemes that a message names: what else is before a colon may be a user."""
_SCHEME = re.compile(r"\s*(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*):(?P<slashes>//)?")
_IPV4 = r"\d{1,3}(?:\.\d{1,3}){3}"
_FULL_NAME = r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*\.[A-Za-z]{2,63}\.?"
_HOST = re.compile(rf"(?:localhost|{_IPV4}|{_FULL_NAME}|\[[0-9A-Fa-f:.]+\])(?::\d{{1,5}})?", re.IGNORECASE)
_SHORT_NAME = re.compile(r"[A-Za-z0-9_-]+")


def is_live(source: str) -> bool:
    """Whether a source never ends by itself (a camera or a URL, not a file or a folder), so its end is an outage."""
    return source == PICAMERA or is_number(source) or is_url(source) or source.startswith("/dev/")


def is_folder(source: str) -> bool:
    """Whether a source is a folder of images."""
    try:
        return not is_live(source) and Path(source).is_dir()
    except (OSError, ValueError):
        return False


def is_number(source: str) -> bool:
    """Whether a source is the number of a camera: nine digits, as OpenCV takes 32 bits."""
    return source.isdecimal() and len(source) <= 9


def is_url(source: str) -> bool:
    """Whether a source is on the network, not a camera of this machine, a file or a folder."""
    return "://" in source


def has_scheme(text: str) -> bool:
    """Whether a text begins as a URL does, not only has one in it."""
    match = _SCHEME.match(text)
    return match is not None and bool(match["slashes"])


def without_secrets(text: str) -> str:
    """The text; of a URL, what messages may say of it."""
    return shown(text) if is_url(text) else text


def shown(source: str) -> str:
    """The source as messages name it, without anything that may be a user, a password, a token or a query.

    Of a URL, that is the scheme and the host with its port, or the scheme alone if it is not certain which part is the
    host. Of a path, it is the part up to the first folder that does not exist: it may be a URL without its scheme.
    """
    match = _SCHEME.match(source)
    scheme = match["scheme"].lower() if match else ""
    if match and match["slashes"]:
        return f"{scheme}://{_host(source[match.end() :]) or '...'}" if scheme in _SCHEMES else "URL"
    if is_url(source):
        return "URL"
    if scheme in _SCHEMES:
        return f"{scheme}:..."
    missing = _first_missing(source)
    if missing is None:
        return source
    return "source" if re.search(r"[@:=&?#]", missing) else missing


def _host(rest: str) -> str:
    """The host, with its port, of a URL without its scheme; empty if that is not certain.

    An @ behind the first ``/ ? # \\`` is that of a password with such a character, or belongs to the path. What is
    before a colon, or behind an @, and is no full name may be a user or a part of a password.
    """
    authority = re.split(r"[/?#\\]", rest, maxsplit=1)[0]
    if "@" in rest[len(authority) :]:
        return ""
    host = authority.rpartition("@")[2]
    return host if _HOST.fullmatch(host) or _SHORT_NAME.fullmatch(authority) else ""


def _first_missing(source: str) -> str | None:
    """The path up to and with its first component that does not exist; None if all of it exists."""
    for part in accumulate(Path(source).parts, lambda path, name: str(Path(path, name))):
        try:
            if not Path(part).exists():
                return part
        except (OSError, ValueError):  # too long, not permitted, or not a path at all
            return "source"
    return None
