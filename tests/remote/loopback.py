"""A device for tests: a real sshd on 127.0.0.1 with its own keys, home and PATH; and wheels for it."""

import getpass
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.metadata import Distribution, distribution
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from waiting import wait_until

from tlpipe.remote import device_bench, ssh
from tlpipe.remote.address import Address
from tlpipe_edge.errors import TlpipeError

SSHD = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
LIMIT_SECONDS = 180.0
CACHE = Path("home", ".cache", "tlpipe-remote")
"""The cache of tlpipe, relative to the folder of a ``Device``."""

DRAWN = Path(__file__).parents[1] / "data" / "bundle"
GOLDEN = sorted(file for file in (DRAWN / "golden").iterdir() if file.suffix != ".npz")
CLASSIFY = ("classify", "bundle", "images", "--json")
LARGE_BYTES = 10_000_000
"""If a package is larger, its wheel has a path to the package installed here, in place of its files."""

FOR_EVER = ("camera", "bundle", "--source", "images", "--loop", "--threshold", "0")
CLIENT = """
import sys
from pathlib import Path
from tlpipe.remote.address import Address
from tlpipe.remote.device_bench import run_edge
from tlpipe_edge.cli.app import run_program

address, folder, *arguments = sys.argv[1:]
files = {str(file.relative_to(folder)): file for file in Path(folder).rglob("*") if file.is_file()}
run_program(lambda: print(run_edge(Address.parse(address), files, arguments)))
"""


class Device:
    """One sshd, which gives every login ``home``, ``path`` and what ``before`` says, and lets ``shell`` run."""

    def __init__(self, folder: Path) -> None:
        if SSHD is None or not Path("/proc/self/environ").exists():
            pytest.skip("no sshd (apt-get install openssh-server), or no /proc in which to look what runs")
        self.home, self.bin = folder / "home", folder / "bin"
        self.cache = folder / CACHE
        self.config = folder / "ssh_config"
        self.known_hosts = folder / "known_hosts"
        self.user = getpass.getuser()
        self._folder = folder
        self._login = folder / "login"
        for each in (self.home, self.bin):
            each.mkdir(parents=True)
        python = self.bin / f"python3.{sys.version_info[1]}"
        python.symlink_to(getattr(sys, "_base_executable", sys.executable))
        for key in ("host", "user"):
            self._make_key(key)
        shutil.copy(folder / "user.pub", folder / "authorized_keys")
        self.log_in_with()
        self._start()
        self.trust()
        self.config.write_text(
            f"Host *\nIdentityFile {folder}/user\nIdentitiesOnly yes\nIdentityAgent none\n"
            f"UserKnownHostsFile {self.known_hosts}\nGlobalKnownHostsFile none\nStrictHostKeyChecking no\n"
        )

    @property
    def address(self) -> Address:
        """Where it is."""
        return Address("127.0.0.1", self.user, self._port)

    def log_in_with(self, *, path: Path | None = None, before: str = "", shell: str = "/bin/sh") -> None:
        """What each login gets from now on."""
        self._login.write_text(
            f"#!/bin/sh\nHOME='{self.home}' PATH='{path or self.bin}'\nexport HOME PATH\nunset XDG_CACHE_HOME\n"
            "export PIP_NO_COMPILE=1\n"  # what is installed in a test runs once or twice
            f'cd; {before}\nexec {shell} -c "$SSH_ORIGINAL_COMMAND"\n'
        )
        self._login.chmod(0o755)

    def trust(self) -> None:
        """Make the client know its host key."""
        kind, key, *_ = (self._folder / "host.pub").read_text().split()
        self.known_hosts.write_text(f"[127.0.0.1]:{self._port} {kind} {key}\n")

    def set_up_anew(self) -> None:
        """Give it another host key, at the same port."""
        self._make_key("host")
        self.stop()
        self._start(self._port)

    def protect_key(self, passphrase: str) -> None:
        """The user's key can be used by those only who know it."""
        command = ["ssh-keygen", "-q", "-p", "-P", "", "-N", passphrase, "-f", str(self._folder / "user")]
        subprocess.run(command, check=True)

    def forget_logins(self) -> None:
        """No key opens it any more."""
        (self._folder / "authorized_keys").write_text("")

    def cut(self) -> None:
        """Kill the sshd processes of the sessions, as a link dies; what they started is not told."""
        for pid in _children(self._process.pid):
            os.kill(pid, signal.SIGKILL)

    def stop(self) -> None:
        """End sshd; the sessions stay."""
        self._process.terminate()
        self._process.wait()

    def processes(self) -> list[str]:
        """The command lines of all that runs on the device."""
        return [line for _, line in running(self.home)]

    def left(self) -> list[str]:
        """What lies in the cache and is half made."""
        halves = [str(path) for pattern in ("temporary-*", "wheels/*/part") for path in self.cache.glob(pattern)]
        return halves + [str(path) for path in self.cache.glob("venvs/*") if not (path / "complete").exists()]

    def _make_key(self, name: str) -> None:
        for file in (self._folder / name, self._folder / f"{name}.pub"):
            file.unlink(missing_ok=True)
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(self._folder / name)]
        subprocess.run(command, check=True)

    def _start(self, port: int | None = None) -> None:
        self._port = port or _free_port()
        if os.getuid() == 0:
            Path("/run/sshd").mkdir(exist_ok=True)  # sshd asks for it, also where it is not the system's
        config = self._folder / "sshd_config"
        config.write_text(
            f"Port {self._port}\nListenAddress 127.0.0.1\nHostKey {self._folder}/host\nPidFile none\n"
            f"AuthorizedKeysFile {self._folder}/authorized_keys\nStrictModes no\nUsePAM no\n"
            "PasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin prohibit-password\n"
            f"PermitUserRC no\nForceCommand {self._login}\n"
        )
        with (self._folder / "sshd.log").open("w") as log:
            self._process = subprocess.Popen([str(SSHD), "-D", "-e", "-f", str(config)], stderr=log)
        wait_until(self._answers)

    def _answers(self) -> bool:
        assert self._process.poll() is None, (self._folder / "sshd.log").read_text()
        # Asking by a connection would leave a child that, for a moment, listens beside a server that is stopped.
        return "Server listening" in (self._folder / "sshd.log").read_text()


def running(home: Path) -> list[tuple[int, str]]:
    """The processes that have this home, with their command lines."""
    marker = f"HOME={home}\0".encode()
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if marker in b"\0" + (process / "environ").read_bytes():
                line = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                found.append((int(process.name), line))
        except OSError:  # it has ended, or is not ours
            continue
    return found


def classified(device: Device, files: Mapping[str, Path], **options: Any) -> list[str]:
    """The files that were classified there, each without an error."""
    document = json.loads(device_bench.run_edge(device.address, files, CLASSIFY, **options))
    assert [row["error"] for row in document["images"]] == [None] * len(document["images"])
    return [row["file"] for row in document["images"]]


def refused(call: Callable[[], object], kind: type[TlpipeError], *said: str) -> TlpipeError:
    """The error, which is one or two lines and says this."""
    with pytest.raises(kind) as caught:
        call()
    assert type(caught.value) is kind
    lines = str(caught.value).splitlines()
    assert len(lines) <= 2 and all(part in str(caught.value) for part in said), lines
    return caught.value


def client(device: Device, files: dict[str, Path], folder: Path, arguments: Sequence[str]) -> list[str]:
    """The command line of a process of its own that does the same; ``folder`` is for what it sends."""
    for name, file in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, folder / name)
    return [sys.executable, "-c", CLIENT, str(device.address), str(folder), *arguments]


def program(file: Path, script: str) -> Path:
    file.parent.mkdir(exist_ok=True)
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)
    return file


def saying(*lines: bytes | dict[str, Any]) -> bytes:
    """The source of a program that says this, and waits until nobody is there."""
    said = b"".join((line if isinstance(line, bytes) else json.dumps(line).encode()) + b"\n" for line in lines)
    return f"import os, sys\nos.write(1, {said!r})\nsys.stdin.buffer.read()\n".encode()


def impatient(monkeypatch: pytest.MonkeyPatch, *, seconds: float) -> None:
    """The device gives up after so many seconds of silence."""
    source = ssh.BOOTSTRAP.source.decode()
    assert source.count("SILENCE_SECONDS = 60.0") == 1
    changed = source.replace("SILENCE_SECONDS = 60.0", f"SILENCE_SECONDS = {seconds}").encode()
    monkeypatch.setattr(ssh.Program, "source", changed)


def wheelhouse(folder: Path) -> Path:
    """Wheels of all that tlpipe-edge depends on, packed from what is installed here: no index is asked.

    The wheel of a package over ``LARGE_BYTES`` has a path to it (a .pth file) in place of its files: it is sent and
    installed much faster.
    """
    folder.mkdir()
    for each in _dependencies("tlpipe-edge"):
        _pack(each, folder)
    return folder


def _dependencies(name: str) -> list[Distribution]:
    found: dict[str, Distribution] = {}
    asked = [name]
    while asked:
        for line in distribution(asked.pop()).requires or ():
            wanted = Requirement(line)
            key = canonicalize_name(wanted.name)
            if key not in found and (wanted.marker is None or wanted.marker.evaluate({"extra": ""})):
                found[key] = distribution(wanted.name)
                asked.append(wanted.name)
    return list(found.values())


def _pack(installed: Distribution, folder: Path) -> None:
    tags = [line.split(": ")[1] for line in (installed.read_text("WHEEL") or "").splitlines() if line.startswith("Tag")]
    parts = [".".join(dict.fromkeys(column)) for column in zip(*(tag.split("-") for tag in tags), strict=True)]
    stem = f"{canonicalize_name(installed.metadata['Name']).replace('-', '_')}-{installed.version}"
    files = {
        PurePosixPath(path): Path(str(installed.locate_file(path)))
        for path in installed.files or ()
        if ".." not in path.parts and path.suffix != ".pyc"
    }
    packed = dict(files)
    if sum(file.stat().st_size for file in files.values()) > LARGE_BYTES:
        packed = {path: file for path, file in files.items() if path.parts[0].endswith(".dist-info")}
        linked = folder.with_name(f"{stem}-linked")
        linked.mkdir()
        for top in {path.parts[0] for path in files.keys() - packed.keys()}:
            (linked / top).symlink_to(installed.locate_file(top))
    with zipfile.ZipFile(folder / f"{stem}-{'-'.join(parts)}.whl", "w") as archive:
        for path, file in packed.items():
            archive.write(file, _in_wheel(path, stem))
        if packed != files:
            archive.writestr(f"{stem}.pth", f"{linked}\n")


def _in_wheel(path: PurePosixPath, stem: str) -> str:
    """Names differ in how they are written; an installer wants the metadata's folder as the wheel is called."""
    first, *rest = path.parts
    return str(PurePosixPath(f"{stem}.dist-info" if first.endswith(".dist-info") else first, *rest))


def _children(pid: int) -> Iterator[int]:
    for process in Path("/proc").glob("[0-9]*"):
        try:
            parent = (process / "stat").read_text().rpartition(")")[2].split()[1]
        except OSError:
            continue
        if int(parent) == pid:
            yield int(process.name)


def _free_port() -> int:
    with socket.socket() as asking:
        asking.bind(("127.0.0.1", 0))
        return int(asking.getsockname()[1])
