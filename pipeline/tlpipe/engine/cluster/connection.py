"""The connection to a Ray cluster: one that is named, or one that is started on this machine."""

import contextlib
import io
import os
import signal
import tempfile
import threading
import warnings
import zipfile
from collections.abc import Iterator
from importlib import import_module

from tlpipe.engine.cluster import address as addresses
from tlpipe.engine.cluster import problems
from tlpipe.remote import wheel
from tlpipe_edge.console import progress
from tlpipe_edge.errors import Unavailable, WrongUsage
from tlpipe_edge.machine.device import cores

ATTEMPTS = 3
_SERVER_FAILED = "Starting Ray client server failed"
"""The head starts a process for each client, by a fork in which gRPC, where it is not told that it need not support
forks, dies now and then."""

_QUIET = {
    "RAY_ENABLE_AUTO_CONNECT": "0",  # after a connection is lost, a call must not start another cluster
    "RAY_USAGE_STATS_ENABLED": "0",  # nothing is sent to anyone
    "RAY_DEFAULT_PYTHON_VERSION_MATCH_LEVEL": "minor",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_DATA_LOG_LEVEL": "ERROR",
    "GRPC_ENABLE_FORK_SUPPORT": "0",
    "GRPC_VERBOSITY": "NONE",
    "GLOG_minloglevel": "3",
}
"""The environment of Ray and gRPC, which print little then."""

_OF_STORES = (
    *("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_REGION", "AWS_DEFAULT_REGION"),
    *("FSSPEC_S3_ANON", "FSSPEC_S3_ENDPOINT_URL"),
)
"""What workers are told of the object store. Ray shows it in logs, so credentials are not among it."""


def check_installed() -> None:
    """Raise Unavailable if Ray, or what it needs for a client and for Ray Data, is not installed."""
    with _environment():
        try:
            for name in ("grpc", "pyarrow", "ray", "ray.data"):
                import_module(name)
        except ImportError as error:
            raise Unavailable(
                f"--engine ray needs Ray ({error})", 'Install it: pip install "tlpipe[ray]"', where="ray"
            ) from error


@contextlib.contextmanager
def connected(address: str) -> Iterator[None]:
    """Connect to a cluster, to which tlpipe and tlpipe_edge are sent, and disconnect with the block.

    Raise Unavailable if there is none at this address, if it refuses us, or if it has another version of Python or Ray;
    WrongUsage if this process is connected already.
    """
    check_installed()
    import ray

    if ray.is_initialized():
        raise WrongUsage("this process is connected to Ray already", "Call ray.shutdown() before.", where=address)
    with _environment():
        try:
            with (
                progress.waiting(f"connecting to {addresses.shown(address)}", seconds=4),
                tempfile.TemporaryDirectory(prefix="tlpipe-ray-") as packages,
                _signals_as_before(),
            ):
                for name, package in (("tlpipe", "tlpipe"), ("tlpipe-edge", "tlpipe_edge")):
                    zipfile.ZipFile(io.BytesIO(wheel.pack(name, package).content)).extractall(packages)
                _init(address, packages)
            yield
        finally:
            with contextlib.suppress(Exception):
                ray.shutdown()


def _init(address: str, packages: str) -> None:
    import ray

    named = addresses.named(address)
    own: dict[str, object] = {"address": "local", "include_dashboard": False, "num_cpus": cores()}
    arguments: dict[str, object] = {"address": named} if named else own
    variables = _QUIET | {name: os.environ[name] for name in _OF_STORES if name in os.environ}
    environment = {"working_dir": packages, "env_vars": variables}
    if named:
        problems.check_answers(named, where=addresses.shown(address))
    for attempt in range(ATTEMPTS):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # that a connection timed out, which is an error next
                ray.init(runtime_env=environment, logging_level="CRITICAL", log_to_driver=False, **arguments)
            return
        except (SystemExit, Exception) as error:
            if attempt == ATTEMPTS - 1 or _SERVER_FAILED not in str(error):
                raise problems.of_connecting(error, addresses.shown(address)) from error
            progress.say(f"{addresses.shown(address)}: the head did not start a server for this client; once more")


@contextlib.contextmanager
def _signals_as_before() -> Iterator[None]:
    """Ray takes SIGTERM for itself."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, before)


@contextlib.contextmanager
def _environment() -> Iterator[None]:
    before = {name: os.environ.get(name) for name in _QUIET}
    os.environ.update(_QUIET)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
