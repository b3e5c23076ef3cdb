"""The base image of the tests, from what this machine has: its /usr, and the Python of the tests as /usr/local."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

OF_DEBIAN = ("alternatives", "apt", "ca-certificates", "debian_version", "host.conf", "ld.so.conf.d")
"""What a new /etc takes from this machine; and these, which say how it reaches the network:"""
OF_NETWORK = ("hosts", "nsswitch.conf", "resolv.conf", "ssl")


@dataclass(frozen=True)
class Mount:
    """A folder or file of this machine inside the container."""

    source: Path
    target: str
    writable: bool = False


def make_base(root: Path) -> None:
    """The base image but for /usr, which is mounted."""
    for name in ("dev/shm", "etc", "home", "opt", "proc", "root", "run", "sys", "tmp", "usr"):
        (root / name).mkdir(parents=True)
    for name in ("tmp", "var/tmp"):
        (root / name).mkdir(parents=True, exist_ok=True)
        (root / name).chmod(0o1777)
    for name in ("bin", "lib", "lib32", "lib64", "sbin"):
        if Path("/", name).is_symlink():
            (root / name).symlink_to(Path("/", name).readlink())
    for name in (*OF_DEBIAN, *OF_NETWORK):
        source = Path("/etc", name)
        if source.is_dir():
            shutil.copytree(source, root / "etc" / name, symlinks=True)
        elif source.exists():
            shutil.copy(source, root / "etc" / name)
    (root / "etc/ld.so.conf").write_text("/usr/local/lib\ninclude /etc/ld.so.conf.d/*.conf\n")
    for name in ("passwd", "group"):
        shutil.copy(f"/usr/share/base-passwd/{name}.master", root / "etc" / name)
    for name in ("lib/apt/lists/partial", "cache/apt/archives/partial", "lib/dpkg", "log/apt"):
        (root / "var" / name).mkdir(parents=True)
    (root / "var/lib/dpkg/status").touch()


def python() -> Mount:
    """This Python, as /usr/local of the official images: it may lie where only root can read, as in /root."""
    return Mount(Path(sys.base_prefix), "/usr/local")


def apt_mounts(at: Path) -> list[Mount]:
    """An apt-get that looks for packages, but installs none."""
    shim = at / "apt-get"
    shim.write_text("""#!/bin/sh\n[ "$1" != install ] || set -- --simulate "$@"\nexec /run/apt-get "$@"\n""")
    shim.chmod(0o755)
    return [Mount(Path("/usr/bin/apt-get"), "/run/apt-get"), Mount(shim, "/usr/bin/apt-get")]


@cache
def pip_variables() -> dict[str, str]:
    """The configuration of pip and the proxies of this machine, as environment variables: how it reaches an index."""
    listed = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=True
    ).stdout
    found = re.findall(r"^[\w:.-]+\.([a-z-]+)='(.*)'$", listed, re.MULTILINE)
    passed = {name: value for name, value in os.environ.items() if re.fullmatch(r"\w+_proxy|SSL_CERT_\w+", name, re.I)}
    return passed | {f"PIP_{name.upper().replace('-', '_')}": value for name, value in found}


def pip_mounts() -> list[Mount]:
    """The folders and files that the configuration of pip names; what an index links to lies beside it."""
    words = " ".join(pip_variables().values()).split()
    paths = {Path(word.removeprefix("file://")) for word in words if word.startswith(("/", "file:///"))}
    beside = {path.parent if f"file://{path}" in words else path for path in paths}
    return [Mount(path, str(path)) for path in sorted(beside) if path.exists()]
