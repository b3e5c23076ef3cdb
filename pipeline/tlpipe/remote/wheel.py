"""Packs an installed distribution as a wheel from its own files: nothing is built or downloaded."""

import base64
import hashlib
import importlib.util
import io
import zipfile
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path, PurePosixPath

from tlpipe_edge.errors import BadConfiguration

_NOT_PACKED = {"RECORD", "WHEEL", "INSTALLER", "REQUESTED", "direct_url.json"}
"""Metadata files that an installer writes, or that are written again here."""
_WHEEL = "Wheel-Version: 1.0\nGenerator: tlpipe\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


@dataclass(frozen=True)
class Wheel:
    """A wheel in memory. The same files always give the same bytes."""

    name: str
    content: bytes


def pack(name: str, package: str) -> Wheel:
    """The wheel of the pure Python distribution ``name`` with its only ``package``, as installed here, editable or not.

    Raise BadConfiguration if it is not installed.
    """
    try:
        installed = distribution(name)
    except PackageNotFoundError as error:
        raise BadConfiguration(f"{name} is not installed here", "Install it with pip.") from error
    found = importlib.util.find_spec(package)
    if found is None or not found.submodule_search_locations:
        raise BadConfiguration(f"its package {package} cannot be found", "Install it again.", where=name)
    folder = Path(next(iter(found.submodule_search_locations)))
    files = {
        f"{package}/{file.relative_to(folder).as_posix()}": file.read_bytes()
        for file in folder.rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }
    stem = f"{name.replace('-', '_')}-{installed.version}"
    info = f"{stem}.dist-info"
    for path in installed.files or ():
        inside = _below_info(PurePosixPath(path))
        if inside and str(inside) not in _NOT_PACKED:
            files[f"{info}/{inside}"] = Path(str(installed.locate_file(path))).read_bytes()
    # Without installation, an .egg-info may be found: it has the same texts, one of them under another name.
    for text, other in (("METADATA", "PKG-INFO"), ("entry_points.txt", "entry_points.txt")):
        files.setdefault(f"{info}/{text}", (installed.read_text(text) or installed.read_text(other) or "").encode())
    files[f"{info}/WHEEL"] = _WHEEL.encode()
    files[f"{info}/RECORD"] = _record(files, f"{info}/RECORD")
    return Wheel(f"{stem}-py3-none-any.whl", _zip(files))


def _below_info(path: PurePosixPath) -> PurePosixPath | None:
    """The path below its .dist-info folder, or None if it is in no such folder."""
    if path.parts[0].endswith(".dist-info"):
        return PurePosixPath(*path.parts[1:])
    return None


def _record(files: dict[str, bytes], itself: str) -> bytes:
    """The list of the files with their hashes (packaging.python.org, "Recording installed projects")."""
    lines = []
    for name, content in sorted(files.items()):
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        lines.append(f"{name},sha256={digest},{len(content)}")
    return "\n".join([*lines, f"{itself},,", ""]).encode()


def _zip(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in sorted(files.items()):
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()
