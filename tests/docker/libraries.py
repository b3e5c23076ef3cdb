"""The shared libraries of Debian that a program loads, and whether the base image has them."""

import subprocess
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from container import Container

OF_THE_BASE = {
    *("libc6", "libgcc-s1", "libstdc++6", "zlib1g", "libbz2-1.0", "liblzma5", "libffi8", "libssl3", "libuuid1"),
    *("libexpat1", "libsqlite3-0", "libncursesw6", "libtinfo6", "libreadline8", "libcrypt1", "libnsl2", "libtirpc3"),
    *("libgssapi-krb5-2", "libkrb5-3", "libk5crypto3", "libkrb5support0", "libcom-err2", "libkeyutils1"),
}
"""The packages with libraries of python:3.11-slim-bookworm: of Debian itself, and for its Python."""
_LOADED = """
import importlib, sys
for name in sys.argv[1:]:
    importlib.import_module(name)
print(*{line.split()[5] for line in open("/proc/self/maps") if ".so" in line}, sep="\\n")
"""


def missing_in_base(container: Container, modules: Iterable[str]) -> dict[str, str]:
    """The libraries that ``modules`` load from packages that the base image does not have, with the package."""
    python = replace(container, entry_point=("python", "-c", _LOADED))
    done = python.run(*modules)
    assert done.returncode == 0, done.stderr
    libraries = [Path(line) for line in done.stdout.splitlines() if not line.startswith(("/opt/", "/usr/local/"))]
    packages = {str(library): _package(library) for library in libraries}
    return {library: package for library, package in packages.items() if package not in OF_THE_BASE}


def _package(library: Path) -> str:
    """Debian's package of it; it may be known by the path before /lib became a link to /usr/lib."""
    for path in (library, Path("/", library.relative_to("/usr"))):
        found = subprocess.run(["dpkg-query", "--search", path], capture_output=True, text=True, check=False)
        if found.returncode == 0:
            return found.stdout.partition(":")[0]
    return "none"
