"""The page, built from ``web/`` at the root of the repository, and LiteRT.js: they are in the wheel, but not in git."""

import gzip
import hashlib
import zlib
from collections.abc import Iterable
from pathlib import Path

from tlpipe_edge.errors import Unavailable

FOLDER = Path(__file__).with_name("built")

INDEX, STYLE, PAGE, WORKER, SERVICE_WORKER = "index.html", "page.css", "page.js", "worker.js", "service_worker.js"
LITERT, WASM = "litert.js", "litert.wasm.bin"
"""LiteRT.js, and its WebAssembly as gzip."""
MANIFEST = "site.webmanifest"
ICONS = ("icon-192.png", "icon-512.png", "maskable-512.png")
LICENCES = ("LICENSE-LiteRT.txt", "THIRD_PARTY_NOTICES.txt")
NAMES = (INDEX, STYLE, PAGE, WORKER, SERVICE_WORKER, LITERT, WASM, MANIFEST, *ICONS, *LICENCES)

_SOURCES = "sources.sha256"
"""The files and folders of the sources below the root of the repository, one a line, and a line with their sha256."""


def read() -> dict[str, bytes]:
    """The content of each of ``NAMES``. Raise Unavailable if one is missing, or if this is a clone whose sources of the
    page are newer."""
    missing = [name for name in NAMES if not (FOLDER / name).is_file()]
    if missing:
        more = f" and {len(missing) - 1} more" if missing[1:] else ""
        raise Unavailable(f"the page is not built: no {missing[0]}{more}", _ADVICE, where=FOLDER)
    if is_stale():
        raise Unavailable("the page is older than its sources in web/", _ADVICE, where=FOLDER)
    return {name: (FOLDER / name).read_bytes() for name in NAMES}


def is_stale() -> bool:
    """Whether the page was built from other sources than those that are here. False outside of a clone."""
    root = FOLDER.parents[3]
    if not (root / "web" / "build.mjs").is_file():
        return False
    try:
        *names, built = (FOLDER / _SOURCES).read_text("utf-8").splitlines()
    except (OSError, ValueError):  # it was built before there was this file, or not to the end
        return True
    return built != sources_sha256(root, names)


def sources_sha256(root: Path, names: Iterable[str]) -> str:
    """The sha256 over the names and the contents of the files that ``names`` are or hold, as web/build.mjs has it.

    Hidden files, as editors have them, do not count.
    """
    files = [file for name in names for file in ((root / name).rglob("*") if (root / name).is_dir() else [root / name])]
    listed = sorted((file.relative_to(root).as_posix(), file) for file in files if _is_source(file))
    lines = (f"{name} {hashlib.sha256(file.read_bytes()).hexdigest()}\n" for name, file in listed)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _is_source(file: Path) -> bool:
    return file.is_file() and not file.name.startswith(".")


def unpacked(wasm: bytes) -> bytes:
    """The content of ``WASM``. Raise Unavailable if it is damaged."""
    try:
        return gzip.decompress(wasm)
    except (OSError, EOFError, zlib.error) as error:
        raise Unavailable(f"damaged ({error})", _ADVICE, where=WASM) from error


_ADVICE = "Run make web-runtime in the clone of tlpipe, which needs npm; or install a wheel, which has all of it."
