"""Runs an image without Docker, in namespaces of its own; it needs root.

What is real: users, capabilities, what is read-only, volumes, /dev, and that the entry point is the first process.
"""

import contextlib
import os
import shlex
import signal
import stat
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from base_image import Mount, python
from dockerfile import Stage

ALLOWED = (
    "-all,+chown,+dac_override,+fsetid,+fowner,+setgid,+setuid,+setpcap,+kill,+net_raw,+sys_chroot,+mknod,+audit_write"
)
"""The capabilities of root in a container, by Docker's default."""
DEVICES = ("null", "zero", "full", "random", "urandom")


@dataclass(frozen=True)
class Image:
    """What is in it, and what its last stage says of its containers."""

    root: Path
    variables: Mapping[str, str]
    stage: Stage

    @property
    def user(self) -> str:
        return self.stage.last("USER").text

    @property
    def folder(self) -> str:
        return self.stage.last("WORKDIR").text

    def volume(self, target: str, at: Path) -> Path:
        """A new volume for ``target``: Docker gives it the owner and the mode of the folder in the image."""
        folder = below(self.root, target).stat()
        at.mkdir()
        os.chown(at, folder.st_uid, folder.st_gid)
        at.chmod(stat.S_IMODE(folder.st_mode))
        return at


@dataclass(frozen=True)
class Container:
    """How an image is run: the options of ``docker run``, always with ``--read-only --cap-drop ALL`` and no network.

    ``volumes``: what is at each target, which can be written to.
    """

    image: Image
    volumes: Mapping[str, Path]
    user: str = ""
    entry_point: tuple[str, ...] = ()

    def command(self, *arguments: str) -> list[str]:
        """The entry point as the first process, with no capability, on a read-only root."""
        user, _, group = (self.user or self.image.user).partition(":")
        mounts = [Mount(path, target, writable=True) for target, path in self.volumes.items()]
        entry = self.entry_point or self.image.stage.last("ENTRYPOINT").words
        rest = arguments or self.image.stage.last("CMD").words
        who = [f"--reuid={user}", f"--regid={group or 0}", "--clear-groups", "--bounding-set=-all", "--inh-caps=-all"]
        who += ["--no-new-privs", "--"]
        command = [*in_folder(self.image.folder), *entry, *rest]
        return inside(self.image.root, [python(), *mounts], [*who, *command], read_only=True)

    @property
    def environment(self) -> dict[str, str]:
        """No user of this number is in /etc/passwd: then Docker's HOME is /."""
        return {**self.image.variables, "HOME": "/"}

    def run(self, *arguments: str, timeout: float = 1200) -> "subprocess.CompletedProcess[str]":
        """Run it to its end, without a terminal."""
        return subprocess.run(
            self.command(*arguments),
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    @contextlib.contextmanager
    def started(self, *arguments: str) -> Iterator["subprocess.Popen[str]"]:
        """It runs meanwhile; what is left of it is killed at the end."""
        with subprocess.Popen(
            self.command(*arguments),
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                yield process
            finally:
                process.kill()

    def stop(self, process: "subprocess.Popen[str]") -> None:
        """Do as ``docker stop``: send STOPSIGNAL to the first process of the container."""
        (first,) = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        os.kill(int(first), signal.Signals[self.image.stage.last("STOPSIGNAL").text])


def execute(
    path: Path, mounts: Sequence[Mount], variables: Mapping[str, str], command: Sequence[str], *, user: str = "0:0"
) -> None:
    """Run a command of a build in ``path``, which it can write to. Raise CalledProcessError if it fails."""
    number, _, group = user.partition(":")
    who = [f"--reuid={number}", f"--regid={group}", "--clear-groups", f"--bounding-set={ALLOWED}", "--inh-caps=-all"]
    subprocess.run(
        inside(path, mounts, [*who, "--no-new-privs", "--", *command]),
        env={**variables, "HOME": "/root"},
        stdin=subprocess.DEVNULL,
        timeout=1800,
        check=True,
    )


def inside(root: Path, mounts: Sequence[Mount], command: Sequence[str], *, read_only: bool = False) -> list[str]:
    """A command line of setpriv with ``command``, in namespaces of its own, with ``root`` as its root."""
    q = shlex.quote
    lines = [f"set -e; mount --bind {q(str(root))} {q(str(root))}; cd {q(str(root))}"]
    devices = [Mount(Path("/dev", name), f"/dev/{name}", writable=True) for name in DEVICES]
    for mount in [Mount(Path("/usr"), "/usr"), *devices, *mounts]:
        target = q("." + mount.target)
        _make_target(root, mount)
        lines.append(f"mount --bind {q(str(mount.source))} {target}")
        if not mount.writable:
            lines.append(f"mount -o remount,bind,ro {target}")
    lines.append("mount -t proc proc ./proc; mount -t tmpfs -o mode=1777 shm ./dev/shm")
    lines += [f"mount -o remount,bind,ro {q(str(root))}; ip link set lo up"] * read_only
    lines.append('exec chroot . setpriv "$@"')
    namespaces = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--ipc", "--uts", *["--net"] * read_only]
    return [*namespaces, "sh", "-c", "\n".join(lines), "sh", *command]


def _make_target(root: Path, mount: Mount) -> None:
    if mount.target.startswith("/usr/"):
        return  # it is there: /usr is that of this machine
    target = below(root, mount.target)
    if mount.source.is_dir():
        target.mkdir(parents=True, exist_ok=True)
    elif not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        target.touch()


def below(root: Path, path: str) -> Path:
    """The absolute ``path`` of a container, as seen from here."""
    return root / path.lstrip("/")


def in_folder(folder: str) -> list[str]:
    """What begins a command line that is to run in ``folder`` of the container, as the same process."""
    return ["sh", "-c", f'cd {shlex.quote(folder)} && exec "$@"', "sh"]
