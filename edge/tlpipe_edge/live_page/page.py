"""The page: one document with its style and its script."""

import base64
import hashlib
import re
from importlib import resources

_STYLES = ("style.css", "page.css")
_SCRIPTS = ("printable.js", "prediction.js", "prediction_view.js", "crop.js", "settings.js", "page.js")
"""Modules, in the order in which they are joined. The page of ``tlpipe web`` has all of them but the last, too."""


def load(key: str) -> tuple[bytes, str]:
    """The page, with the ``key`` that its script sends back, and its Content-Security-Policy.

    The policy allows the style and the script of the page, and nothing else.
    """
    files = resources.files("tlpipe_edge.live_page")
    style = b"".join(files.joinpath(name).read_bytes() for name in _STYLES)
    script = b'"use strict";\n' + b"".join(_as_script(files.joinpath(name).read_bytes()) for name in _SCRIPTS)
    page = files.joinpath("page.html").read_bytes().replace(b'data-key=""', f'data-key="{key}"'.encode())
    sums = {}
    for name, text in (("style", style), ("script", script)):
        page = page.replace(f"<{name}></{name}>".encode(), f"<{name}>".encode() + text + f"</{name}>".encode())
        sums[name] = base64.b64encode(hashlib.sha256(text).digest()).decode()
    own = "; ".join(f"{name}-src 'sha256-{checksum}'" for name, checksum in sums.items())
    nothing_else = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    return page, f"{nothing_else}; img-src 'self' data:; connect-src 'self'; {own}"


def _as_script(module: bytes) -> bytes:
    """A module as a part of one script: an inline script has no other module to import from."""
    return re.sub(rb"^import .*\n|^export ", b"", module, flags=re.MULTILINE)
