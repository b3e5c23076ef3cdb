"""index.html: the built page, with the site document and a Content-Security-Policy in it; or everything in one file."""

import base64
import hashlib
import html
import re
from collections.abc import Mapping

from tlpipe.website import built
from tlpipe.website.document import SiteDocument
from tlpipe_edge.console.text import printable

_ICON = "icon-192.png"
_POLICY = {
    "default-src": "'none'",
    # The worker and LiteRT.js are started from blobs, whose content was checked. WebAssembly needs its own permission.
    "script-src": "'self' blob: 'wasm-unsafe-eval'",
    "worker-src": "'self' blob:",
    "style-src": "'self'",
    "img-src": "'self' blob: data:",
    "media-src": "blob: mediastream:",
    "connect-src": "'self'",
    "manifest-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'none'",
}
"""For a folder: nothing but its own files is loaded."""


def of_folder(template: str, document: SiteDocument, files: Mapping[str, bytes]) -> str:
    """index.html of a folder with these ``files``. Browsers refuse a damaged script or style sheet by its hash, and get
    a new one after a change, as its address has the hash, too."""
    text = _with_document(template, document)
    text = _replaced(text, _meta(), _policy(_POLICY))
    style, script = (f'{name}?v={_hex(files[name])[:8]}" integrity="{_hash(files[name])}' for name in _INLINE)
    text = _replaced(text, _style(), f'<link rel="stylesheet" href="{style}">')
    return _replaced(text, _script(), f'<script src="{script}"></script>')


def single(template: str, document: SiteDocument, files: Mapping[str, bytes]) -> str:
    """The page as one file, with each asset of the document, and the licences, in it."""
    style, script = (files[name].decode() for name in _INLINE)
    policy = _POLICY | {
        "script-src": f"'{_hash(script.encode())}' blob: 'wasm-unsafe-eval'",
        "worker-src": "blob:",
        "style-src": f"'{_hash(style.encode())}'",
        "img-src": "blob: data:",
        "connect-src": "'none'",
        "manifest-src": "'none'",
    }
    licences = {f"licence:{name}": files[name].decode() for name in built.LICENCES}
    if re.search(r"</(script|style)|<!--|\r", script + style + "".join(licences.values()), re.IGNORECASE):
        raise ValueError("a script, style sheet or licence that cannot be inside HTML")
    text = _with_document(template, document)
    text = _replaced(text, _meta(), _policy(policy))
    text = _replaced(text, _style(), f"<style>{style}</style>")
    # At the end, because a script inside the page does not wait for what follows it.
    text = _replaced(text, _script(), "")
    text = re.sub(r'<link\b(?=[^>]*\brel="icon")[^>]*>', _icon(files[_ICON]), text)
    text = re.sub(r'<link\b(?=[^>]*\bhref="(?!data:))[^>]*>\n?', "", text)
    assets = {f"asset:{name}": base64.b64encode(files[name]).decode() for name in document.assets}
    inside = "".join(
        f'<script type="text/plain" id="{name}">{content}</script>\n' for name, content in (licences | assets).items()
    )
    return _replaced(text, re.compile("</body>"), f"{inside}<script>{script}</script>\n</body>")


_INLINE = (built.STYLE, built.PAGE)


def _with_document(template: str, document: SiteDocument) -> str:
    title = f"<title>{html.escape(printable(document.name))}</title>"
    text = _replaced(template, re.compile(r"<title>.*?</title>", re.DOTALL), title)
    data = re.compile(r'<script type="application/json" id="site">.*?</script>', re.DOTALL)
    return _replaced(text, data, f'<script type="application/json" id="site">{document.to_json()}</script>')


def _meta() -> re.Pattern[str]:
    return re.compile(r'<meta\s+http-equiv="Content-Security-Policy"\s+content="[^"]*"\s*/?>')


def _style() -> re.Pattern[str]:
    return re.compile(rf'<link\b[^>]*\bhref="{re.escape(built.STYLE)}"[^>]*>')


def _script() -> re.Pattern[str]:
    return re.compile(rf'<script\b[^>]*\bsrc="{re.escape(built.PAGE)}"[^>]*></script>')


def _policy(policy: Mapping[str, str]) -> str:
    directives = "; ".join(f"{name} {sources}" for name, sources in policy.items())
    return f'<meta http-equiv="Content-Security-Policy" content="{directives}">'


def _icon(content: bytes) -> str:
    return f'<link rel="icon" href="data:image/png;base64,{base64.b64encode(content).decode()}">'


def _replaced(text: str, pattern: re.Pattern[str], replacement: str) -> str:
    """``text`` with the only place that matches replaced. Raise ValueError if there is another number of them."""
    found, count = pattern.subn(lambda _: replacement, text)
    if count != 1:
        raise ValueError(f"{built.INDEX} has {count} places like {pattern.pattern}, not one")
    return found


def _hex(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _hash(content: bytes) -> str:
    """As in a policy and in the attribute ``integrity``."""
    return f"sha256-{base64.b64encode(hashlib.sha256(content).digest()).decode()}"
