"""Starts the head node of a real Ray cluster as a user does, by ``ray start``, and commands that use it."""

import ast
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

PACKAGES = Path(sysconfig.get_path("purelib"))
TOKEN = "a-token-of-the-tests-which-is-long-enough"
SECONDS = 180


@dataclass(frozen=True)
class Head:
    """``address`` is that of clients; ``hidden`` are the folders that its workers cannot see."""

    address: str
    process: "subprocess.Popen[bytes]"
    hidden: tuple[Path, ...] = ()


def environment(**more: str) -> dict[str, str]:
    """That of a user of the cluster: with its token, and without anything else about Ray."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RAY_") and name != "PYTHONPATH"}
    return kept | {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": TOKEN, "GRPC_ENABLE_FORK_SUPPORT": "0"} | more


@contextlib.contextmanager
def started(python: Path, *, cores: int, hidden: Sequence[Path] = ()) -> Iterator[Head]:
    """The head, whose Ray is that of ``python``; all of its processes end with the block."""
    ports = [free_port() for _ in range(2)]
    folder = tempfile.mkdtemp(prefix="ray-")  # short: sockets are in it
    start = [python, "-m", "ray.scripts.scripts", "start", "--head", "--block", "--disable-usage-stats"]
    start += ["--port", ports[0], "--ray-client-server-port", ports[1], "--num-cpus", cores, "--temp-dir", folder]
    command = [*map(str, start), "--include-dashboard=false"]
    log = Path(folder, "head.log")
    with log.open("w", encoding="utf-8") as output:
        process = subprocess.Popen(
            [*_mounting(hidden), *command],
            env=environment(),
            cwd="/",
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        _wait_for(ports[1], process, log)
        yield Head(f"ray://127.0.0.1:{ports[1]}", process, tuple(hidden))
    finally:
        end(process)
        shutil.rmtree(folder, ignore_errors=True)


def end(process: "subprocess.Popen[bytes]") -> None:
    """End a head and all that is left of its session, as when the machine is lost."""
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError):
            if os.getsid(int(entry.name)) == process.pid:
                os.kill(int(entry.name), signal.SIGKILL)
    process.wait()


def tlpipe(*arguments: object, **more: str) -> "subprocess.CompletedProcess[str]":
    """Run a command of ``tlpipe`` to its end."""
    command = [sys.executable, "-m", "tlpipe", *map(str, arguments)]
    kept = environment(**more)
    return subprocess.run(command, env=kept, capture_output=True, text=True, timeout=SECONDS, check=False)


def begun(*arguments: object, **more: str) -> "subprocess.Popen[str]":
    """Start a command of ``tlpipe``."""
    command = [sys.executable, "-m", "tlpipe", *map(str, arguments)]
    return subprocess.Popen(command, env=environment(**more), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def _mounting(hidden: Sequence[Path]) -> list[str]:
    """What hides folders from a program: empty ones in a mount namespace of its own."""
    if not hidden:
        return []
    if subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode:
        pytest.skip("unshare --mount is not allowed here: nothing can be hidden from the workers")
    mounts = " && ".join(f'mount -t tmpfs none "{folder}"' for folder in hidden)
    return ["unshare", "--mount", "sh", "-c", f'{mounts} && exec "$@"', "sh"]


def free_port() -> int:
    """A port of this machine that nothing listens at."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def _wait_for(port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    for _ in range(10 * SECONDS):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        assert process.poll() is None, log.read_text("utf-8")
        time.sleep(0.1)
    raise AssertionError("the head does not listen")


_ASKING = """
import sys, ray
from tlpipe.engine.cluster import connection, nodes

def origins(names):
    import importlib.util
    found = {name: importlib.util.find_spec(name) for name in names}
    parts = {name: spec.origin.split("/") if spec else [] for name, spec in found.items()}
    return {n: next((p for p in ("working_dir_files", "pip") if p in parts[n]), "/".join(parts[n])) for n in names}

with connection.connected(sys.argv[1]):
    environment = {"pip": list(nodes.requirements())}
    print(ray.get(ray.remote(runtime_env=environment)(origins).remote(sys.argv[2:])))
"""


def asked_of_a_worker(head: Head, *names: str) -> dict[str, str]:
    """Where a worker, with the packages that it needs, has modules from: a folder of Ray, or else the file; "" if it
    has none."""
    command = [sys.executable, "-c", _ASKING, head.address, *names]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=SECONDS, check=True)
    found: dict[str, str] = ast.literal_eval(done.stdout)
    return found
